"""The page over several runs: architecture x optimizer x data set beside paper 1's figures, and the curves overlaid."""

from __future__ import annotations

import os
import shlex
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from minjax.errors import UserError
from minjax.findings.words import plural
from minjax.records.files import csv_text
from minjax.records.run import Run, RunSummary, read_run
from minjax.report import epochs, papers
from minjax.report.formats import ABSENT, count, mean_std, percent, plain, printable, speed
from minjax.report.groups import Group, group_runs, seed_of
from minjax.report.links import to_pages
from minjax.report.page import Block, Command, Links, Note, Notes, Page, Picture, Section, Table, columns
from minjax.report.page import write as write_page
from minjax.report.run import status, status_text

PICTURE, CSV = "compare.png", "table.csv"
CSV_HEADER = (
    *("architecture", "optimizer", "dataset", "settings", "num_params", "epochs", "runs", "completed", "seeds"),
    *("final_test_accuracy_mean", "final_test_accuracy_std"),
    *("best_validation_test_accuracy_mean", "best_validation_test_accuracy_std"),
    *("max_test_accuracy_mean", "max_test_accuracy_std"),
    *("paper_max_test_accuracy", "paper_dataset", "paper_table"),
)
CHOSEN = {"final test accuracy": "final", "best-validation test accuracy": "best_validation"}
ACCURACIES = CHOSEN | {"maximum test accuracy": "max_test_accuracy"}
VERBS = ("compress", "export")


def write(run_dirs: Iterable[Path | str], out_dir: Path | str) -> Path:
    """Write a comparison of runs, from their records alone, into `out_dir`.

    Files: table.csv (fractions; a line for each group of runs that differ in their seed alone), compare.png (a line
    for each run), report.md and index.html, each replaced atomically. Runs that are unfinished, interrupted or
    diverged are listed as such and are in no mean. A directory named twice counts once.

    Args:
        run_dirs: the run directories to compare.
        out_dir: where to write; made if need be.

    Returns:
        The path of index.html.

    Raises:
        UserError: no run at all, none with a result, a directory that is not a run's, a damaged record, no space or no
            permission.
    """
    named = {Path(run_dir).resolve(): Path(run_dir) for run_dir in run_dirs}
    if not named:
        raise UserError("no run directories to compare: nothing matched")
    runs = [read_run(run_dir) for run_dir in named.values()]
    if not any(run.summary for run in runs):
        raise UserError(f"none of these runs has finished yet: {', '.join(str(run.path) for run in runs)}")
    found = group_runs(runs)
    out = Path(out_dir)
    pages = to_pages([run.path for run in runs], out)
    return write_page(page(runs, found, pages), out, pictures=(PICTURE,), files={CSV: table_csv(found)})


def page(runs: Sequence[Run], found: Sequence[Group], pages: Sequence[tuple[str, str]] = ()) -> Page:
    """The page over some runs and their groups.

    Args:
        runs: all of them.
        found: the same by group.
        pages: names and relative paths of the runs' own pages.
    """
    explained = (
        "Mean ± sample standard deviation over seeds where several runs completed. The final accuracy is the one "
        "after the last epoch."
    )
    notes, inside = _notes(found), _parent(runs)
    listed: list[Block] = [_run_table(found, inside)]
    if inside:
        listed.append(Note(f"The run directories are in {inside}."))
    return Page(
        title=f"Comparison of {plural(len(runs), 'run')}",
        sections=[
            Section("", _highest(found)),
            Section(
                "Architecture, optimizer, data set",
                [_group_table(found), Note(explained), *([Notes(notes)] if notes else [])],
            ),
            *_next(found),
        ],
        evidence=[
            Section("Curves", _curves(found)),
            Section(
                "Runs",
                [
                    *listed,
                    *([Links(pages)] if pages else []),
                    Note(f"The table of architectures as data, accuracies as fractions: {CSV}."),
                ],
            ),
            *papers.section(found),
        ],
        wide=True,
    )


def _highest(found: Sequence[Group]) -> list[Block]:
    """Which group of each data set has the highest mean accuracy, in a sentence each."""
    sentences: list[Block] = []
    for dataset in dict.fromkeys(group.dataset for group in found):
        alike = [group for group in found if group.dataset == dataset and group.accuracies("final")]
        if len(alike) < 2:
            continue
        best = max(alike, key=lambda group: statistics.mean(group.accuracies("final")))
        seeds = len(best.counted)
        one = "" if seeds > 1 else ", which does not say how much seeds differ"
        sentences.append(
            f"On {dataset}, the highest mean final test accuracy is that of {best.name}: "
            f"{mean_std(best.accuracies('final'))} over {plural(seeds, 'seed')}{one}."
        )
    return sentences


def _next(found: Sequence[Group]) -> list[Section]:
    """The commands that take the most accurate run of the first data set further."""
    counted = [run for group in found if group.dataset == found[0].dataset for run in group.counted]
    done = [run for run in counted if _final(run.summary) is not None]
    if not done:
        return []
    best = max(done, key=lambda run: _final(run.summary) or 0.0)
    where = shlex.quote(str(best.path))
    return [Section("Next", ["With the most accurate run:", *(Command(f"minjax {verb} {where}") for verb in VERBS)])]


