"""The table of named networks: parameter counts, fields, what each can take, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from configs.base import get_config
from minjax import models
from minjax.errors import UserError
from minjax.models import __main__ as listing
from minjax.models.fields import CHECKS

COUNTS = json.loads((Path(__file__).parents[1] / "data" / "param_counts.json").read_text())
# Paper 2's networks: only its abstract was at hand, which has no counts.
WITHOUT_COUNT = {"dnn", "cnn"}


def logits_shape(name: str, image_shape: tuple[int, int, int], classes: int = 10, **fields):
    """The shape and type of the logits of three images, without computing anything."""
    model = models.build(name, classes, **fields)
    images = jax.ShapeDtypeStruct((3, *image_shape), jnp.float32)
    out, _ = jax.eval_shape(lambda key, x: model.init_with_output(key, x, train=False), jax.random.key(0), images)
    return out.shape, out.dtype


def test_every_named_network_has_a_count():
    assert set(models.NAMES) == set(COUNTS) | WITHOUT_COUNT


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts_are_those_of_the_papers_code(name):
    for classes, count in COUNTS[name].items():
        assert models.param_count(name, int(classes)) == count


def test_counts_of_the_second_papers_networks():
    assert models.param_count("dnn", 10, image_shape=(28, 28, 1), widths=(20, 10)) == 785 * 20 + 21 * 10 + 11 * 10
    cnn = models.param_count("cnn", 10, image_shape=(28, 28, 1), channels=(4,))
    assert cnn == (9 + 1) * 4 + (26 * 26 * 4 + 1) * 10


def test_listing_shows_every_network_and_the_papers_other_count(monkeypatch):
    shown = ("dnn", "resnet18_s", "vit_s")
    monkeypatch.setattr(listing, "NAMES", shown)
    text = listing.table()
    assert all(name in text for name in shown)
    assert "701,466" in text
    assert "840,010" in text
    assert "827,338" in text
    assert "class token" in text
    assert "12,672" in text


@pytest.mark.parametrize(
    ("name", "image_shape"),
    [
        ("dnn", (5, 7, 2)),
        ("cnn", (8, 8, 1)),
        ("resnet18_s", (8, 8, 1)),
        ("resnet18_s", (33, 40, 3)),
        ("resnet50", (16, 16, 1)),
        ("vgg11", (32, 32, 1)),
        ("vgg11_bn", (70, 65, 3)),
        ("vit_s", (8, 8, 1)),
        ("vit_s", (28, 24, 1)),
    ],
)
def test_sizes_and_channels(name, image_shape):
    assert logits_shape(name, image_shape, classes=7) == ((3, 7), jnp.float32)


def test_fields_are_those_of_the_configuration_and_build_takes_each():
    declared = set(get_config().model) - {"name"}
    assert declared == set(CHECKS)
    assert set().union(*(models.fields(name) for name in models.NAMES)) == declared
    for name in models.NAMES:
        models.build(name, 10, **models.fields(name))


def test_named_networks_are_the_papers():
    vit = models.fields("vit_s")
    assert (vit["dim"], vit["depth"], vit["heads"], vit["mlp_dim"], vit["patch_size"]) == (192, 4, 8, 128, 4)
    assert (vit["attention_scale"], vit["dropout"], vit["embedding_dropout"]) == ("dim", 0.1, 0.1)
    assert (vit["position_scale"], vit["init"]) == (1.0, "paper")
    assert models.fields("vgg16_s") == {
        "init": "paper",
        "dropout": 0.5,
        "batch_norm": False,
        "width": 16,
        "head_width": 128,
    }
    assert models.fields("vgg16_bn")["batch_norm"] is True
    assert models.fields("resnet18_s")["width"] == 16


def test_fields_change_the_network_and_none_does_not():
    assert models.param_count("resnet18_s", 10) == models.param_count("resnet18", 10, width=16, init=None)
    wide = {"dim": 24, "depth": 1, "heads": 3, "mlp_dim": 5}
    assert models.param_count("vit", 10, **wide) < 10_000
    assert models.build("dnn", 10, widths=[4, 2]).widths == (4, 2)
    without = models.param_count("vgg11", 10, head_width=0)
    assert models.param_count("vgg11", 10) - without == 2 * (512 * 512 + 512)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("resnet18s", {}, "unknown model 'resnet18s' .*did you mean"),
        ("resnet18", {"heads": 2}, "'resnet18' has no field 'heads'; it has: dropout, init, width"),
        ("dnn", {"blocks": (1,)}, "no field 'blocks'; it has: dropout, init, widths"),
        ("dnn", {"widths": (10, -1)}, "model.widths"),
        ("dnn", {"widths": 10}, "model.widths"),
        ("dnn", {"dropout": 1.0}, "model.dropout is 1.0; it must be below 1"),
        ("dnn", {"dropout": float("nan")}, "model.dropout"),
        ("dnn", {"dropout": "0.1"}, "model.dropout"),
        ("dnn", {"init": "xavier"}, "model.init is 'xavier'; it must be paper or he"),
        ("cnn", {"channels": ()}, "model.channels"),
        ("cnn", {"padding": "same"}, "model.padding"),
        ("cnn", {"pool": 1}, "model.pool is 1; it must be True or False"),
        ("cnn", {"kernel_size": 0}, "model.kernel_size"),
        ("vgg16", {"width": True}, "model.width"),
        ("vgg16", {"width": 16.0}, "model.width"),
        ("vit", {"heads": 7}, "model.heads=7 does not divide model.dim=512"),
        ("vit", {"position_scale": -1.0}, "model.position_scale"),
        ("vit", {"attention_scale": "head"}, "model.attention_scale"),
        ("vit", {"dtype": "float33"}, "unknown dtype"),
        ("vit", {"dtype": "int32"}, "unknown dtype"),
    ],
)
def test_refused_fields(name, fields, message):
    with pytest.raises(UserError, match=message):
        models.build(name, 10, **fields)


@pytest.mark.parametrize("classes", [1, 0, -3, 2.5, True, "10"])
def test_refused_class_counts(classes):
    with pytest.raises(UserError, match="classes"):
        models.build("dnn", classes)


@pytest.mark.parametrize(
    ("name", "image_shape", "fields", "message"),
    [
        ("vgg16_s", (28, 28, 1), {}, "vgg cannot take 28x28 images: .* at least 32x32"),
        ("vit_s", (30, 20, 3), {}, "patch_size=4 cannot take 30x20 images: .*: 1, 2, 5, 10$"),
        ("cnn", (8, 8, 1), {"channels": (4, 4), "pool": True}, "cannot take 8x8 images: it needs at least 10 pixels"),
    ],
)
def test_refused_image_sizes(name, image_shape, fields, message):
    with pytest.raises(UserError) as caught:
        logits_shape(name, image_shape, **fields)
    # Not `match`, which also sees the note on its traceback that JAX appends; the message itself is one line.
    assert re.search(message, str(caught.value))


def test_smallest_cnn_images_are_taken():
    assert logits_shape("cnn", (10, 10, 1), channels=(4, 4), pool=True)[0] == (3, 10)
    assert logits_shape("cnn", (4, 4, 1), channels=(4, 4), pool=True, padding="SAME")[0] == (3, 10)
