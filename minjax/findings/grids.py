"""The grids of a study, in which answers are looked for: its samples as candidates, with what is known of its images.

All families of a data set together are one grid, and so is each family alone.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from minjax.errors import UserError
from minjax.findings.candidates import Candidate, Grid
from minjax.findings.samples import LEAST_SEEDS, Sample

LINEAR = "linear"


@dataclasses.dataclass(frozen=True)
class Images:
    """The validation images of a data set: what a member's `correct` speaks of.

    Attributes:
        class_counts: images of each class in the validation split of a seed, the same for every seed.
        labels: class of each image of the training split, int [N]; None where the data are not at hand.
        splits: seed -> which of these images its validation split holds, int [images], in the order of `correct`;
            None where the data are not at hand.
    """

    class_counts: tuple[int, ...]
    labels: np.ndarray | None = None
    splits: Mapping[int, np.ndarray] | None = None

    @classmethod
    def of(cls, labels: np.ndarray, splits: Mapping[int, np.ndarray], num_classes: int) -> Images:
        """Those of a training split with these labels, divided like this."""
        first = next(iter(splits.values()))
        counts = np.bincount(labels[first], minlength=num_classes)
        return cls(tuple(int(count) for count in counts), labels, splits)

    @classmethod
    def unknown(cls, count: int, num_classes: int) -> Images:
        """So many images, as good as evenly divided among the classes; which they are is not known."""
        share, more = divmod(count, num_classes)
        return cls(tuple(share + (one < more) for one in range(num_classes)))


def envelope(
    found: Sequence[Sample], images: Images, *, metric: str = "accuracy", least_seeds: int = LEAST_SEEDS
) -> Grid:
    """All networks of a study on one data set, of whatever family, as one grid.

    Which images were classified correctly counts only where every completed member recorded it and the splits are at
    hand; otherwise it is assumed how alike the mistakes of networks are, and guessing reaches what records say.

    Args:
        found: samples of one data set; those with fewer than two first-stage seeds are left out.
        images: the validation images.
        metric: accuracy or balanced accuracy.
        least_seeds: first-stage seeds from which a network can be an answer.

    Raises:
        UserError: no sample has two first-stage seeds; records that contradict the images; balanced accuracy that is
            neither recorded nor follows from the images.
        ValueError: samples of several data sets.
    """
    if len({sample.dataset for sample in found}) > 1:
        raise ValueError("a grid holds the networks of one data set")
    usable = [sample for sample in found if sample.first_seeds >= LEAST_SEEDS]
    if not usable:
        raise UserError(f"no network has {LEAST_SEEDS} seeds")
    recorded = images.splits is not None and all(
        member.correct is not None or member.final is None for sample in usable for member in sample.members
    )
    finals = [member.final for sample in usable for member in sample.members if member.final is not None]
    if metric != "accuracy" and not recorded and any(final.balanced_accuracy is None for final in finals):
        raise UserError(
            f"study.metric is {metric}, and there are networks of which it is not recorded: records of minjax 0.1 have "
            "plain accuracy only"
        )
    varied = _varied(usable)
    candidates = [_candidate(sample, images, recorded, varied[sample.family]) for sample in usable]
    return Grid(
        candidates=tuple(_told_apart(candidates)),
        class_counts=images.class_counts,
        metric=metric,
        images=images.splits if recorded else None,
        labels=images.labels if recorded else None,
        least_seeds=least_seeds,
        guessing=usable[0].chance if images.labels is None else None,
    )


def within(grid: Grid, ids: set[str]) -> Grid:
    """The grid with those candidates alone whose points have these ids."""
    return dataclasses.replace(grid, candidates=tuple(one for one in grid.candidates if one.id in ids))


def _varied(found: Sequence[Sample]) -> dict[str, set[str]]:
    """Family -> the settings that are not the same for all of its networks."""
    by_family: dict[str, list[Mapping[str, Any]]] = {}
    for sample in found:
        by_family.setdefault(sample.family, []).append(sample.members[0].settings)
    return {
        family: {field for one in every for field in one if any(one[field] != other.get(field) for other in every)}
        for family, every in by_family.items()
    }


def candidate_of(sample: Sample, varied: Collection[str] | None = None) -> Candidate:
    """A point of a study as a candidate, without a record of images.

    Args:
        sample: the point.
        varied: its settings that tell it from other points; None: all of them.
    """
    settings = sample.members[0].settings
    told = sorted(settings if varied is None else set(settings).intersection(varied))
    return Candidate(
        point=architecture(sample.name, settings),
        num_params=sample.num_params,
        family=LINEAR if sample.depth == 0 else sample.family,
        seeds=sample.seeds,
        accuracy=sample.accuracy,
        hyperparameters=", ".join(f"{_last(field)}={_shown(settings[field])}" for field in told),
        fresh=frozenset(member.seed for member in sample.members if member.fresh),
        diverged=frozenset(member.seed for member in sample.members if member.status == "diverged"),
        id=sample.point,
    )


def architecture(name: str, settings: Mapping[str, Any]) -> str:
    """A point's name without the parts that say how it was trained: `dnn-1-equal-8-learning_rate=0.1` -> dnn-1-equal-8.

    A network that is told apart by nothing else keeps its name.
    """
    for field, value in settings.items():
        for key, shown in itertools.product((field, _last(field)), (_shown(value), str(value))):
            part = f"{key}={shown}"
            name = name.replace(f"-{part}", "").removeprefix(f"{part}-")
    return name


def _last(field: str) -> str:
    return field.rpartition(".")[2]


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "x".join(map(_shown, value)) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _candidate(sample: Sample, images: Images, recorded: bool, varied: Collection[str]) -> Candidate:
    found = candidate_of(sample, varied)
    if not recorded:
        return found
    rows = []
    for member in sample.members:
        if member.correct is not None:
            rows.append(np.frombuffer(member.correct, np.uint8))
        else:  # it diverged: it knows no more than the commonest class
            assert images.labels is not None
            assert images.splits is not None
            if member.seed not in images.splits:
                raise UserError(f"{sample.name}: the validation images of seed {member.seed} are not given")
            commonest = int(np.argmax(images.class_counts))
            rows.append(np.packbits(images.labels[images.splits[member.seed]] == commonest))
    if len({len(row) for row in rows}) > 1:
        raise UserError(f"{sample.name}: its seeds were evaluated on different numbers of validation images")
    return dataclasses.replace(found, correct=np.stack(rows))


def _told_apart(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, with the id of the point among the hyperparameters where nothing else tells two of them apart."""
    times = Counter(one.key for one in candidates)
    return [
        one
        if times[one.key] == 1
        else dataclasses.replace(one, hyperparameters=f"{one.hyperparameters}, point {one.id}".removeprefix(", "))
        for one in candidates
    ]
