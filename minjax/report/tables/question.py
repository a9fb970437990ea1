"""Is a large network pruned to less than a million weights better than its small form, dense? What compressions say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from minjax.findings.equal_size import MILLION, Comparison, Crossing, Pruned, answer, compare, crossings
from minjax.findings.words import plural
from minjax.report import paper
from minjax.report.formats import ABSENT, count, mean_std, percent
from minjax.report.page import Block, Command, Note, Section, Table, columns
from minjax.report.tables import figure17
from minjax.report.tables.compressions import Group, commands
from minjax.report.tables.entries import Tables, network_name

SMALL = "_s"  # what the name of a network's small form ends with


@dataclass(frozen=True)
class Small:
    """The small form of a network, dense.

    Attributes:
        name: of the network.
        accuracies: test accuracy of each seed, after the last epoch, as a compression takes its network.
        num_params: its parameters.
        epochs: that it was trained for; None: not known.
    """

    name: str
    accuracies: Sequence[float]
    num_params: int
    epochs: int | None


def sections(tables: Tables, found: Sequence[Group]) -> list[Section]:
    """Whether a large network pruned to less than a million weights beats its small form, for each that has both."""
    blocks: list[Block] = [_papers()] if any(entry.model == "resnet18" for entry in tables.entries) else []
    for group in found:
        large = group.summaries[0]
        if group.model + SMALL not in paper.MODELS or large.num_params < MILLION or not group.curves:
            continue
        dense = dense_small(tables, found, group)
        if dense is None:
            blocks.append(
                f"{group.name}: there is no finished run of {network_name(group.model + SMALL)} under the same "
                "optimizer on the same data to set it beside."
            )
            continue
        pairs = [
            (crossing, compare(crossing.below.accuracies, dense.accuracies, group.images) if crossing.below else None)
            for crossing in crossings(group.curves, MILLION)
        ]
        blocks += [
            f"{group.name}. {answer(pairs, network_name(group.model), dense.name, MILLION)}",
            _crossings(pairs, f"{group.name}: where it falls below a million nonzero weights"),
            f"{dense.name}, dense: {count(dense.num_params)} parameters, {mean_std(dense.accuracies)} "
            f"({plural(len(dense.accuracies), 'seed')}). {_effort(group, dense)}",
        ]
        if not any(crossing.way.retrained for crossing, _ in pairs):
            run = Path(large.run) if large.run else group.members[0].path
            blocks += ["With training after pruning:", Command(commands(tables, run)[1])]
    if not blocks:
        return []
    if len(blocks) == 1:
        blocks.append("No run of this set answers it yet: that takes a ResNet18 pruned so far, and a dense ResNet18_S.")
    note = Note(
        "The amounts are those next to a million weights, chosen by counting and not by accuracy. The interval is "
        "Welch's over seeds where both networks have several, else one over the test images, which leaves out how much "
        "seeds differ."
    )
    return [Section("A pruned large network, or a small dense one?", [*blocks, note])]


def _papers() -> str:
    """What the paper's own figures say, which it does not."""
    amounts, curves = paper.pruning()
    left = [paper.PARAMETERS["resnet18"][0] - round(amount * paper.PRUNABLE) for amount in amounts]
    below = next(place for place, size in enumerate(left) if size < MILLION)
    accuracy = paper.accuracies("Table 2")["resnet18_s"]["adabound"]
    points = [
        f"{percent(curves['global_unstructured'][place])} with {count(left[place])} weights left "
        f"({percent(amounts[place], 0)} pruned)"
        for place in (below - 1, below)
    ]
    return (
        f"Paper 1's own figures answer it without training after pruning: pruned globally, ResNet18 has "
        f"{' and '.join(points)}, and dense ResNet18_S with {count(paper.PARAMETERS['resnet18_s'][0])} parameters has "
        f"{percent(accuracy)}."
    )


def _effort(group: Group, dense: Small) -> str:
    """For how long each of the two was trained."""
    configs = [member.config for member in group.members]
    epochs = configs[0].get("training", {}).get("epochs")
    parts = [f"{network_name(group.model)} {plural(epochs, 'epoch')}"] if epochs else []
    parts += [f"{dense.name} {plural(dense.epochs, 'epoch')}"] if dense.epochs else []
    said = f"Trained for: {', '.join(parts)}." if parts else ""
    rounds = [config["prune"] for config in configs if config.get("prune", {}).get("series")]
    if rounds:
        after = f"{plural(rounds[0]['epochs'], 'epoch')} after one_shot and after each of {rounds[0]['rounds']} rounds"
        said += f" After pruning: {after} of iterative pruning."
    return said


def dense_small(tables: Tables, found: Sequence[Group], group: Group) -> Small | None:
    """The small form of a group's network under the same optimizer on the same data.

    From the runs of the set, else from compressions of it.
    """
    small = group.model + SMALL
    same = (small, group.optimizer, group.dataset)
    entries = [one for one in tables.entries if (one.model, one.optimizer, one.dataset) == same and one.completed]
    for entry in sorted(entries, key=lambda one: one.network != group.network + SMALL):  # first with like settings
        summary = entry.completed[0].summary
        assert summary is not None
        return Small(network_name(small), entry.accuracies("final"), summary.num_params, summary.epochs)
    for other in found:
        if (other.model, other.optimizer, other.dataset) == same:
            epochs = other.members[0].config.get("training", {}).get("epochs")
            return Small(network_name(small), other.dense, other.summaries[0].num_params, epochs)
    return None


def _crossings(pairs: Sequence[tuple[Crossing, Comparison | None]], caption: str) -> Table:
    def cell(point: Pruned | None) -> tuple[str, str, str]:
        if point is None:
            return ABSENT, ABSENT, ABSENT
        return f"{100 * point.amount:.4g}", count(point.nonzero), mean_std(point.accuracies)

    above, below = [cell(one.above) for one, _ in pairs], [cell(one.below) for one, _ in pairs]
    differences = [
        f"{100 * found.difference.value:+.2f} ({100 * found.difference.low:+.2f} to {100 * found.difference.high:+.2f})"
        if found
        else ABSENT
        for _, found in pairs
    ]
    return columns(
        ("method", "l", [figure17.way_name(one.way) for one, _ in pairs]),
        ("% pruned, above", "r", [one[0] for one in above]),
        ("weights left", "r", [one[1] for one in above]),
        ("accuracy there", "r", [one[2] for one in above]),
        ("% pruned, below", "r", [one[0] for one in below]),
        ("weights left below", "r", [one[1] for one in below]),
        ("accuracy below", "r", [one[2] for one in below]),
        ("less the small one, points", "r", differences),
        ("outcome", "l", [found.outcome if found else "not pruned so far" for _, found in pairs]),
        caption=caption,
    )
