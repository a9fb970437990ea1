"""How the members of a study divide the training split: a stratified part of it validates, another for each seed.

A member's division is that of `task=train` with the same seed, so that a member is an ordinary run, and seeds carry
the noise of the division too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from minjax.data import Dataset
from minjax.data.dataset import pixel_statistics
from minjax.data.splits import divide, evenly, stratified
from minjax.errors import UserError
from minjax.findings.candidates import balanced_accuracy
from minjax.findings.grids import Images
from minjax.train.member import Partition


class Partitions:
    """The divisions of one training split, a function of the data and the seed alone; each is made once.

    Attributes:
        sizes: images that each member is trained on ("train"), is evaluated on ("validation"), and is pruned and
            quantized on ("curves"); the same for every seed.
    """

    def __init__(self, dataset: Dataset, config: dict[str, Any], seeds: Iterable[int]):
        """Divide the split for the first seed, to see that it can be done.

        Args:
            dataset: with the whole training split.
            config: of the study.
            seeds: of its members.

        Raises:
            UserError: there are fewer images than the validation split or the limit needs.
        """
        seeds = list(seeds)
        self._dataset, self._config, self._seeds = dataset, config, seeds
        self._fields = config["dataset"]
        self._made: dict[int, Partition] = {}
        self._limited = {self._fields["limit_train"]: self}
        made = [self._of(seed) for seed in (seeds[:1] if dataset.units is None else seeds)]  # of one size?
        part = made[0]
        train, validation = len(part.train), len(part.validation)
        curves = min(validation, config["study"]["curve_images"] or validation)
        if self.balanced:
            present = len(np.unique(dataset.train.labels[part.validation]))
            curves = max(1, curves // present) * present
        self.sizes = {"train": train, "validation": validation, "curves": curves}

    @property
    def chance(self) -> float:
        """What needs no learning, in what networks are chosen by; see `Dataset.chance`."""
        return self._dataset.chance(balanced=self.balanced)

    def labels(self, seed: int) -> np.ndarray:
        """The classes of a seed's validation images, int, in the order of its division."""
        return self._dataset.train.labels[self._of(seed).validation]

    @property
    def balanced(self) -> bool:
        """Whether networks are chosen by balanced accuracy."""
        return self._config["study"]["metric"] == "balanced_accuracy"

    def score(self, right: np.ndarray, labels: np.ndarray) -> float:
        """What networks are chosen by.

        Args:
            right: bool [N], whether each image is classified correctly.
            labels: int [N], its class.
        """
        return balanced_accuracy(right, labels) if self.balanced else float(right.mean())

    def limited(self, images: int | None) -> Partitions:
        """The same divisions with another `dataset.limit_train`; the validation images are the same.

        Raises:
            UserError: there are fewer images.
        """
        if images not in self._limited:
            fields = {**self._fields, "limit_train": images}
            self._limited[images] = Partitions(self._dataset, {**self._config, "dataset": fields}, self._seeds)
        return self._limited[images]

    def of(self, seeds: Iterable[int]) -> Partition:
        """The divisions of some seeds, stacked."""
        return _stack([self._of(seed) for seed in seeds])

    def curves(self, seeds: Iterable[int]) -> Partition:
        """The same, with those validation images alone that curves are measured on, drawn from every class alike.

        Where all classes count alike there are as many images of each, some of them repeatedly, so that the share
        classified correctly is balanced accuracy.
        """
        return _stack([self._of_curves(seed) for seed in seeds])

    def images(self, seeds: Iterable[int]) -> Images:
        """The validation images of some seeds, as findings take them."""
        splits = {seed: np.asarray(self._of(seed).validation) for seed in seeds}
        return Images.of(self._dataset.train.labels, splits, self._dataset.num_classes)

    def _of(self, seed: int) -> Partition:
        if seed not in self._made:
            train, dataset = self._dataset.train, self._dataset
            own = len(train) - dataset.pooled  # behind these are the source's own validation images, if any
            kept, validation = divide(
                train.labels[:own],
                num_classes=dataset.num_classes,
                validation_fraction=0.0 if dataset.pooled else self._fields["validation_fraction"],
                limit_train=self._fields["limit_train"],
                seed=seed,
                units=dataset.units,
            )
            validation = np.arange(own, len(train)) if validation is None else validation
            self._check_sizes(len(kept), len(validation))
            if self._fields["normalize"] == "train":
                mean, std = pixel_statistics(train.images[kept])
            else:
                mean, std = dataset.mean, dataset.std
            self._made[seed] = Partition(
                kept.astype(np.int32), validation.astype(np.int32), np.array(mean), np.array(std)
            )
        return self._made[seed]

    def _check_sizes(self, train: int, validation: int) -> None:
        """See that a seed has as many images as the first one.

        Raises:
            UserError: images that belong together cannot be divided alike for every seed.
        """
        first = next(iter(self._made.values()), None)
        if first is not None and (train, validation) != (len(first.train), len(first.validation)):
            raise UserError(
                "images that belong together (a group of train.csv, or equal images) cannot be divided into parts of "
                "the same size for every seed; choose the validation images yourself, in val/ or val.csv"
            )

    def _of_curves(self, seed: int) -> Partition:
        part, count = self._of(seed), self.sizes["curves"]
        labels = self.labels(seed)
        if self.balanced:
            chosen = evenly(labels, count // len(np.unique(labels)), seed=seed, purpose="curves")
        elif count == len(part.validation):
            return part
        else:
            chosen = stratified(labels, count, seed=seed, purpose="curves")
        return part.replace(validation=part.validation[chosen])  # type: ignore[attr-defined]


def _stack(parts: list[Partition]) -> Partition:
    return jax.tree.map(lambda *x: np.stack(x), *parts)
