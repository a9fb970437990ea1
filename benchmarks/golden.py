"""What networks compute on the device beside the same in float64 on a CPU, from the same parameters and images.

That is logits, loss, gradients, statistics and parameters after three steps.

    JAX_PLATFORMS=cpu JAX_ENABLE_X64=1 python -m benchmarks.golden     # writes tests/data/networks_float64.npz

Of each of these the file has random projections, `PROJECTIONS` numbers for each array; the distance of two projected
vectors estimates that of the vectors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minjax import models, optim
from minjax.data import Split
from minjax.train import state as states
from minjax.train.engine import Engine
from minjax.train.epoch import Input, Totals
from minjax.train.step import cross_entropy

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
FLOAT64 = DATA / "networks_float64.npz"
PROJECTIONS = 8
# Largest relative error that passes, of a whole vector in the Euclidean norm; of fake quantization, relative to the
# range of the numbers; of masks, the share of weights that differ.
TOLERANCES = {
    "paper 1's logits": {"float32": 1e-4},  # they were written down to five decimals
    "trajectory": {"float32": 1e-5},
    "masks": {"float32": 0.0},
    "fake quantization": {"float32": 1e-6},
    "logits": {"float32": 1e-5, "bfloat16": 0.05},
    "loss": {"float32": 1e-5, "bfloat16": 0.05},
    "gradients": {"float32": 1e-4, "bfloat16": 0.5},
    "statistics": {"float32": 1e-5, "bfloat16": 0.05},
    "steps": {"float32": 1e-4},
}
STEPS, BATCH, RATE = 3, 8, 0.001  # of the training that is compared
NETWORKS: dict[str, dict[str, tuple[tuple[int, int, int], dict[str, Any]]]] = {
    "full": {
        "resnet18_s": ((32, 32, 3), {}),
        "vit_s": ((32, 32, 3), {}),
        "dnn": ((28, 28, 1), {"widths": (256, 256, 256)}),
        "vgg16_s": ((32, 32, 3), {}),
        "cnn": ((28, 28, 1), {"channels": (32, 64)}),
    },
    "small": {
        "cnn": ((8, 8, 3), {"channels": (4,), "batch_norm": True}),
        "vit_s": ((8, 8, 3), {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 4}),
    },
}


def relative_error(found: Any, expected: Any) -> float:
    """The Euclidean distance of two trees of arrays over the length of the second."""
    a, b = (
        np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(t)]) for t in (found, expected)
    )
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def check(what: str, case: str, error: float, dtype: str = "float32") -> dict[str, Any]:
    """A check as a measurement: the error, the tolerance, whether it passed."""
    limit = TOLERANCES[what][dtype]
    passed = bool(error <= limit)  # False for NaN
    return {"what": what, "case": case, "dtype": dtype, "error": error, "tolerance": limit, "passed": passed}


def _inputs(shape: tuple[int, int, int], dtype: str) -> Input:
    return Input(mean=(0.5,) * shape[2], std=(0.25,) * shape[2], augment="crop", crop_padding=1, dtype=dtype)


def _pixels(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    draw, count = _frozen(0), STEPS * BATCH
    return draw.randint(0, 256, (count, *shape)).astype(np.uint8), draw.randint(0, 10, count).astype(np.int32)


def _frozen(seed: int) -> np.random.RandomState:
    """A generator whose numbers are the same in every version of NumPy, as those of its successor need not be."""
    return np.random.RandomState(seed)


def projections(tree: Any) -> np.ndarray:
    """`PROJECTIONS` random projections of each array of a tree, side by side."""
    draw, rows = _frozen(2), []
    for leaf in jax.tree.leaves(tree):
        flat = np.asarray(leaf, np.float64).ravel()
        rows.append(draw.standard_normal((PROJECTIONS, flat.size)) @ flat)
    return np.concatenate(rows)


def numbers(
    name: str, shape: tuple[int, int, int], fields: dict[str, Any], dtype: str, params: Any, training: bool
) -> dict[str, Any]:
    """What a network computes from given parameters.

    Args:
        name: the model's name.
        shape: (height, width, channels) of the images.
        fields: the model's own fields.
        dtype: type of the computation.
        params: its parameters, on the host.
        training: whether to take `STEPS` steps of SGDM too.

    Returns:
        `logits` in evaluation; `loss`, `gradients` and `statistics` (the model's other collections) of a training
        pass; `steps`, the parameters after the steps.
    """
    model = models.build(name, 10, dtype=dtype, **fields)
    pixels, labels = _pixels(shape)
    images = jnp.asarray((pixels[:BATCH] / 255.0 - 0.5) / 0.25, dtype)
    optimizer = optim.build("sgdm", RATE, weight_decay=1e-3, momentum=0.9)
    state = jax.jit(lambda: states.init(model, optimizer, shape, 0))()
    wide = jnp.float64 if dtype == "float64" else jnp.float32
    if dtype == "float64":
        state = states.in_float64(state)
    state = state.replace(params=jax.tree.map(lambda x: jnp.asarray(x, wide), params))  # type: ignore[attr-defined]

    def loss_of(params):
        logits, after = model.apply(
            {"params": params, **state.model_state},
            images,
            train=True,
            rngs={"dropout": jax.random.key(1)},
            mutable=list(state.model_state),
        )
        return cross_entropy(logits, jnp.asarray(labels[:BATCH])).mean(), after

    @jax.jit
    def run(params):
        logits = model.apply({"params": params, **state.model_state}, images, train=False)
        (loss, after), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
        return {"logits": logits, "loss": loss, "gradients": gradients, "statistics": after}

    found = jax.device_get(run(state.params))
    if training:
        split, inputs = Split(pixels, labels), _inputs(shape, dtype)
        engine = Engine(model, optimizer, split, inputs, batch_size=BATCH, devices=1)
        done, _ = engine.run(engine.place(state), engine.place(Totals.zero()), 1, 0, STEPS)
        found["steps"] = engine.fetch(done.params)
    return found


def drawn(name: str, shape: tuple[int, int, int], fields: dict[str, Any]) -> Any:
    """Parameters whose numbers depend on no device: uniform, kernels of variance 2/inputs, scales 1."""
    model = models.build(name, 10, **fields)
    like = jax.eval_shape(lambda: model.init({"params": jax.random.key(0)}, jnp.zeros((1, *shape)), train=False))
    draw = _frozen(1)

    def leaf(path, x):
        if path[-1].key == "scale":
            return np.ones(x.shape, np.float32)
        bound = np.sqrt(6 / np.prod(x.shape[:-1])) if x.ndim > 1 else 0.1
        return draw.uniform(-bound, bound, x.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(leaf, like["params"])


def write_float64() -> None:
    """Compute the networks in float64 and write the projections of their numbers to `FLOAT64`."""
    assert jax.config.jax_enable_x64
    arrays: dict[str, np.ndarray] = {}
    for scale, name, (shape, fields) in ((a, b, c) for a, of in NETWORKS.items() for b, c in of.items()):
        found = numbers(name, shape, fields, "float64", drawn(name, shape, fields), training=True)
        arrays |= {f"{scale}/{name}/{what}": projections(tree) for what, tree in found.items() if jax.tree.leaves(tree)}
        print(scale, name, flush=True)
    np.savez_compressed(FLOAT64, **arrays)  # type: ignore[arg-type]


def networks(scale: str) -> Iterator[dict[str, Any]]:
    """The checks against float64: float32 in full precision, without TF32, then bfloat16."""
    with np.load(FLOAT64) as known:
        for dtype in ("float32", "bfloat16"):
            for name, (shape, fields) in NETWORKS[scale].items():
                precise: Callable[[], Any] = contextlib.nullcontext
                if dtype == "float32":
                    precise = lambda: jax.default_matmul_precision("highest")  # noqa: E731
                with precise():
                    params = drawn(name, shape, fields)
                    found = numbers(name, shape, fields, dtype, params, training=dtype == "float32")
                for what, tree in found.items():
                    if jax.tree.leaves(tree):
                        error = relative_error(projections(tree), known[f"{scale}/{name}/{what}"])
                        yield check(what, name, error, dtype)


if __name__ == "__main__":
    write_float64()
