"""The program: a block of compressed versions of one network, each over the whole test split, in one dispatch.

What differs between points is traced: ranks and counts (which weights are zero), bits, scheme, whether batch norm is
re-estimated. So every curve, the grid and the sensitivities of a network are one compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from minjax import tree
from minjax.compress.formats import round_to_format
from minjax.compress.quantize import Scheme, dequantize, quantize_array
from minjax.curves.activations import Ranges, quantized
from minjax.curves.rows import Rows
from minjax.curves.statistics import reestimate
from minjax.train.epoch import Input
from minjax.train.evaluate import run_batches

CAPACITY = 256  # points in a block; how many of them a dispatch takes is traced


@flax.struct.dataclass
class Block:
    """Points as the program takes them; L prunable leaves.

    Attributes:
        counts: int32 [CAPACITY, L], ranks below these are pruned.
        bits: int32 [CAPACITY, L], 0: not quantized.
        scheme: int32 [CAPACITY], which of the program's schemes.
        anew: bool [CAPACITY], whether batch norm is re-estimated.
        activation_bits: int32 [CAPACITY], 0: not quantized.
    """

    counts: jax.Array
    bits: jax.Array
    scheme: jax.Array
    anew: jax.Array
    activation_bits: jax.Array


@flax.struct.dataclass
class Results:
    """What was measured of each point.

    Attributes:
        loss: [CAPACITY] sum over the images.
        correct: int32 [CAPACITY].
        kept: int32 [CAPACITY, L], weights of the prunable leaves that are not pruned.
        nonzero: int32 [CAPACITY], weights of these leaves that are not zero; quantization makes zeros too.
    """

    loss: jax.Array
    correct: jax.Array
    kept: jax.Array
    nonzero: jax.Array

    @classmethod
    def none(cls, leaves: int) -> Results:
        """Nothing measured yet."""
        shapes = ((CAPACITY,), (CAPACITY, leaves), (CAPACITY,))
        return cls(jnp.zeros(CAPACITY), *(jnp.zeros(shape, jnp.int32) for shape in shapes))


@flax.struct.dataclass
class Images:
    """uint8 splits on the device.

    Attributes:
        test: [N, H, W, C].
        labels: int32 [N].
        calibration: [M, H, W, C] training images for batch norm.
    """

    test: jax.Array
    labels: jax.Array
    calibration: jax.Array


def compress(
    params: Any, ranks: dict[str, jax.Array], counts: jax.Array, bits: jax.Array, scheme: jax.Array, schemes: tuple
) -> Any:
    """The parameters of one point: pruned, then quantized; pruned weights stay zero and do not count for ranges.

    Args:
        params: dense.
        ranks: leaf -> int32 of its shape, in the order of `counts` (the sorted names).
        counts: int32 [L].
        bits: int32 [L], 0: not quantized.
        scheme: int32, place in `schemes`.
        schemes: of `Scheme`s and names of formats.
    """
    names = sorted(ranks)
    named = tree.leaves(params)
    masks = {name: ranks[name] >= counts[i] for i, name in enumerate(names)}
    pruned = {name: jnp.where(masks[name], named[name], 0) for name in names}

    def under(how: Scheme | str) -> dict[str, jax.Array]:
        layout = Rows({name: named[name].shape for name in names}, how.per_channel if isinstance(how, Scheme) else True)
        widths = jnp.maximum(bits, 1)[layout.leaf_of_row][:, None]
        x, kept = layout.join(named), layout.join(masks)
        if isinstance(how, Scheme):
            q = quantize_array(x, widths, symmetric=how.symmetric, channel_axis=0, clip=how.clip, where=kept)
            rounded = dequantize(q)
        else:
            rounded = round_to_format(jnp.where(kept, x, 0), how, 0)
        return layout.split(jnp.where(kept, rounded, 0))

    def quantize() -> dict[str, jax.Array]:
        rounded = lax.switch(scheme, [partial(under, how) for how in schemes])
        return {name: jnp.where(bits[i] > 0, rounded[name], pruned[name]) for i, name in enumerate(names)}

    used = lax.cond(jnp.any(bits > 0), quantize, lambda: pruned)
    return jax.tree_util.tree_map_with_path(lambda path, x: used.get(tree.path_name(path), x), params)


def measure(
    results: Results,
    params: Any,
    model_state: Any,
    ranks: dict[str, jax.Array],
    ranges: Ranges | None,
    block: Block,
    images: Images,
    first: jax.Array,
    count: jax.Array,
    *,
    apply: Callable[..., Any],
    inputs: Input,
    schemes: tuple,
    batch_size: int,
    calibration_batch: int,
) -> Results:
    """Measure points `first` to `first + count - 1` of the block; ranges None: activations are never quantized."""
    size = len(images.test)
    names = sorted(ranks)

    def one(i: jax.Array, results: Results) -> Results:
        used = compress(params, ranks, block.counts[i], block.bits[i], block.scheme[i], schemes)
        state = lax.cond(
            block.anew[i],
            lambda: reestimate(apply, used, model_state, images.calibration, inputs, calibration_batch),
            lambda: model_state,
        )
        run = apply if ranges is None else quantized(apply, ranges, block.activation_bits[i])
        batches = -(-size // batch_size)
        predicted, loss = run_batches(
            {"params": used, **state},
            jnp.zeros(size, jnp.int32),
            jnp.zeros((), results.loss.dtype),
            images.test,
            images.labels,
            jnp.int32(0),
            jnp.int32(batches),
            apply=run,
            inputs=inputs,
            batch_size=batch_size,
        )
        named = tree.leaves(used)
        kept = [jnp.sum(ranks[name] >= block.counts[i, place]) for place, name in enumerate(names)]
        nonzero = sum(jnp.count_nonzero(named[name]) for name in names)
        return Results(
            loss=results.loss.at[i].set(loss),
            correct=results.correct.at[i].set(jnp.sum(predicted == images.labels, dtype=jnp.int32)),
            kept=results.kept.at[i].set(jnp.stack(kept).astype(jnp.int32)),
            nonzero=results.nonzero.at[i].set(jnp.asarray(nonzero).astype(jnp.int32)),
        )

    return lax.fori_loop(first, first + count, one, results)
