"""Measuring points of one trained network: blocks in, lines of compression.jsonl out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from minjax import compress, tree
from minjax.compress import macs, sizes
from minjax.curves import activations
from minjax.curves.points import REESTIMATED, Point, parse_scheme
from minjax.curves.program import CAPACITY, Block, Images, Results, measure
from minjax.data import Split
from minjax.data.augment import preprocess
from minjax.train.compiled import Compiled
from minjax.train.epoch import Input
from minjax.train.pace import Pace

CALIBRATION_BATCH = 500


class Curves:
    """The compressed versions of one network.

    Attributes:
        prunable: names of the leaves that are pruned and quantized, sorted.
        num_prunable: weights in them.
        program: of its dispatches.
        images_seen: test images evaluated.
    """

    def __init__(
        self,
        model: nn.Module,
        params: Any,
        model_state: Any,
        inputs: Input,
        test: Split,
        calibration: np.ndarray,
        *,
        schemes: Sequence[str],
        include: str | Sequence[str] | None = None,
        key: jax.Array,
        batch_size: int = 500,
        activation_bits: bool = False,
    ):
        """Put the network and the images on the device.

        Args:
            model: for evaluation.
            params: dense, as trained.
            model_state: its batch-norm statistics, or `{}`.
            inputs: normalisation of images.
            test: what is evaluated on.
            calibration: uint8 training images for batch norm and for the ranges of activations.
            schemes: names of the quantization schemes and formats that points may have.
            include: patterns of the leaves that are pruned and quantized; None: the convolution kernels.
            key: of random pruning.
            batch_size: images of a batch of the evaluation.
            activation_bits: whether points may have quantized activations (the program is slower then).

        Raises:
            UserError: an unknown scheme, patterns that match nothing.
        """
        self.schemes = tuple(schemes)
        parsed = tuple(parse_scheme(name) for name in schemes)
        chosen = tree.leaves(tree.select(params, include))
        self.include, self.key = include, key
        self.prunable = sorted(name for name, yes in chosen.items() if yes)
        self.params = jax.device_put(params)
        self.model_state = jax.device_put(model_state)
        leaves = tree.leaves(params)
        self._sizes = {name: math.prod(np.shape(leaf)) for name, leaf in leaves.items()}
        self.num_prunable = sum(self._sizes[name] for name in self.prunable)
        self._others = sum(int(np.count_nonzero(leaf)) for name, leaf in leaves.items() if not chosen[name])
        self._layout = sizes.layout(params, model_state, include=include)
        self.multiply_adds = macs.multiply_adds(
            partial(model.apply, train=False), {"params": params, **model_state}, test.images.shape[1:]
        )
        count = max(1, len(calibration) // CALIBRATION_BATCH)
        batch = min(CALIBRATION_BATCH, len(calibration))
        self.images = jax.device_put(
            Images(jnp.asarray(test.images), jnp.asarray(test.labels), jnp.asarray(calibration[: count * batch]))
        )
        self.ranges = self._observe(model, inputs) if activation_bits else None
        function = partial(
            measure,
            apply=model.apply,
            inputs=inputs,
            schemes=parsed,
            batch_size=min(batch_size, len(test.labels)),
            calibration_batch=batch,
        )
        self.program = Compiled(jax.jit(function, donate_argnums=0))
        self.pace = Pace()
        self.images_seen = 0

    def _observe(self, model: nn.Module, inputs: Input) -> activations.Ranges:
        x = preprocess(self.images.calibration, mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)
        variables = {"params": self.params, **self.model_state}
        return jax.jit(partial(activations.observe, model.apply))(variables, x)

    def measure(
        self,
        points: Sequence[Point],
        *,
        stop: Callable[[], bool],
        params: Any = None,
        model_state: Any = None,
        masks: Any = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """The lines of the points, a list after each dispatch; ends early when `stop` says so.

        Args:
            points: in any order; those that are pruned alike are measured together.
            stop: asked between dispatches.
            params: other weights of the same network (fine-tuned ones); None: those of the start.
            model_state: its statistics.
            masks: of the weights that are pruned already, for points without a method.
        """
        params = self.params if params is None else jax.device_put(params)
        model_state = self.model_state if model_state is None else jax.device_put(model_state)
        for (method, exclude), alike in groupby(points, key=lambda point: (point.method, point.exclude)):
            ranks = self._ranks(params, method, exclude, masks)
            group = list(alike)
            for start in range(0, len(group), CAPACITY):
                few = group[start : start + CAPACITY]
                block = self._block(params, few)
                results = jax.device_put(Results.none(len(self.prunable)))
                done = 0
                while done < len(few):
                    if stop():
                        return
                    count = self.pace.steps(len(few) - done)
                    place = np.int32(done), np.int32(count)
                    results, seconds = self.program.timed(
                        results, params, model_state, ranks, self.ranges, block, self.images, *place
                    )
                    self.pace.note(count, seconds)
                    self.images_seen += count * len(self.images.labels)
                    host = jax.device_get(results)
                    yield [
                        self._line(point, host, place, seconds / count)
                        for place, point in enumerate(few)
                        if done <= place < done + count
                    ]
                    done += count

    def _ranks(self, params: Any, method: str | None, exclude: tuple[str, ...], masks: Any) -> dict[str, jax.Array]:
        """Of every prunable leaf; a weight that is never pruned has the largest, one that always is has -1."""
        named = tree.leaves(params)
        never = np.iinfo(np.int32).max
        if masks is not None:
            kept = tree.leaves(masks)
            return {name: jnp.where(kept[name], never, -1).astype(jnp.int32) for name in self.prunable}
        whole = {name: jnp.full(np.shape(named[name]), never, jnp.int32) for name in self.prunable}
        if method is None:
            return whole
        return whole | compress.ranks(params, method, key=self.key, include=self.include, exclude=exclude)

    def _block(self, params: Any, points: Sequence[Point]) -> Block:
        leaves = len(self.prunable)
        counts, bits = np.zeros((CAPACITY, leaves), np.int32), np.zeros((CAPACITY, leaves), np.int32)
        scheme, anew, active = np.zeros(CAPACITY, np.int32), np.zeros(CAPACITY, bool), np.zeros(CAPACITY, np.int32)
        for i, point in enumerate(points):
            mine = np.array([point.layer in (None, name) for name in self.prunable])
            if point.method is not None:
                pruned = compress.counts(
                    params, point.method, point.amount, include=self.include, exclude=point.exclude
                )
                counts[i] = np.where(mine, [pruned.get(name, 0) for name in self.prunable], 0)
            if point.bits is not None:
                bits[i] = np.where(mine, point.bits, 0)
                scheme[i] = self.schemes.index(str(point.scheme))
            anew[i], active[i] = point.bn == REESTIMATED, point.activation_bits or 0
        return Block(*map(jnp.asarray, (counts, bits, scheme, anew, active)))

    def _line(self, point: Point, results: Results, place: int, seconds: float) -> dict[str, Any]:
        images = len(self.images.labels)
        kept = dict(zip(self.prunable, (int(n) for n in results.kept[place]), strict=True))
        loss = float(results.loss[place]) / images
        return point.fields() | {
            "loss": loss if math.isfinite(loss) else None,
            "accuracy": int(results.correct[place]) / images,
            "nonzero": int(results.nonzero[place]) + self._others,
            **self.size(kept, point.bits, point.scheme, point.layer),
            "series": None,
            "round": None,
            "seconds": seconds,
        }

    def size(self, kept: dict[str, int], bits: int | None, scheme: str | None, layer: str | None) -> dict[str, Any]:
        """Sparsity, bytes (theoretical) and multiply-adds, from how many weights of each leaf are not pruned.

        Bytes are None of a network that is quantized in one leaf only.
        """
        counts = np.array([kept.get(name, self._sizes[name]) for name in self._layout.names])
        asked: dict[str, Any] = {}
        if bits is not None:
            how = parse_scheme(str(scheme))
            if isinstance(how, compress.Scheme):
                asked = {"bits": bits, "symmetric": how.symmetric, "per_channel": how.per_channel}
            else:
                asked = {"format": how}
        whole = layer is None or bits is None
        return {
            "sparsity": 1 - sum(kept.values()) / self.num_prunable,
            "bytes_theoretical": int(self._layout.theoretical_bytes(counts, **asked)) if whole else None,
            "bytes_dense": self._layout.dense_bytes(),
            "multiply_adds": self.multiply_adds.total,
            "multiply_adds_sparse": self.multiply_adds.sparse(kept, self._sizes),
        }