def _curves(found: Sequence[Group]) -> list[Block]:
    images = []
    for dataset in dict.fromkeys(group.dataset for group in found):
        alike = [group for group in found if group.dataset == dataset]
        drawn = [(group.name, run) for group in alike for run in group.members if run.epochs]
        if drawn:
            images += epochs.overlay(dataset, drawn)
    if not images:
        return ["There are no curves: none of the runs has a record of its epochs (metrics.jsonl)."]
    alt = "Training and test loss and accuracy over the epochs, a line for each run"
    return [Picture(PICTURE, images, alt, beside=True)]


def _group_table(found: Sequence[Group]) -> Table:
    """A row for each group; settings and best-validation accuracy only where some group has them."""
    optional = ("settings that differ", "best-validation test accuracy")
    return columns(
        ("architecture", "l", [group.model for group in found]),
        ("optimizer", "l", [group.optimizer for group in found]),
        ("data set", "l", [group.dataset for group in found]),
        ("settings that differ", "l", [group.differing for group in found]),
        ("parameters", "r", [count(group.result.num_params if group.result else None) for group in found]),
        ("epochs", "r", [_epochs(group) for group in found]),
        ("runs", "r", [_runs(group) for group in found]),
        *((title, "r", [mean_std(group.accuracies(part)) for group in found]) for title, part in CHOSEN.items()),
        optional=optional,
    )


def _epochs(group: Group) -> str:
    """Epochs that the counted runs trained; a range where early stopping ended them at different ones."""
    done = [summary.epochs for summary in group.results]
    return ABSENT if not done else count(min(done)) + (f" to {count(max(done))}" if max(done) > min(done) else "")


def _runs(group: Group) -> str:
    done, everything = len(group.counted), len(group.members)
    return str(done) if done == everything else f"{done} of {everything}"


def _parent(runs: Sequence[Run]) -> str:
    """The directory that holds all the runs, to name it once; empty if there is none but the root."""
    try:
        parent = os.path.commonpath([run.path.parent for run in runs])
    except ValueError:  # absolute and relative names, or two drives
        return ""
    return "" if parent in ("", ".", os.path.sep) else parent


def _run_table(found: Sequence[Group], inside: str) -> Table:
    """A row for each run, with the group that it belongs to."""
    rows = []
    for group in found:
        for run in group.members:
            summary = run.summary
            repeated = status(run) == "completed" and not any(run is counted for counted in group.counted)
            rows.append(
                (
                    os.path.relpath(run.path, inside) if inside else str(run.path),
                    group.name,
                    group.dataset,
                    str(seed_of(run)),
                    status_text(run) + ("; the same seed again, not in the means" if repeated else ""),
                    percent(_final(summary)),
                    percent(_maximum(summary)),
                    speed(summary.images_per_second, summary.population) if summary else ABSENT,
                    plain(summary.device if summary else None),
                    plain(summary.git_commit if summary else None)[:10],
                )
            )
    header = ("run", "group", "data set", "seed", "status", "final", "maximum", "images/s", "device", "commit")
    return Table(header, rows, align="lllrlrrrll")


def _final(summary: RunSummary | None) -> float | None:
    return summary.final.test_accuracy if summary and summary.final else None


def _maximum(summary: RunSummary | None) -> float | None:
    return summary.max_test_accuracy.test_accuracy if summary and summary.max_test_accuracy else None


def _notes(found: Sequence[Group]) -> list[str]:
    """What a reader must know before comparing: the runs that are in no mean."""
    notes = []
    for group in found:
        missing = sum(status(run) != "completed" for run in group.members)
        if missing and group.counted:
            notes.append(
                f"{group.name} on {group.dataset}: {missing} of {len(group.members)} runs did not complete and are in "
                "no mean, so the mean is that of the runs that went well."
            )
    return notes


def table_csv(found: Sequence[Group]) -> str:
    """The table of groups as data: accuracies as fractions, empty where there is no value."""
    rows: list[Iterable[Any]] = [CSV_HEADER]
    for group in found:
        seeds = " ".join(str(seed_of(run)) for run in group.counted)
        numbers = [group.result.num_params, group.result.epochs] if group.result else ["", ""]
        row = [group.model, group.optimizer, group.dataset, group.differing, *numbers]
        row += [len(group.members), len(group.counted), seeds]
        for part in ACCURACIES.values():
            values = group.accuracies(part)
            row.append(f"{statistics.mean(values):.6f}" if values else "")
            row.append(f"{statistics.stdev(values):.6f}" if len(values) > 1 else "")
        figure = group.figure()
        row += [f"{figure.accuracy:.4f}", figure.dataset, figure.table] if figure else ["", "", ""]
        rows.append([printable(cell) if isinstance(cell, str) else cell for cell in row])
    return csv_text(rows)
