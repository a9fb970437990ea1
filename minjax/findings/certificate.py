"""The answer to the user's question, for one family on one data set: the smallest size, how sure, and what it bears.

The sentences here are the only ones: the console prints them below one another, the page as a paragraph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from minjax.findings.resilience import fewest_bits, redundancies, redundancy
from minjax.findings.samples import LIMITS, Limits, Sample
from minjax.findings.words import capital, count, listed, percent, plural, points, spread
from minjax.records.finding import Certificate, CertificateBytes, Minimal, Role

# The network of a sample, its redundancy and its bits (None: not measured) -> bytes as trained, quantized, pruned.
Sizes = Callable[[Sample, float | None, int | None], CertificateBytes]


def certificate(
    minimal: Minimal, found: Sequence[Sample], limits: Limits = LIMITS, sizes: Sizes | None = None
) -> Certificate:
    """A minimal size with how far its network can be pruned and quantized, each alone.

    `redundancy` is the mean over the seeds of the largest sparsity on the plateau, `bits` the fewest that are enough
    for every seed; both None where no curves were measured.

    Args:
        minimal: of one family on one data set.
        found: the samples that it was found in.
        limits: the tolerances of the findings.
        sizes: says how many bytes its network takes; None: it is not said.
    """
    about = msgspec.structs.asdict(minimal)
    if minimal.num_params is None:
        return Certificate(**about)
    sample = next(sample for sample in found if sample.point == minimal.point)
    amounts, bits = redundancies(sample, limits), fewest_bits(sample, limits)
    pruned = None if np.isnan(amounts).all() else float(np.nanmean(amounts))
    quantized = None if np.isnan(bits).any() else int(bits.max())
    return Certificate(
        **about,
        fields=dict(sample.fields),
        redundancy=pruned,
        redundancy_interval=None if pruned is None else redundancy([sample], limits)[0].interval,
        bits=quantized,
        bytes=None if sizes is None else sizes(sample, pruned, quantized),
    )


def chosen(minimal: Minimal, found: Sequence[Sample]) -> dict[Role, Sample]:
    """The networks that a study chose in one family on one data set, each once: what the test split is looked at for.

    They are that of the minimal size, that of the next smaller size, and the most accurate of all.
    """
    by_role: dict[Role, Sample] = {}
    if minimal.num_params is not None:
        by_role["minimal"] = next(sample for sample in found if sample.point == minimal.point)
    if minimal.below is not None:
        size = minimal.below.num_params
        by_role["below"] = max((s for s in found if s.num_params == size and s.equal), key=lambda s: s.mean)
    best = max(found, key=lambda sample: sample.mean)
    if best.point not in {sample.point for sample in by_role.values()}:
        by_role["best"] = best
    return by_role


def subject(found: Minimal) -> str:
    """What it is about: 'dnn on digits'."""
    return f"{found.family} on {found.dataset}"


def answer(found: Minimal) -> str:
    """'1,135 parameters', 'at least' or 'at most' that many at an end of the grid, or 'no minimal size'."""
    if found.num_params is None:
        return "no minimal size"
    bound = "at least " if _is_largest(found) else "at most " if _is_smallest(found) else ""
    return f"{bound}{count(found.num_params)} parameters"


def basis(found: Minimal) -> str:
    """What the answer rests on, in a line: the interval and the accuracy, or why there is no minimal size."""
    if found.num_params is None:
        return found.reason or ""
    return f"{_interval(found)}; {_accuracy(found)} over {found.seeds} seeds"


def sentences(found: Certificate) -> list[str]:
    """The whole certificate, a statement a sentence; the first names the family and the data set."""
    if found.num_params is None:
        return [f"{subject(found)}: no minimal size was found, because {found.reason}.", *_tested(found)]
    return [
        _enough(found),
        *_grid(found),
        _reached(found),
        *_tested(found),
        _below(found),
        *_compressed(found),
        *_notes(found),
    ]


def _enough(found: Certificate) -> str:
    if _is_largest(found):
        text = f"stable learning needs {answer(found)}, the largest size of the grid"
    elif _is_smallest(found):
        text = f"stable learning needs {answer(found)}, the smallest size of the grid"
    else:
        text = f"{answer(found)} are enough for stable learning"
    return f"{subject(found)}: {text} ({found.name}; {_interval(found)})."


def _grid(found: Certificate) -> Iterable[str]:
    if found.grid:
        sizes = f"{len(found.grid)} size{'' if len(found.grid) == 1 else 's'}"
        ends = f"{count(found.grid[0])} to {count(found.grid[-1])} parameters"
        yield f"This is a statement about {sizes} from {ends}, each with at least {found.seeds} seeds."


def _reached(found: Certificate) -> str:
    chosen = ", chosen on test" if found.selection == "test" else ""
    return (
        f"Its {found.selection} accuracy is {_accuracy(found)} (mean and standard deviation over seeds{chosen}); the "
        f"target was {percent(found.target or 0)}."
    )


def _tested(found: Certificate) -> Iterable[str]:
    """What the test split says of the networks that were chosen, the network of the minimal size first."""
    if not found.tested:
        return
    first, *others = found.tested
    low, high = first.interval
    of = "" if first.role == "minimal" else f" of the best network, {first.name}"
    yield (
        f"Test accuracy{of}, looked at once: {percent(first.accuracy)} (mean over {plural(first.seeds, 'seed')}; 95 % "
        f"interval {percent(low)} to {percent(high)} for {count(first.images)} images)."
    )
    names = {"below": "the next smaller size", "best": "the best network"}
    said = [
        f"{names[one.role]} ({one.name}, {count(one.num_params)} parameters) reaches {percent(one.accuracy)}"
        for one in others
    ]
    if said:
        yield f"On the same images {listed(said)}."


def _below(found: Certificate) -> str:
    if found.below is None:
        return "No smaller size was tried."
    return f"The next smaller size, {count(found.below.num_params)} parameters, is not enough: {found.below.why}."


def _compressed(found: Certificate) -> Iterable[str]:
    """What the network bears, and its bytes."""
    if found.redundancy is not None:
        ends = found.redundancy_interval
        interval = "" if ends is None else f" (95 % interval {100 * ends[0]:.0f} to {percent(ends[1], 0)})"
        yield (
            f"{percent(found.redundancy, 0)} of its kernel weights can be pruned while the accuracy stays within "
            f"{points(found.tolerance)}{interval}."
        )
    if found.bits is not None:
        yield f"{found.bits} bit{' per weight is' if found.bits == 1 else 's per weight are'} enough for every seed."
    if found.redundancy is None and found.bits is None:
        yield "It was neither pruned nor quantized."
    if found.bytes is not None:
        stored = {
            "as float32": found.bytes.float32,
            f"quantized to {found.bits} bits": found.bytes.quantized,
            "pruned and kept as float32": found.bytes.pruned,
        }
        known = [f"{count(size)} bytes {how}" for how, size in stored.items() if size is not None]
        yield f"Its parameters take {listed(known)} (computed, not measured)."


def _notes(found: Certificate) -> Iterable[str]:
    return (f"{capital(note)}." for note in found.notes)


def _is_largest(found: Minimal) -> bool:
    return len(found.grid) > 1 and found.num_params == found.grid[-1]


def _is_smallest(found: Minimal) -> bool:
    return len(found.grid) > 1 and found.num_params == found.grid[0]


def _interval(found: Minimal) -> str:
    low, high = found.interval or (0, 0)
    return f"95 % interval {count(low)} to {count(high)}"


def _accuracy(found: Minimal) -> str:
    return spread(found.accuracy or 0, found.sigma or 0)
