"""The networks of paper 1's own PyTorch code: same weights, same logits, loss, gradients and statistics."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import models
from minjax.interop import layouts
from minjax.interop.torch import convert

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"

NAMES = ("resnet18_s", "vgg16_s", "vit_s")


def vectors(name: str) -> dict[str, np.ndarray]:
    path = REFERENCE / f"torch_{name}.npz"
    if not path.is_file():
        pytest.skip(f"the reference vectors {path.name} are not beside this checkout")
    return dict(np.load(path))


def part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}


def by_torch_name(model, tree) -> dict[str, np.ndarray]:
    names = layouts.layout(model)
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {layouts.leaf_name(names, tuple(k.key for k in keys)): np.asarray(leaf) for keys, leaf in leaves}


@pytest.mark.parametrize("name", NAMES)
def test_same_numbers_as_pytorch(name):
    arrays = vectors(name)
    variables = convert(part(arrays, "sd/"), name, 10)
    images = jnp.asarray(arrays["x_nchw"].transpose(0, 2, 3, 1))
    dropless = {"dropout": 0.0, "embedding_dropout": 0.0} if name == "vit_s" else {"dropout": 0.0}
    model = models.build(name, 10, **dropless)

    def loss_of(params):
        logits, updates = model.apply({**variables, "params": params}, images, train=True, mutable=["batch_stats"])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(arrays["labels"], jnp.int32))
        return losses.mean(), updates

    @jax.jit
    def everything(params):
        return model.apply(variables, images, train=False), jax.value_and_grad(loss_of, has_aux=True)(params)

    logits, ((loss, updates), gradients) = everything(variables["params"])
    np.testing.assert_allclose(logits, arrays["logits_eval"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(loss, arrays["loss_train_nodropout"], rtol=1e-3)
    norms = {key: np.linalg.norm(value.ravel()) for key, value in by_torch_name(model, gradients).items()}
    expected = part(arrays, "gradnorm/")
    assert set(norms) == set(expected)
    for key in norms:
        np.testing.assert_allclose(norms[key], expected[key], rtol=1e-3, err_msg=key)
    statistics = by_torch_name(model, updates.get("batch_stats", {}))
    after = part(arrays, "running_after/")
    assert set(statistics) == set(after)
    for key, value in after.items():
        np.testing.assert_allclose(statistics[key], value, atol=1e-5, rtol=0, err_msg=key)
