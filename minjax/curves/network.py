"""The curves of one trained network: versions in, measurements (lines of compression.jsonl) out."""

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
from jax.sharding import Mesh

from minjax import compress, tree
from minjax.compress import macs, sizes
from minjax.curves import activations
from minjax.curves.driver import Driver
from minjax.curves.program import Block, Members, Results
from minjax.curves.versions import parse_scheme
from minjax.data import Split
from minjax.data.augment import preprocess
from minjax.records.compression import REESTIMATED, Measurement, Version, measured
from minjax.train.epoch import Input
from minjax.train.population import AXIS

CAPACITY = 256  # versions that the program is compiled for; smaller blocks leave the rest unused
_NEVER = np.iinfo(np.int32).max  # the rank of a weight that no count prunes


class NetworkCurves:
    """Measures compressed versions of one network, a population of one member on one device.

    Attributes:
        prunable: names of the leaves that are pruned and quantized, sorted.
        num_prunable: weights in those leaves.
        multiply_adds: of the dense network, by leaf.
        test_images: images that every version is evaluated on.
        images_seen: images evaluated so far, over all versions.
        program: the compiled program.
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
        balanced: bool = False,
    ):
        """Place the network and the images on the device.

        Args:
            model: the module, built for evaluation.
            params: the trained parameters, dense.
            model_state: batch-norm statistics, or `{}`.
            inputs: how images are normalised.
            test: the split that versions are evaluated on.
            calibration: uint8 training images, for batch norm and for the ranges of activations.
            schemes: names of the quantization schemes and formats that versions may have.
            include: patterns of the leaves that are pruned and quantized; None: the convolution kernels.
            key: for random pruning.
            batch_size: images per batch of the evaluation.
            activation_bits: whether versions may have quantized activations (the program is slower then).
            balanced: whether balanced accuracy is measured too.

        Raises:
            UserError: an unknown scheme, or a pattern that matches nothing.
        """
        self._schemes, self._include, self._key = tuple(schemes), include, key
        parsed = tuple(parse_scheme(name) for name in schemes)
        leaves, chosen = tree.leaves(params), tree.leaves(tree.select(params, include))
        self.prunable = sorted(name for name, yes in chosen.items() if yes)
        self._sizes = {name: math.prod(np.shape(leaf)) for name, leaf in leaves.items()}
        self.num_prunable = sum(self._sizes[name] for name in self.prunable)
        self._other_nonzero = sum(int(np.count_nonzero(leaf)) for name, leaf in leaves.items() if not chosen[name])
        self._layout = sizes.layout(params, model_state, include=include)
        self.multiply_adds = macs.multiply_adds(
            partial(model.apply, train=False), {"params": params, **model_state}, test.images.shape[1:]
        )
        self._params, self._model_state = jax.device_put((params, model_state))
        self._class_counts = np.bincount(np.asarray(test.labels)) if balanced else np.zeros(0, int)
        self._driver = Driver(
            model.apply,
            Mesh(np.array(jax.local_devices()[:1]), (AXIS,)),
            test,
            inputs,
            schemes=parsed,
            rank=lambda params, ranks: ranks,
            batch_size=batch_size,
            calibration=calibration,
            details=True,
            classes=len(self._class_counts),
        )
        self._ranges = self._observe(model, inputs) if activation_bits else None
        self.program = self._driver.program
        self.test_images, self.images_seen = len(test.labels), 0

    def _observe(self, model: nn.Module, inputs: Input) -> activations.Ranges:
        images = self._driver.images.calibration
        x = preprocess(images, mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)
        variables = {"params": self._params, **self._model_state}
        return jax.jit(partial(activations.observe, model.apply))(variables, x)

    def measure(
        self,
        versions: Sequence[Version],
        *,
        stop: Callable[[], bool],
        params: Any = None,
        model_state: Any = None,
        masks: Any = None,
    ) -> Iterator[list[Measurement]]:
        """Measure versions and yield their measurements after each dispatch; ends early when told to stop.

        Args:
            versions: in any order; neighbours that are pruned by the same method share their dispatches.
            stop: asked before every dispatch.
            params: other weights of the same network (fine-tuned ones, say); None: those given at the start.
            model_state: the statistics that go with `params`.
            masks: weights of `params` that are pruned already, for versions without a method.
        """
        params = self._params if params is None else jax.device_put(params)
        model_state = self._model_state if model_state is None else jax.device_put(model_state)
        for (method, exclude), alike in groupby(versions, key=lambda version: (version.method, version.exclude)):
            ranks = self._ranks(params, method, exclude, masks)
            members = _population_of_one(Members(params, model_state, ranks, self._ranges))
            group = list(alike)
            for start in range(0, len(group), CAPACITY):
                chosen = group[start : start + CAPACITY]
                counts, block = self._block(params, chosen)
                for dispatch in self._driver.run(members, counts[None], block, [(0, len(chosen))], stop):
                    measured_now = range(dispatch.first, dispatch.last)
                    seconds = dispatch.seconds / len(measured_now)
                    self.images_seen += len(measured_now) * self.test_images
                    yield [self._measurement(chosen[v], dispatch.results, v, seconds) for v in measured_now]
                if stop():
                    return

    def _ranks(self, params: Any, method: str | None, exclude: tuple[str, ...], masks: Any) -> dict[str, jax.Array]:
        """The ranks of all prunable leaves; weights that `masks` has pruned already have rank -1."""
        named = tree.leaves(params)
        if masks is not None:
            kept = tree.leaves(masks)
            return {name: jnp.where(kept[name], _NEVER, -1).astype(jnp.int32) for name in self.prunable}
        ranks = {name: jnp.full(np.shape(named[name]), _NEVER, jnp.int32) for name in self.prunable}
        if method is not None:
            ranks |= compress.ranks(params, method, key=self._key, include=self._include, exclude=exclude)
        return ranks

    def _block(self, params: Any, versions: Sequence[Version]) -> tuple[np.ndarray, Block]:
        """The counts int32 [CAPACITY, leaves] of the versions, and all else that the program takes."""
        counts, bits = np.zeros((2, CAPACITY, len(self.prunable)), np.int32)
        scheme, activation_bits = np.zeros((2, CAPACITY), np.int32)
        reestimate = np.zeros(CAPACITY, bool)
        for v, version in enumerate(versions):
            affected = np.array([version.layer in (None, name) for name in self.prunable])
            if version.method is not None:
                pruned = compress.counts(
                    params, version.method, version.amount, include=self._include, exclude=version.exclude
                )
                counts[v] = np.where(affected, [pruned.get(name, 0) for name in self.prunable], 0)
            if version.bits is not None:
                bits[v] = np.where(affected, version.bits, 0)
                scheme[v] = self._schemes.index(str(version.scheme))
            reestimate[v] = version.batch_norm == REESTIMATED
            activation_bits[v] = version.activation_bits or 0
        return counts, Block(*map(jnp.asarray, (bits, scheme, reestimate, activation_bits)))

    def _measurement(self, version: Version, results: Results, v: int, seconds: float) -> Measurement:
        details = results.details
        assert details is not None
        kept = {name: int(n) for name, n in zip(self.prunable, details.kept[0, v], strict=True)}
        loss = float(details.loss[0, v]) / self.test_images
        return measured(
            version,
            loss=loss if math.isfinite(loss) else None,
            accuracy=int(results.correct[0, v]) / self.test_images,
            **self._balanced(np.asarray(details.by_class[0, v])),
            nonzero=int(details.nonzero[0, v]) + self._other_nonzero,
            sparsity=1 - sum(kept.values()) / self.num_prunable,
            bytes_theoretical=self._bytes(version, kept),
            bytes_dense=self._layout.dense_bytes(),
            multiply_adds=self.multiply_adds.total,
            multiply_adds_sparse=self.multiply_adds.sparse(kept, self._sizes),
            seconds=seconds,
        )

    def _balanced(self, right: np.ndarray) -> dict[str, float]:
        """Balanced accuracy and its standard error, from int [C] correct images of each class; {}: not asked for."""
        has = self._class_counts > 0
        if not has.any():
            return {}
        n = self._class_counts[has]
        shares = right[has] / n
        variance = np.maximum(shares * (1 - shares), 0.25 / n) / n
        return {"balanced": float(shares.mean()), "error": float(np.sqrt(variance.sum()) / len(n))}

    def _bytes(self, version: Version, kept: dict[str, int]) -> int | None:
        """Theoretical size of the version, given how many weights of each leaf are kept; None if only one has bits."""
        if version.layer is not None and version.bits is not None:
            return None
        quantization: dict[str, Any] = {}
        if version.bits is not None:
            how = parse_scheme(str(version.scheme))
            if isinstance(how, compress.Scheme):
                quantization = {"bits": version.bits, "symmetric": how.symmetric, "per_channel": how.per_channel}
            else:
                quantization = {"format": how}
        counts = np.array([kept.get(name, self._sizes[name]) for name in self._layout.names])
        return int(self._layout.theoretical_bytes(counts, **quantization))


@jax.jit
def _population_of_one(network: Members) -> Members:
    """The network with a leading axis of one member."""
    return jax.tree.map(lambda x: x[None], network)
