"""Several runs side by side: architecture x optimizer x data set beside paper 1's figures, and the curves overlaid."""

from __future__ import annotations

import csv
import io
import os
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from minjax import records
from minjax.errors import UserError
from minjax.report import paper
from minjax.report.formats import ABSENT, count, mean_std, percent, plain, printable
from minjax.report.groups import Group, group_runs, seed_of
from minjax.report.record import RunRecord, read
from minjax.report.tables import Table

PICTURE, CSV = "compare.png", "table.csv"
CSV_HEADER = (
    *("architecture", "optimizer", "dataset", "settings", "num_params", "epochs", "runs", "completed", "seeds"),
    *("final_test_accuracy_mean", "final_test_accuracy_std"),
    *("best_validation_test_accuracy_mean", "best_validation_test_accuracy_std"),
    *("max_test_accuracy_mean", "max_test_accuracy_std"),
    *("paper_max_test_accuracy", "paper_dataset", "paper_table"),
)
ACCURACIES = (("final", "test_accuracy"), ("best_validation", "test_accuracy"), ("max_test_accuracy", "test_accuracy"))


def write(run_dirs: Iterable[Path | str], out_dir: Path | str) -> Path:
    """Write a comparison of runs, from their records alone, into `out_dir`.

    Files: table.csv (fractions; a line a group of runs that differ in their seed alone), compare.png (a line a run),
    report.md and index.html, each replaced atomically. Runs that are unfinished, interrupted or diverged are listed
    as such and are in no mean. A directory named twice counts once.

    Args:
        run_dirs: run directories, as many as are to be compared.
        out_dir: where to write; made if need be.

    Returns:
        The path of index.html.

    Raises:
        UserError: no run at all, not one with a result, a directory that is not a run's, a corrupt record, no space
            or no permission.
    """
    named = {Path(run_dir).resolve(): Path(run_dir) for run_dir in run_dirs}
    if not named:
        raise UserError("no run directories to compare: nothing matched")
    runs = [read(run_dir) for run_dir in named.values()]
    if not any(record.summary for record in runs):
        raise UserError(f"none of these runs has finished yet: {', '.join(str(record.path) for record in runs)}")
    return _write(runs, Path(out_dir))


def _write(runs: Sequence[RunRecord], folder: Path) -> Path:
    from minjax.report import html, plots  # Jinja and matplotlib: only now

    found = group_runs(runs)
    pictures = []
    for dataset in dict.fromkeys(group.dataset for group in found):
        alike = [group for group in found if group.dataset == dataset]
        lines = [plots.Line(record, group.name) for group in alike for record in group.members if record.epochs]
        if lines:
            pictures.append(plots.overlay(dataset, lines))
    if pictures:
        records.write_bytes(folder / PICTURE, plots.stack(pictures))
    else:
        with records.disk_errors(folder / PICTURE):
            (folder / PICTURE).unlink(missing_ok=True)
    records.write_text(folder / CSV, _csv(found))
    inside = _parent(runs)
    context = {
        "title": f"Comparison of {len(runs)} run{'s' if len(runs) > 1 else ''}",
        "table": _summary_table(found),
        "members": _member_table(found, inside),
        "inside": printable(inside),
        "notes": _notes(found),
        "convention": paper.CONVENTION if any(group.figure() for group in found) else "",
        "pictures": [html.data_uri(picture) for picture in pictures],  # one a data set, to fit a printed page
        "files": {"picture": PICTURE, "csv": CSV},
    }
    records.write_text(folder / "report.md", html.render("compare.md", **context))
    records.write_text(folder / "index.html", html.render("compare.html", **context))
    return folder / "index.html"


def _summary_table(found: Sequence[Group]) -> Table:
    """A row a group; the columns of settings and of best-validation accuracy only where some group has them."""
    columns = [
        ("architecture", "l", [group.model for group in found]),
        ("optimizer", "l", [group.optimizer for group in found]),
        ("data set", "l", [group.dataset for group in found]),
        ("settings that differ", "l", [group.differing for group in found]),
        ("parameters", "r", [count(next(iter(_any(group, "num_params")), None)) for group in found]),
        ("epochs", "r", [_epochs(group) for group in found]),
        ("runs", "r", [_runs(group) for group in found]),
    ]
    titles = ("final test accuracy", "best-validation test accuracy", "maximum test accuracy")
    for keys, title in zip(ACCURACIES, titles, strict=True):
        columns.append((title, "r", [mean_std(group.values(*keys)) for group in found]))
    columns.append(("paper: maximum", "l", [_paper_cell(group.figure()) for group in found]))
    optional = ("settings that differ", "best-validation test accuracy")
    kept = [column for column in columns if column[0] not in optional or set(column[2]) - {"", ABSENT}]
    header, align, cells = zip(*kept, strict=True)
    return Table(header, list(zip(*cells, strict=True)), align="".join(align))


