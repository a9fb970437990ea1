"""The fold of a comparison that sets measured accuracies beside paper 1's."""

from __future__ import annotations

from collections.abc import Sequence

from minjax.report import paper
from minjax.report.formats import count, mean_std, percent
from minjax.report.groups import Group
from minjax.report.page import Block, Details, Note, Notes, Section, columns


def section(found: Sequence[Group]) -> list[Section]:
    """The measured maxima beside paper 1's; nothing where the paper has none."""
    known = [(group, figure) for group in found if (figure := group.figure())]
    if not known:
        return []
    notes = _notes(found)
    blocks: list[Block] = [
        columns(
            ("architecture", "l", [group.model for group, _ in known]),
            ("optimizer", "l", [group.optimizer for group, _ in known]),
            ("data set", "l", [group.dataset for group, _ in known]),
            ("settings that differ", "l", [group.differing for group, _ in known]),
            ("maximum test accuracy", "r", [mean_std(group.accuracies("max_test_accuracy")) for group, _ in known]),
            ("paper 1: maximum", "l", [_cell(figure) for _, figure in known]),
            optional=("settings that differ",),
        ),
        Note(paper.CONVENTION),
        *([Notes(notes)] if notes else []),
    ]
    return [Section("Papers", [Details("Beside paper 1", blocks)])]


def _cell(figure: paper.Figure) -> str:
    other = "" if figure.same_dataset else f"for {figure.dataset}, "
    return f"{percent(figure.accuracy)} ({other}{figure.table})"


def _notes(found: Sequence[Group]) -> list[str]:
    """What a reader must know before comparing with the paper: other data, another network than the paper's."""
    notes = []
    for group in found:
        figure, result = group.figure(), group.result
        papers = paper.parameters(group.model, result.num_classes) if result else None
        if figure and papers and result and result.num_params != papers:
            notes.append(
                f"{group.name} on {group.dataset} is not the paper's network: it has {count(result.num_params)} "
                f"parameters, the paper's has {papers:,}."
            )
    others = sorted({group.dataset for group in found if (figure := group.figure()) and not figure.same_dataset})
    if others:
        notes.append(f"The paper used other data; its figure is given for orientation only: {'; '.join(others)}.")
    if any(group.figure() and (group.model, group.optimizer) == ("resnet18", "adabound") for group in found):
        notes.append(paper.DISAGREEMENT)
    if any(group.model == "vit_s" for group in found):
        notes.append(paper.PARAMETERS_NOTE)
    if any(group.model.startswith("vgg16") for group in found):
        notes.append("Paper 1 gives no figure for VGG16: it could not be trained there (section 5.2).")
    return notes
