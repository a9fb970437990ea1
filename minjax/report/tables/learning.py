"""Learning curves in the form of paper 1's Figures 8 to 16: the optimizers of a network overlaid, and each alone."""

from __future__ import annotations

from collections.abc import Sequence

from minjax.records.run import Run
from minjax.report import epochs, paper
from minjax.report.formats import printable
from minjax.report.page import Block, Details, Picture, Section
from minjax.report.tables.entries import Entry, Tables, family, network_name, optimizer_name

FILES = "curves-"


def section(tables: Tables) -> Section:
    """A picture for each network on each data set, and a fold with one for each optimizer."""
    blocks: list[Block] = []
    for place, label in enumerate(tables.labels, 1):
        entries = [entry for entry in tables.of(label) if _drawn(entry)]
        if not entries:
            continue
        shown = printable(label)
        together, alone = (
            [image for name, lines in found for image in epochs.overlay(f"{name} on {shown}", lines)]
            for found in (_by_network(entries), _by_optimizer(entries))
        )
        panels = "training and test loss, training and test accuracy over the epochs, a line for each run"
        numbers = [paper.CURVES[table] for table in paper.tables_of(label) if _has(entries, table)]
        over, single = (" and ".join(figures) for figures in zip(*numbers, strict=True)) if numbers else ("", "")
        blocks += [
            Picture(
                f"{FILES}{place}-optimizers-together.png",
                together,
                f"The optimizers of each network on {shown}: {panels}",
                caption=f"{shown}: the optimizers together{_as(over)}",
                beside=True,
            ),
            Details(
                f"{shown}: each optimizer alone{_as(single)}",
                [
                    Picture(
                        f"{FILES}{place}-optimizers-alone.png",
                        alone,
                        f"Each optimizer alone on {shown}: {panels}",
                        beside=True,
                    )
                ],
            ),
        ]
    return Section("Learning curves", blocks or ["No run has a record of its epochs yet."])


def _as(figures: str) -> str:
    return f" (paper 1: {figures})" if figures else ""


def _has(entries: Sequence[Entry], table: str) -> bool:
    return any(entry.model in paper.accuracies(table) for entry in entries)


def _drawn(entry: Entry) -> list[Run]:
    return [run for _, run in entry.runs if run.epochs]


def _by_network(entries: Sequence[Entry]) -> list[tuple[str, list[tuple[str, Run]]]]:
    """For each network its name and its runs, each with the name of its optimizer."""
    found: dict[str, list[tuple[str, Run]]] = {}
    for entry in entries:
        lines = [(optimizer_name(entry.optimizer), run) for run in _drawn(entry)]
        found.setdefault(entry.name, []).extend(lines)
    return list(found.items())


def _by_optimizer(entries: Sequence[Entry]) -> list[tuple[str, list[tuple[str, Run]]]]:
    """For each family of networks and each optimizer a title and its runs, each with the name of its network."""
    found: dict[tuple[str, str], list[tuple[Entry, Run]]] = {}
    for entry in entries:
        found.setdefault((family(entry.model), entry.optimizer), []).extend((entry, run) for run in _drawn(entry))
    return [
        (
            f"{optimizer_name(optimizer)}: {' and '.join(dict.fromkeys(network_name(e.model) for e, _ in lines))}",
            [(entry.name, run) for entry, run in lines],
        )
        for (_, optimizer), lines in found.items()
    ]
