"""Every format of every family gives the network's logits, read back by its runtime."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from minjax import compress, models
from minjax.config.deployment import EXPORTED
from minjax.deploy import building
from minjax.deploy.formats import FORMATS, Source, onnx_int8
from minjax.deploy.network import Network, read
from tests.deploy.networks import CLASSES, EVERY, images, network, reference

FLOATS = ("stablehlo", "safetensors", "torch", "onnx")


def some(*families: str) -> list:
    return [param for param in EVERY if param.values[0] in families]


def source(made: Network) -> Source:
    graph = building.build(made.model, made.variables, made.image_shape, mean=made.mean, std=made.std)
    return Source(made, graph, images(made.image_shape))


def runtime(name: str, given: Source, directory: Path):
    """The file written and loaded by its first runtime; skips where a package is missing."""
    kind = FORMATS[name]
    for package in (*kind.packages, kind.checkers[0].package):
        if package is not None and not package.installed:
            pytest.skip(f"needs {package.module}: {package.command}")
    kind.write(given, directory / kind.file)
    return kind.checkers[0].load(directory / kind.file, given)


def difference(logits: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(logits - wanted).max() / np.abs(wanted).max())


def test_the_formats_are_those_that_are_declared():
    assert tuple(FORMATS) == EXPORTED


@pytest.mark.slow
@pytest.mark.parametrize("family", EVERY)
@pytest.mark.parametrize("name", FLOATS)
def test_float_formats(name, family, tmp_path):
    made = network(family)
    pixels = images(made.image_shape)
    logits = runtime(name, source(made), tmp_path).logits(pixels)
    assert logits.dtype == np.float32
    assert difference(logits, reference(made, pixels)) < 2e-6


@pytest.mark.parametrize("family", some("dnn", "cnn", "resnet", "vit"))
@pytest.mark.parametrize("name", ["stablehlo", "onnx"])
def test_any_batch(name, family, tmp_path):
    made = network(family)
    run = runtime(name, source(made), tmp_path).logits
    pixels = images(made.image_shape, 3)
    np.testing.assert_allclose(run(pixels), np.concatenate([run(pixels[:1]), run(pixels[1:])]), atol=1e-6)


@pytest.mark.parametrize("family", some("dnn", "cnn", "resnet", "vgg", "vit"))
def test_onnx_int8_is_near_and_small(family, tmp_path):
    made = network(family)
    pixels = images(made.image_shape)
    run = runtime("onnx_int8", source(made), tmp_path)
    assert difference(run.logits(pixels), reference(made, pixels)) < 0.05
    assert run.operators["QuantizeLinear"] > 1


def shrunk_and_pruned(family: str) -> Network:
    """A network whose pruned channels are gone, with the weights that are left quantized to 4 bits."""
    made = network(family)
    masks = compress.masks(made.variables["params"], "l1_structured", 0.4, include=("*/kernel",), axis="out")
    model, variables, _ = compress.shrink(made.model, made.variables, masks)
    variables = {**variables, "params": compress.fake_quantize(variables["params"], 4, include=("*/kernel",))}
    assert models.shrunk_fields(model) != models.shrunk_fields(made.model)
    fields = {
        name: getattr(made, name) for name in ("image_shape", "classes", "mean", "std", "resized", "dtype", "about")
    }
    return Network(model=model, variables=variables, **fields)


@pytest.mark.parametrize("family", some("dnn", "cnn", "resnet", "bottleneck", "vgg", "vit"))
@pytest.mark.parametrize("name", FLOATS)
def test_shrunk_pruned_and_quantized_networks(name, family, tmp_path):
    made = shrunk_and_pruned(family)
    pixels = images(made.image_shape)
    run = runtime(name, source(made), tmp_path)
    assert difference(run.logits(pixels), reference(made, pixels)) < 2e-6


def test_onnx_names_the_classes(tmp_path):
    onnx = pytest.importorskip("onnx")
    runtime("onnx", source(network("dnn")), tmp_path)
    properties = {p.key: p.value for p in onnx.load(str(tmp_path / "model.onnx")).metadata_props}
    assert json.loads(properties["classes"]) == list(CLASSES)


def test_safetensors_is_a_network_again(tmp_path):
    made = shrunk_and_pruned("resnet")
    runtime("safetensors", source(made), tmp_path)
    again = read(tmp_path / "model.safetensors")
    assert again.model == made.model
    assert (again.classes, again.image_shape, again.mean) == (made.classes, made.image_shape, made.mean)


@pytest.mark.parametrize("before", [logging.NOTSET, logging.ERROR])
def test_quantizing_leaves_logging_as_it_was(before):
    logging.disable(before)
    try:
        with onnx_int8._quiet():
            assert logging.root.manager.disable == max(before, logging.WARNING)
        assert logging.root.manager.disable == before
    finally:
        logging.disable(logging.NOTSET)
