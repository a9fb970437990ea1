"""Numbers of the device beside those that PyTorch and paper 1's own code computed.

`tests/data/` has trajectories of optimizers, masks and fake quantization; the logits of tiny networks are here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.golden import DATA, check, relative_error
from minjax import compress, models, optim
from minjax.interop import layouts
from minjax.interop.torch import convert

# Recorded run -> optimizer and what differs from its defaults.
TRAJECTORIES: dict[str, tuple[str, dict[str, float]]] = {
    "sgdm": ("sgdm", {}),
    "adam": ("adam", {}),
    "adabound": ("adabound", {}),
    "amsbound": ("amsbound", {}),
    "adabound_gamma1e-1": ("adabound", {"gamma": 0.1, "weight_decay": 0.0}),
}
# Recorded masks -> method and axis.
MASKS = {
    "l1_unstructured": ("l1", "in"),
    "ln_structured_n1_dim1": ("l1_structured", "in"),
    "ln_structured_n1_dim0": ("l1_structured", "out"),
    "ln_structured_n2_dim0": ("l2_structured", "out"),
    "global_l1": ("global_l1", "in"),
}
LAYERS = ("0", "2", "4")  # of the recorded masks

# Tiny networks, and their logits for `IMAGES` in evaluation, written down when the networks of paper 1's own code
# gave the same as minjax's (tests/interop/test_reference.py).
TINY: dict[str, dict[str, int]] = {
    "resnet18_s": {"width": 2},
    "resnet50": {"width": 1},
    "vgg11_bn": {"width": 2, "head_width": 4},
    "vit_s": {"dim": 8, "depth": 1, "heads": 2, "mlp_dim": 4},
}
LOGITS = {
    "resnet18_s": [[39.97647, -3.58476, -35.14325], [110.93577, -9.80267, -100.17914]],
    "resnet50": [[279.22, -305.45319, 56.09246], [274.16907, -306.03088, 61.77447]],
    "vgg11_bn": [[0.19998, -0.1253, -0.2022], [0.093, -0.34116, -0.47055]],
    "vit_s": [[-0.87631, -0.02713, 1.46113], [-0.87084, -0.02673, 1.45637]],
}


def tiny_weights(name: str) -> dict[str, np.ndarray]:
    """A state dict of sines: independent of any generator of random numbers."""
    model = models.build(name, 3, **TINY[name])
    names = layouts.layout(model)
    leaves, _ = jax.tree_util.tree_flatten_with_path(models.parameter_shapes(name, 3, (32, 32, 3), **TINY[name]))
    arrays = {}
    for i, (keys, leaf) in enumerate(leaves):
        path = tuple(key.key for key in keys)[1:]
        shape = [leaf.shape[axis] for axis in {4: (3, 2, 0, 1), 2: (1, 0)}.get(len(leaf.shape), range(len(leaf.shape)))]
        value = np.sin(1.0 + i + np.arange(leaf.size) * 1.7).reshape(shape)
        value *= np.sqrt(3.0 / max(np.prod(shape[1:]), 1)) if len(shape) > 1 else 0.3
        # Shifted so that ReLUs let something through.
        arrays[layouts.leaf_name(names, path)] = value + {"scale": 1.0, "var": 0.5, "bias": 0.5}.get(path[-1], 0.0)
    return arrays


IMAGES = np.sin(np.arange(2 * 32 * 32 * 3) ** 2 * 3e-4).reshape(2, 32, 32, 3).astype(np.float32)


def logits(name: str) -> jax.Array:
    """The logits of a tiny network."""
    model = models.build(name, 3, **TINY[name])
    variables = convert(tiny_weights(name), name, 3, **TINY[name])
    return jax.jit(lambda variables: model.apply(variables, IMAGES, train=False))(variables)


def trajectory(optimizer: optax.GradientTransformation, params: Any, gradients: Any) -> Any:
    """The parameters after each of the gradients, stacked."""

    def step(carry, gradient):
        params, state = carry
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    return jax.jit(lambda: jax.lax.scan(step, (params, optimizer.init(params)), gradients)[1])()


def recorded(run: str, dtype: Any) -> tuple[Any, Any, Any, list[int]]:
    """A recorded trajectory: first parameters, gradients, parameters after each of them, milestones of the schedule."""
    with np.load(DATA / "optimizers.npz") as vectors:
        params, gradients, expected = (
            {leaf: jnp.asarray(vectors[f"{part}_{leaf}"], dtype) for leaf in "ab"} for part in ("init", "grads", run)
        )
        return params, gradients, expected, [int(step) for step in vectors["milestones"]]


def recorded_optimizer(run: str, milestones: list[int]) -> optax.GradientTransformation:
    """The optimizer of a recorded trajectory, with its schedule."""
    name, changes = TRAJECTORIES[run]
    hyper = {**optim.DEFAULTS[name], **changes}
    rate = hyper.pop("learning_rate")
    return optim.build(name, optim.schedules.build("multistep", rate, total_steps=60, milestones=milestones), **hyper)


def vectors() -> Iterator[dict[str, Any]]:
    """The checks, of float32 in full precision."""
    for run in TRAJECTORIES:
        params, gradients, expected, milestones = recorded(run, jnp.float32)
        found = trajectory(recorded_optimizer(run, milestones), params, gradients)
        yield check("trajectory", run, relative_error(found, expected))
    with np.load(DATA / "fake_quant.npz") as known:
        x = jnp.asarray(known["x"])
        span = float(x.max() - x.min())
        worst: dict[str, float] = {}
        quantize = jax.jit(compress.fake_quantize_array, static_argnames=("symmetric", "channel_axis"))
        for case in known.files:
            if case == "x":
                continue
            sides, scope, bits = case.split("_")
            axis = 0 if scope == "channel" else None
            found = quantize(x, jnp.int32(int(bits)), symmetric=sides == "sym", channel_axis=axis)
            error = float(np.abs(np.asarray(found) - known[case]).max()) / span
            name = f"{sides} {scope}"
            worst[name] = max(worst.get(name, 0.0), error)
        yield from (check("fake quantization", name, error) for name, error in worst.items())
    with np.load(DATA / "pruning_masks.npz") as known:
        params = {f"conv{i}": {"kernel": known[f"weight_{i}"].transpose(2, 3, 1, 0)} for i in LAYERS}
        for name, (method, axis) in MASKS.items():
            wrong = total = 0
            for place, amount in enumerate(known["amounts"]):
                ours = compress.masks(params, method, float(amount), axis=axis)
                for i in LAYERS:
                    theirs = known[f"{name}_{place:02d}_{i}"].astype(bool)
                    wrong += int((np.asarray(ours[f"conv{i}"]["kernel"]).transpose(3, 2, 0, 1) != theirs).sum())
                    total += theirs.size
            yield check("masks", name, wrong / total)
    with jax.default_matmul_precision("highest"):
        yield from (check("paper 1's logits", name, relative_error(logits(name), LOGITS[name])) for name in LOGITS)
