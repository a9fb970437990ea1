"""The winner of a study as study.json states it: a network, its accuracies, what it costs, how to make it again."""

from __future__ import annotations

from typing import Literal

from minjax.records.compressed import ChosenFile, Scored
from minjax.records.record import Count, Fraction, Interval, Name, Positive, Record

# What a network is tested as: the winner; the most accurate one whose packed file is no larger than the compressed
# winner's; the linear classifier; the most accurate one that is smaller than the winner; the best found.
Finish = Literal["winner", "same_size", "linear", "smaller", "best"]


class Finalist(Record, frozen=True, kw_only=True):
    """A network that the test split was used for, once, when everything was chosen.

    Attributes:
        roles: what it is tested as.
        point, name, num_params: of the network.
        learning_rate, epochs: that it was trained with.
        seed: of its members the one that is best on its validation images.
        validation: on the validation images of that seed.
        test: on the test split.
        bytes: of its packed file at `Winner.bits` bits per weight; of the winner as it was written, of the others
            predicted from their shapes.
    """

    roles: tuple[Finish, ...]
    point: Name
    name: Name
    num_params: Positive
    learning_rate: float
    epochs: Positive
    seed: int
    validation: Scored
    test: Scored
    bytes: Positive


class OverSeeds(Record, frozen=True, kw_only=True):
    """The mean accuracy of a network over seeds, each on validation images of its own.

    Attributes:
        accuracy: by the study's metric; a seed that diverged counts as guessing.
        interval: Student's 95 % interval of the mean; None for a single seed.
        seeds: how many; `fresh` says whether they were trained after the choice.
    """

    accuracy: Fraction
    interval: Interval | None
    seeds: Positive
    fresh: bool


class Winner(Record, frozen=True, kw_only=True):
    """The network that a study hands over.

    Attributes:
        path: of its run directory, from the study's.
        point, name, family, num_params: of the network.
        learning_rate, epochs, seed: that it was trained with.
        fresh: whether the seed is one of those that were trained after the choice.
        over_seeds: the mean over its seeds, the fresh ones where there are any.
        validation, test: accuracies of the run, after its last epoch.
        member_accuracy: the share of these validation images that the study's own member of that seed has right.
        bits: of a kernel's weight in the packed file that `bytes` is about, which is not pruned.
        bytes: of that file, as it was written.
        packed: of the recommended packed file, its path from the study's directory; None: it was not compressed.
        macs: multiply-adds for one image.
        peak_ram_bytes: of the activations of one image that are alive at once, at 8 bits each.
        command: trains it again, to the same bits on the same kind of device.
        compressed: the recommended packed file, as the compression in <path>/compressed states it.
        finalists: the networks that were tested, the winner first.
        notes: what limits these statements.
    """

    path: Name
    point: Name
    name: Name
    family: Name
    num_params: Positive
    learning_rate: float
    epochs: Positive
    seed: int
    fresh: bool
    over_seeds: OverSeeds
    validation: Scored
    test: Scored
    member_accuracy: Fraction
    bits: Positive
    bytes: Positive
    packed: str | None = None
    macs: Count
    peak_ram_bytes: Positive
    command: Name
    compressed: ChosenFile | None = None
    finalists: tuple[Finalist, ...] = ()
    notes: tuple[str, ...] = ()
