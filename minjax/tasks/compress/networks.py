"""A version of a trained network as arrays: pruned, statistics re-estimated, channels removed; and as a packed file."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minjax import compress, models, tree
from minjax.compress import Packed, macs, sizes
from minjax.compress.shrinking import Shrinkage
from minjax.curves.batch_norm import reestimate
from minjax.curves.driver import CALIBRATION_BATCH
from minjax.curves.versions import parse_scheme
from minjax.data import Split
from minjax.data.splits import stratified
from minjax.records.compression import REESTIMATED, Version
from minjax.tasks import assembly
from minjax.tasks.compress.plan import DEFAULT_SCHEME, integer_scheme
from minjax.tasks.compress.trained import Trained
from minjax.tasks.compress.tuning import read


@dataclasses.dataclass(frozen=True)
class Built:
    """A version of the network, not yet quantized.

    Attributes:
        model: the module; a smaller one where channels were removed.
        variables: {"params": ..., "batch_stats": ...}; pruned weights are zero.
        masks: True = kept; None: nothing is pruned, or it is gone.
        shrinkage: what was removed; None: nothing.
    """

    model: Any
    variables: dict[str, Any]
    masks: Any
    shrinkage: Shrinkage | None = None


class Networks:
    """The versions of one trained network.

    Attributes:
        first: the leaf that reads the image.
        prunable: names of the leaves that are pruned and quantized, sorted.
        num_prunable: weights in those leaves.
        multiply_adds: of the dense network.

    Args:
        trained: the run.
        config: from `settings.settle`.
        include: patterns of the leaves that are pruned and quantized.
        folder: where retrained networks are kept.
    """

    def __init__(self, trained: Trained, config: dict[str, Any], include: Any, folder: Path):
        self.trained, self.include, self.folder = trained, include, folder
        self.seed, self._exclude = config["seed"], tuple(config["prune"]["exclude"])
        self.scheme = integer_scheme(config["quantize"]) or DEFAULT_SCHEME
        how = parse_scheme(self.scheme)
        assert isinstance(how, compress.Scheme)
        self._how: dict[str, Any] = {"symmetric": how.symmetric, "per_channel": how.per_channel, "clip": how.clip}
        self.calibration_split = calibration(trained, config)
        self.calibration = self.calibration_split.images
        batch = min(CALIBRATION_BATCH, len(self.calibration))
        self._images = jax.device_put(self.calibration[: len(self.calibration) // batch * batch])
        apply, inputs = trained.parts.model.apply, trained.parts.engine.inputs
        # The images are an argument: XLA would compute with constants while it compiles.
        self._reestimate = jax.jit(partial(reestimate, apply, inputs=inputs, batch_size=batch))
        self.multiply_adds = macs.multiply_adds(
            partial(trained.parts.model.apply, train=False),
            {"params": trained.params, **trained.model_state},
            trained.parts.dataset.image_shape,
        )
        self.first = next(iter(self.multiply_adds.kernels))
        chosen = tree.leaves(tree.select(trained.params, include))
        self.prunable = sorted(name for name, yes in chosen.items() if yes)
        self.num_prunable = sum(np.size(tree.leaves(trained.params)[name]) for name in self.prunable)
        self._sizes: dict[Any, sizes.Layout] = {}

    def exclude(self, method: str) -> tuple[str, ...]:
        """What a pruning method spares: beside what is configured, where it takes channels, those of the image."""
        spared = compress.method(method).unit == "weight" or self.first in self._exclude
        return self._exclude if spared else (*self._exclude, self.first)

    def prunes(self, method: str) -> bool:
        """Whether a method has anything to prune in this network."""
        left = tree.leaves(tree.select(self.trained.params, self.include, self.exclude(method)))
        return any(left.values())

    def masks(self, version: Version, axis: str = "in") -> Any:
        """Which weights a version keeps, pruned from the trained network."""
        assert version.method is not None
        return jax.device_get(
            compress.masks(
                self.trained.params,
                version.method,
                None if compress.method(version.method).group else version.amount,
                key=jax.random.key(self.seed),
                include=self.include,
                exclude=version.exclude,
                axis=axis,
            )
        )

    def path(self, version: Version) -> Path:
        """Where the weights of a retrained version are kept."""
        return self.folder / f"{name_of(version)}.npz"

    def retrained(self, version: Version) -> dict[str, Any]:
        """Parameters, statistics and masks of a retrained version.

        Raises:
            UserError: its file is damaged.
        """
        masks = jax.tree.map(lambda x: np.ones(np.shape(x), bool), self.trained.params)
        like = {"params": self.trained.params, "model_state": self.trained.model_state, "masks": masks}
        return read(self.path(version), like)

    def build(self, version: Version, axis: str = "in") -> Built:
        """A version as arrays; where whole channels are pruned, they are removed."""
        variables, masks = self.masked(version, axis)
        model = self.trained.parts.model
        if version.method is None or compress.method(version.method).unit == "weight":
            return Built(model, variables, masks)
        model, variables, shrinkage = compress.shrink(model, variables)
        return Built(model, variables, None, shrinkage)

    def masked(self, version: Version, axis: str = "in") -> tuple[dict[str, Any], Any]:
        """The variables of a version with zeros for what is pruned, and the masks; None: nothing is pruned."""
        params, state, masks = self.trained.params, self.trained.model_state, None
        if version.retrained:
            network = self.retrained(version)
            params, state = network["params"], network["model_state"]
            masks = network["masks"] if version.method is not None else None
        elif version.method is not None:
            masks = self.masks(version, axis)
            params = jax.device_get(compress.apply_masks(params, masks))
        if version.batch_norm == REESTIMATED and state:
            rounded = self.quantized(params, version.bits, masks)
            state = jax.device_get(self._reestimate(rounded, state, self._images))
        return {"params": params, **state}, masks

    def quantized(self, params: Any, bits: int | None, masks: Any) -> Any:
        """Parameters rounded to bits; None: as they are."""
        return params if bits is None else self.rounded(params, bits, masks)

    def rounded(self, params: Any, bits: Any, masks: Any = None) -> Any:
        """Parameters rounded to bits, which may be traced."""
        return compress.fake_quantize(params, bits, masks=masks, include=self.include, **self._how)

    def bytes(self, version: Version) -> int | None:
        """The theoretical size where channels are removed; None for other versions, whose counts say it."""
        if version.method is None or compress.method(version.method).unit == "weight":
            return None
        key = (version.method, version.amount, version.exclude)
        if key not in self._sizes:
            masked = compress.apply_masks(self.trained.params, self.masks(version))
            _, smaller, _ = compress.shrink(
                self.trained.parts.model, {"params": jax.device_get(masked), **self.trained.model_state}
            )
            params = smaller.pop("params")
            self._sizes[key] = sizes.layout(params, smaller, include=self.include)
        how: dict[str, Any] = {name: self._how[name] for name in ("symmetric", "per_channel")}
        return int(self._sizes[key].theoretical_bytes(bits=version.bits, **how))

    def save(self, path: Path, built: Built, bits: int | None) -> Packed:
        """Write a version as a packed file, quantized to bits."""
        return compress.save_packed(
            path,
            built.variables,
            bits=bits,
            masks=built.masks,
            include=self.include,
            about=about(self.trained, built.model),
            **self._how,
        )


def name_of(version: Version) -> str:
    """`global_l1-0.9-3bit`, `dense-4bit-retrained`."""
    pruned = "dense" if version.method is None else f"{version.method.replace(':', 'of')}-{version.amount:g}"
    bits = "float32" if version.bits is None else f"{version.bits}bit"
    return f"{pruned}-{bits}" + ("-retrained" if version.retrained else "")


def calibration(trained: Trained, config: dict[str, Any]) -> Split:
    """The training images, stratified, that statistics are re-estimated on."""
    train = trained.parts.dataset.train
    images = min(config["compress"]["calibration_images"], len(train))
    return train.take(stratified(train.labels, images, seed=config["seed"], purpose="calibration"))


def about(trained: Trained, model: Any) -> dict[str, Any]:
    """What a packed file says about a network, which may be shrunk."""
    found = assembly.about(trained.config, trained.parts.dataset)
    fields = dict(found["model"])
    shrunk = fields.pop("shrunk", None) is not None or model is not trained.parts.model
    return {**found, "model": fields, **({"shrunk": models.shrunk_fields(model)} if shrunk else {})}
