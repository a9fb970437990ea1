"""The parts of the page: what is to be seen, the pictures, the tables; and what was not measured."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from minjax.report.section import Section
from minjax.report.study import tables
from minjax.report.study.evidence import Evidence

REGIMES = (
    "A network is unstable where its accuracy differs much over seeds or more than a quarter of its seeds learned "
    "nothing, overfitting where its training accuracy is well above its test accuracy and the accuracy rises with size "
    "no more, learning otherwise."
)
BANDS = (
    "A band is shaded by the regime that most of the networks about a size are in: those within a factor of two either "
    "way; of two as common, the earlier."
)
MINIMAL = (
    "The minimal size is the first of the grid, among networks of equal shape, at which a non-decreasing fit of the "
    "mean accuracy reaches the target (the mean of the largest quarter of sizes, less the tolerance) with seeds that "
    "agree. It is a statement about this grid: nothing is known between its sizes."
)


def sections(evidence: Evidence, drawn: Collection[str]) -> list[Section]:
    """What the page shows between the answers and the conditions, in its order.

    Args:
        evidence: of the page.
        drawn: names of the pictures that there are.
    """
    found = [*_size(drawn, _tolerance(evidence)), *_resilience(drawn), _claims(evidence)]
    missing = [
        name
        for picture, name in (
            ("learning.png", "learning curves"),
            ("pruning.png", "pruning"),
            ("quantization.png", "quantization"),
        )
        if picture not in drawn
    ]
    if missing:
        found.append(Section("Not in these records", f"Nothing was recorded of: {', '.join(missing)}."))
    return found


def _tolerance(evidence: Evidence) -> str:
    """A sentence."""
    if evidence.tolerance is None:
        return ""
    points = 100 * evidence.tolerance
    return f" Accuracies count as the same at a tolerance of {points:.3g} point{'' if points == 1 else 's'}."


def _size(drawn: Collection[str], tolerance: str) -> Iterator[Section]:
    if "accuracy.png" in drawn:
        yield Section(
            "Accuracy over parameters",
            f"Each mark is a network, the mean over its seeds. {REGIMES} {BANDS} {MINIMAL}{tolerance}",
            "accuracy.png",
            "Test and training accuracy over learnable parameters with regimes, target and minimal size",
        )
    if "families.png" in drawn:
        yield Section(
            "Families and data sets at like size",
            "The same accuracies together: families on one data set, then one family on several data sets.",
            "families.png",
            "Test accuracy over learnable parameters, a colour a family on a data set",
        )
    if "learning.png" in drawn:
        yield Section(
            "Learning curves by regime",
            "Of each regime the networks whose sizes are nearest to a sixth, a half and five sixths of its sizes (on a "
            "logarithmic scale). The training loss falls faster than on average in its fast phase, more slowly before "
            "it (slow) and after it (final). Test accuracy has settled when it stays within the tolerance of its last "
            "value.",
            "learning.png",
            "Training loss and test accuracy over epochs of networks of each regime",
        )


def _resilience(drawn: Collection[str]) -> Iterator[Section]:
    if "pruning.png" in drawn:
        yield Section(
            "Pruning",
            "Weights are set to zero in the trained networks, without any training after it. The plateau lasts while "
            "the accuracy is within the tolerance of that of the whole network, and its end is the redundancy; the "
            "curve collapses where the accuracy comes within the margin of chance, and declines between. At most six "
            "networks a panel, spread evenly over size; of equal shapes where there are any. Networks most "
            "of whose seeds learned nothing are left out.",
            "pruning.png",
            "Test accuracy over sparsity, a panel a depth, a line a network",
        )
    if "quantization.png" in drawn:
        yield Section(
            "Quantization",
            "The weights of the trained networks are rounded to few bits, without any training after it.",
            "quantization.png",
            "Test accuracy over bits of a weight, a panel a depth, a line a network",
        )
    if "resilience.png" in drawn:
        yield Section(
            "Redundancy and minimal bits over parameters",
            "Where the plateaus end, of every network that was measured.",
            "resilience.png",
            "Redundancy and minimal bits over learnable parameters by depth",
        )


def _claims(evidence: Evidence) -> Section:
    return Section(
        "The claims",
        "What Zheng et al. (Systematic Characterization of Minimal Deep Learning Architectures, arXiv 2601.17987) "
        "claim, tested on these records alone. The thresholds are minjax's conventions.",
        tables=[("", tables.claims(evidence))],
    )
