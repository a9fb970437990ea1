"""Tables 6 and 7 and Figure 17 of paper 1, from compressions of the runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from minjax.findings.words import plural
from minjax.records.compression import TRAINED
from minjax.report import paper
from minjax.report.formats import ABSENT, mean_std, percent, printable
from minjax.report.links import PAGE
from minjax.report.page import Block, Command, Links, Note, Notes, Picture, Section, Table
from minjax.report.tables import figure17, question
from minjax.report.tables.compressions import FOLDER, Group, commands, fall, is_papers, papers_curves, read
from minjax.report.tables.entries import Tables

FILES = "pruning-"
HALF = 10  # amounts in Table 6; Table 7 goes on


def sections(tables: Tables) -> list[Section]:
    """Tables 6 and 7 beside ours, and whether a pruned large network beats a small dense one; or how to get there."""
    found, unfinished = read(tables)
    blocks: list[Block] = []
    for group in (group for group in found if _pruned(group)):
        blocks += _amounts(group)
    if blocks:
        blocks.append(
            Note(
                "Test accuracy over the share of the weights pruned, in one shot, batch-norm statistics as trained, no "
                "training afterwards, as in the paper. Structured pruning removes input channels. The paper's own "
                "curves are of one run of ResNet18 on CIFAR-10, whose convolution kernels alone were pruned."
            )
        )
    else:
        blocks += _missing(tables)
    if unfinished:
        names = ", ".join(str(path.relative_to(tables.path)) for path in unfinished)
        blocks.append(Note(f"Not finished, so not shown: {names}."))
    made = [Section("Pruning (Tables 6 and 7, Figure 17)", blocks)]
    return [*made, *question.sections(tables, found)]


def evidence(tables: Tables) -> list[Section]:
    """Figure 17: accuracy over the amount pruned and over the weights that are left."""
    found = [group for group in read(tables)[0] if _pruned(group)]
    if not found:
        return []
    blocks: list[Block] = []
    for place, group in enumerate(found, 1):
        small = question.dense_small(tables, found, group) if group.model + question.SMALL in paper.MODELS else None
        beside = (small.name, small.accuracies, small.num_params) if small else None
        images = figure17.pictures(
            group.name, group.curves, mean(group.dense), beside, papers_curves(group), fall(group)
        )
        alt = f"{group.name}: test accuracy over the amount pruned and over the weights that are left"
        blocks.append(Picture(f"{FILES}{place}.png", images, alt, caption=group.name, beside=True))
    links = [
        (str(member.path.relative_to(tables.path)), str(Path("..") / member.path.relative_to(tables.path) / PAGE))
        for group in found
        for member in group.members
        if (member.path / PAGE).is_file()
    ]
    if links:
        blocks.append(Links(links))
    return [Section("Pruning curves", blocks)]


def _pruned(group: Group) -> bool:
    return any(way.method in paper.METHODS and not way.retrained for way in group.curves)


def _amounts(group: Group) -> Iterator[Block]:
    """A row for each method, ours above the paper's, a column for each amount; in two tables, as the paper has it."""
    rows: list[tuple[str, dict[float, str]]] = []
    theirs = papers_curves(group)
    for method, name in paper.METHOD_NAMES.items():
        for way, points in group.curves.items():
            if way.method == method and not way.retrained and way.batch_norm == TRAINED:
                label = f"{name}, first layer spared" if way.exclude else name
                rows.append((label, {point.amount: f"{100 * mean(point.accuracies):.2f}" for point in points}))
        if method in theirs:
            rows.append((f"{name}, paper 1", {round(a, 6): f"{100 * value:.2f}" for a, value in theirs[method]}))
    amounts = sorted({amount for _, cells in rows for amount in cells})
    seeds = plural(len(group.by_seed), "seed")
    about = f"{plural(group.images, 'test image')}, {seeds}; dense {mean_std(group.dense)}"
    for number, part in (("Table 6", amounts[:HALF]), ("Table 7", amounts[HALF:])):
        if part:
            header = ("% pruned", *(f"{100 * amount:.4g}" for amount in part))
            cells = [(label, *(values.get(amount, ABSENT) for amount in part)) for label, values in rows]
            caption = f"{number}: {group.name}, test accuracy in % ({about})"
            yield Table(header, cells, align="l" + "r" * len(part), caption=caption)
    if notes := list(_notes(group)):
        yield Notes(notes)


def _notes(group: Group) -> Iterator[str]:
    """What a reader must know: what was pruned where it is not what the paper pruned, and the fall at 20 %."""
    include = group.members[0].config.get("prune", {}).get("include")
    if include:
        yield f"Pruned here: {printable(', '.join(include))}; the paper pruned the kernels of convolutions alone."
    if found := fall(group):
        amount, accuracy, spared = found
        planes = group.summaries[0].first_layer
        assert planes is not None
        what = f"{planes.lost_inputs} of the {planes.inputs} colour planes" if planes.inputs > 1 else "the only plane"
        yield (
            f"L1 structured at {percent(amount, 0)} takes {what} of the image from the first convolution: "
            f"{percent(accuracy)}, and {percent(spared)} if that layer is spared."
        )
    if is_papers(group):
        yield (
            "The paper's structured curve falls from 92.22 % at 15 % to 45.96 % at 20 % for this reason: "
            "round(3 x 0.20) is 1, so there one of the three colour planes goes, which the paper does not say."
        )
        yield paper.DISAGREEMENT


def _missing(tables: Tables) -> list[Block]:
    """How to make what is absent."""
    cells = [cell for cell in tables.record.cells if cell.status == "completed"]
    wanted = [cell for cell in cells if cell.model == "resnet18"] or [
        cell for cell in cells if cell.model.startswith("resnet18")
    ]
    if not wanted:
        return ["There is no finished ResNet18 in this set of runs to prune."]
    cell = wanted[-1]
    once, again = commands(tables, tables.path / cell.directory)
    return [
        f"No run of this set has been compressed yet. Each of these commands is for one run; the page finds the result "
        f"in {FOLDER}/, and minjax report {shlex.quote(str(tables.path))} writes it again. As the paper pruned, in one "
        "shot:",
        Command(once),
        "With training after pruning, which the paper left out:",
        Command(again),
    ]
