"""The program that measures: compressed versions of the members of a population, each on a whole split.

Whatever differs between versions is traced: which weights are zero (ranks and counts), bits, scheme, whether batch
norm is re-estimated. So all curves of a network, its joint grid and its sensitivities are one compilation, and so are
the curves of a population.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from minjax import tree
from minjax.compress import Scheme
from minjax.curves.activations import Ranges, quantized
from minjax.curves.batch_norm import reestimate
from minjax.curves.compressed import Leaves, compress
from minjax.train.epoch import Input
from minjax.train.evaluate import run_batches
from minjax.train.member import Partition


@flax.struct.dataclass
class Members:
    """Networks of one shape; every array has a leading axis of members.

    Attributes:
        params: trained parameters.
        model_state: batch-norm statistics, or `{}`.
        ranking: what `rank` needs besides the parameters to rank a member's weights.
        ranges: of the activations; None: activations are never quantized.
        partition: whose validation images each member is measured on, and how its images are normalised; None: every
            member is measured on all images.
    """

    params: Any
    model_state: Any
    ranking: Any
    ranges: Ranges | None = None
    partition: Partition | None = None


@flax.struct.dataclass
class Block:
    """V versions, the same for every member, of L prunable leaves (sorted by name).

    Attributes:
        bits: int32 [V, L]; 0: not quantized.
        scheme: int32 [V], an index into the program's schemes.
        reestimate: bool [V], whether batch norm is re-estimated after compression.
        activation_bits: int32 [V]; 0: not quantized.
    """

    bits: jax.Array
    scheme: jax.Array
    reestimate: jax.Array
    activation_bits: jax.Array


@flax.struct.dataclass
class Details:
    """What is measured of each version of each member besides its accuracy.

    Attributes:
        loss: [M, V], the sum over the images.
        kept: int32 [M, V, L], weights of each prunable leaf that are not pruned.
        nonzero: int32 [M, V], weights of these leaves that are not zero (quantization makes zeros too).
        by_class: int32 [M, V, C], images of each class that are classified correctly; C is 0 where that is not asked
            for.
    """

    loss: jax.Array
    kept: jax.Array
    nonzero: jax.Array
    by_class: jax.Array


@flax.struct.dataclass
class Results:
    """What is measured of each version of each member.

    Attributes:
        correct: int32 [M, V], images classified correctly.
        details: None where only the accuracy is asked for, which saves a fifth of the time for small networks.
    """

    correct: jax.Array
    details: Details | None


@flax.struct.dataclass
class Images:
    """The images that a device holds.

    Attributes:
        images: uint8 [N, H, W, C], what versions are evaluated on, or parts of it.
        labels: int32 [N].
        calibration: uint8 [K, H, W, C], training images to re-estimate batch norm on; None: it never is.
    """

    images: jax.Array
    labels: jax.Array
    calibration: jax.Array | None


def measure(
    results: Results,
    members: Members,
    counts: jax.Array,
    block: Block,
    images: Images,
    first: jax.Array,
    last: jax.Array,
    *,
    rank: Callable[[Any, Any], Leaves],
    apply: Callable[..., Any],
    inputs: Input,
    schemes: tuple[Scheme | str, ...],
    batch_size: int,
    calibration_batch: int,
) -> Results:
    """Measure (member, version) pairs `first` to `last - 1` of this device; a pair's number is member * V + version.

    Args:
        results: of the pairs so far.
        members: M of them.
        counts: int32 [M, V, L], weights pruned of each leaf: those whose rank is below.
        block: the versions.
        images: what they are measured on.
        first: int32 scalar.
        last: int32 scalar.
        rank: (a member's params, its `ranking`) -> int32 ranks of the prunable leaves.
        apply: `model.apply`.
        inputs: how images are normalised.
        schemes: schemes and names of formats.
        batch_size: images per batch of the evaluation.
        calibration_batch: images per batch of the re-estimation.
    """
    versions = len(block.scheme)

    def measure_member(m: jax.Array, results: Results) -> Results:
        member = jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, m, keepdims=False), members)
        ranks = rank(member.params, member.ranking)

        def measure_version(v: jax.Array, results: Results) -> Results:
            params = compress(member.params, ranks, counts[m, v], block.bits[v], block.scheme[v], schemes)
            run = apply
            if member.ranges is not None:
                run = quantized(apply, member.ranges, block.activation_bits[v])
            model_state, calibration = member.model_state, images.calibration
            if calibration is not None:
                model_state = lax.cond(
                    block.reestimate[v],
                    lambda: reestimate(apply, params, member.model_state, calibration, inputs, calibration_batch),
                    lambda: member.model_state,
                )
            variables = {"params": params, **model_state}
            right, labels, loss = _evaluate(run, variables, images, inputs, batch_size, member.partition)
            correct = results.correct.at[m, v].set(jnp.sum(right, dtype=jnp.int32))
            if results.details is None:
                return Results(correct, None)
            named, names = tree.leaves(params), sorted(ranks)
            kept = [jnp.sum(ranks[name] >= counts[m, v, i]) for i, name in enumerate(names)]
            nonzero = sum(jnp.count_nonzero(named[name]) for name in names)
            by_class = results.details.by_class
            if classes := by_class.shape[-1]:
                by_class = by_class.at[m, v].set(jnp.bincount(labels, right.astype(jnp.int32), length=classes))
            details = Details(
                loss=results.details.loss.at[m, v].set(loss),
                kept=results.details.kept.at[m, v].set(jnp.stack(kept).astype(jnp.int32)),
                nonzero=results.details.nonzero.at[m, v].set(jnp.asarray(nonzero).astype(jnp.int32)),
                by_class=by_class,
            )
            return Results(correct, details)

        begin, end = first - m * versions, last - m * versions
        return lax.fori_loop(jnp.maximum(begin, 0), jnp.minimum(end, versions), measure_version, results)

    return lax.fori_loop(first // versions, -(-last // versions), measure_member, results)


def _evaluate(
    apply: Callable[..., Any],
    variables: Any,
    images: Images,
    inputs: Input,
    batch_size: int,
    partition: Partition | None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Whether each image is classified correctly, bool [N], the images' labels, int32 [N], and the summed loss."""
    within, labels = None, images.labels
    if partition is not None:
        within, inputs = partition.validation, partition.inputs(inputs)
        labels = labels[within]
    predicted, loss = run_batches(
        variables,
        jnp.zeros(len(labels), jnp.int32),
        jnp.zeros(()),
        images.images,
        images.labels,
        jnp.int32(0),
        jnp.int32(-(-len(labels) // batch_size)),
        apply=apply,
        inputs=inputs,
        batch_size=batch_size,
        within=within,
    )
    return predicted == labels, labels, loss