def _any(group: Group, key: str) -> list[float]:
    """A number of the summaries of all members that have one, the completed first."""
    values = group.values(key) + [record.number(key) for record in group.members]
    return [value for value in values if value is not None]


def _epochs(group: Group) -> str:
    """Epochs done by the counted runs; a range where early stopping ended them at different ones."""
    done = group.values("epochs")
    return ABSENT if not done else count(min(done)) + (f" to {max(done):.0f}" if max(done) > min(done) else "")


def _runs(group: Group) -> str:
    done, everything = len(group.counted), len(group.members)
    return str(done) if done == everything else f"{done} of {everything}"


def _paper_cell(figure: paper.Figure | None) -> str:

    if figure is None:
        return ABSENT
    other = "" if figure.same_dataset else f"for {figure.dataset}, "
    return f"{percent(figure.accuracy)} ({other}{figure.table})"


def _parent(runs: Sequence[RunRecord]) -> str:
    """The directory that holds all the runs, to name it once; empty if there is none but the root."""
    try:
        parent = os.path.commonpath([record.path.parent for record in runs])
    except ValueError:  # absolute and relative names, or two drives
        return ""
    return "" if parent in ("", ".", os.path.sep) else parent


def _member_table(found: Sequence[Group], inside: str) -> Table:

    rows = []
    for group in found:
        for record in group.members:
            summary = record.summary or {}
            repeated = record.status == "completed" and not any(record is counted for counted in group.counted)
            rows.append(
                (
                    printable(os.path.relpath(record.path, inside) if inside else str(record.path)),
                    group.name,
                    group.dataset,
                    count(seed_of(record)).replace(",", ""),
                    record.status_text() + ("; the same seed again, not in the means" if repeated else ""),
                    percent(record.number("final", "test_accuracy")),
                    percent(record.number("max_test_accuracy", "test_accuracy")),
                    count(record.number("images_per_second")),
                    plain(summary.get("device")),
                    plain(summary.get("git_commit"))[:10],
                )
            )
    header = ("run", "of", "data set", "seed", "status", "final", "maximum", "images/s", "device", "commit")
    return Table(header, rows, align="lllrlrrrll")


def _notes(found: Sequence[Group]) -> list[str]:
    """What a reader must know before comparing: seeds left out, other data, another network than the paper's."""
    notes = []
    for group in found:
        left_out = [record for record in group.members if record.status != "completed"]
        if left_out and group.counted:
            notes.append(
                f"{group.name} on {group.dataset}: {len(left_out)} of {len(group.members)} runs did not complete and "
                "are in no mean, which is therefore that of the runs that went well."
            )
        figure, parameters = group.figure(), next(iter(_any(group, "num_params")), None)
        classes = next(iter(_any(group, "num_classes")), 0)
        papers = paper.parameters(group.model, int(classes))
        if figure and papers and parameters and parameters != papers:
            notes.append(
                f"{group.name} on {group.dataset} is not the paper's network: {count(parameters)} parameters, the "
                f"paper's has {papers:,}."
            )
    others = sorted({group.dataset for group in found if (figure := group.figure()) and not figure.same_dataset})
    if others:
        notes.append(f"Not the paper's data, whose figure stands beside it for orientation only: {'; '.join(others)}.")
    if any(group.figure() and (group.model, group.optimizer) == ("resnet18", "adabound") for group in found):
        notes.append(paper.DISAGREEMENT)
    if any(group.model == "vit_s" for group in found):
        notes.append(paper.PARAMETERS_NOTE)
    if any(group.model.startswith("vgg16") for group in found):
        notes.append("The paper gives no figure for VGG16: it could not be trained there (section 5.2).")
    return notes


def _csv(found: Sequence[Group]) -> str:

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for group in found:
        seeds = " ".join(f"{seed:.0f}" for seed in map(seed_of, group.counted) if seed is not None)
        numbers = [f"{values[0]:.0f}" if (values := _any(group, key)) else "" for key in ("num_params", "epochs")]
        row = [group.model, group.optimizer, group.dataset, group.differing, *numbers]
        row += [str(len(group.members)), str(len(group.counted)), seeds]
        for keys in ACCURACIES:
            values = group.values(*keys)
            row.append(f"{statistics.mean(values):.6f}" if values else "")
            row.append(f"{statistics.stdev(values):.6f}" if len(values) > 1 else "")
        figure = group.figure()
        row += [f"{figure.accuracy:.4f}", figure.dataset, figure.table] if figure else ["", "", ""]
        writer.writerow(row)
    return text.getvalue()
