"""Tables 2 to 5 of paper 1 with ours beside its figures; and the same runs without any selection on the test split."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from minjax.findings.readings import MEANINGS, guesses
from minjax.findings.words import listed
from minjax.records.files import csv_text
from minjax.report import paper
from minjax.report.formats import ABSENT, count, mean_std, percent, printable
from minjax.report.page import Block, Details, Note, Notes, Section, columns
from minjax.report.tables.entries import Entry, Tables, absent, common_departures, family, network_name, optimizer_name

CSV_HEADER = (
    *("paper_table", "architecture", "network", "optimizer", "dataset", "seeds", "completed", "diverged", "epochs"),
    *("max_test_accuracy_mean", "max_test_accuracy_std", "paper_max_test_accuracy", "difference", "reading", "why"),
    *("one_more_seed_low", "one_more_seed_high", "departures"),
    *("best_validation_test_accuracy_mean", "best_validation_test_accuracy_std"),
    *("final_test_accuracy_mean", "final_test_accuracy_std"),
)
SHORT = 60  # characters of settings in a row of a table
VGG = "Paper 1 gives no figure for VGG16: it could not be trained there (section 5.2, Figure 12)."


def beside(tables: Tables) -> Section:
    """The tables in the paper's order, then the networks and data for which it prints no figure."""
    blocks: list[Block] = []
    for caption, entries in _parts(tables):
        blocks += _table(caption, entries)
    asked = {entry.figure.table for entry in tables.entries if entry.figure}
    missing = [
        f"{table} ({_networks(table)} on {paper.dataset(table)})" for table in paper.CURVES if table not in asked
    ]
    explained = "Maximum test accuracy over the epochs, mean ± sample standard deviation over seeds."
    kinds = {entry.reading.kind for entry in _shown(tables)}
    notes = [f"{kind}: {meaning}." for kind, meaning in MEANINGS.items() if kind in kinds]
    return Section(
        "Beside paper 1",
        [
            *blocks,
            Note(f"{explained} {paper.CONVENTION}"),
            *([Note(f"Not in this set of runs: {listed(missing)}.")] if missing else []),
            *_differing(tables),
            Details(
                "What the readings mean, and what to know of the paper's figures", [Notes([*notes, *_notes(tables)])]
            ),
        ],
    )


def _parts(tables: Tables) -> Iterable[tuple[str, list[Entry]]]:
    """Each table's caption and rows, also those rows that the set of runs lacks."""
    for label in tables.labels:
        entries = tables.of(label)
        for table in paper.tables_of(label):
            alike = [entry for entry in entries if entry.figure and entry.figure.table == table]
            if alike:
                yield f"{table}: {_networks(table)} on {printable(label)}", _all_rows(tables, table, alike)
        others = [entry for entry in entries if entry.figure is None]
        if others:
            yield f"No figure in paper 1: {_listed(others)} on {printable(label)}", others


def _shown(tables: Tables) -> list[Entry]:
    """The rows of all tables."""
    return [entry for _, entries in _parts(tables) for entry in entries]


def _all_rows(tables: Tables, table: str, entries: Sequence[Entry]) -> list[Entry]:
    """The rows of a table of the paper's, in its order: each entry of ours, and the figures that have none."""
    rows = []
    for model, figures in paper.accuracies(table).items():
        for optimizer in figures:
            own = [entry for entry in entries if (entry.model, entry.optimizer) == (model, optimizer)]
            rows += own or [absent(tables.record, table, entries[0].dataset, model, optimizer)]
    return rows


def _table(caption: str, entries: Sequence[Entry]) -> list[Block]:
    """A table, and what holds of all its rows."""
    common = common_departures(entries)
    table = columns(
        ("architecture", "l", [entry.name for entry in entries]),
        ("optimizer", "l", [optimizer_name(entry.optimizer) for entry in entries]),
        ("ours: maximum", "r", [mean_std(entry.accuracies("max_test_accuracy")) for entry in entries]),
        ("seeds", "r", [_seeds(entry) for entry in entries]),
        ("paper 1: maximum", "r", [percent(entry.figure.accuracy if entry.figure else None) for entry in entries]),
        ("difference, points", "r", [signed(entry.difference) for entry in entries]),
        ("reading", "l", [_reading(entry, common) for entry in entries]),
        caption=caption,
    )
    return [table, *([Note(f"All of ours: {'; '.join(common)}.")] if common else [])]


def _reading(entry: Entry, common: Sequence[str]) -> str:
    """'other protocol (weight decay 0, not 0.001)', without what holds of the whole table; long lists are counted."""
    found = entry.reading
    ran = found.kind not in ("not run", "diverged")
    own = [phrase for phrase in entry.departures if phrase not in common] if ran else []
    if len("; ".join(own)) > SHORT:
        own = [f"{len(own)} settings of its own"]
    why = "; ".join(filter(None, [printable(found.why), *own]))
    return f"{found.kind} ({why})" if why else found.kind


def _differing(tables: Tables) -> list[Block]:
    """How the training of each network differs from the paper's."""
    entries = [entry for entry in tables.entries if entry.departures]
    if not entries:
        return []
    alike: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        key = (entry.name, entry.dataset, "; ".join(entry.departures))
        alike.setdefault(key, []).append(optimizer_name(entry.optimizer))
    table = columns(
        ("architecture", "l", [name for name, _, _ in alike]),
        ("data set", "l", [printable(label) for _, label, _ in alike]),
        ("optimizer", "l", [listed(names) for names in alike.values()]),
        ("differs in", "l", [printable(said) for _, _, said in alike]),
    )
    return [Details("How the training of each network differs from the paper's", [table])]


def _seeds(entry: Entry) -> str:
    done = len(entry.completed)
    if not entry.cells:
        return ABSENT
    return str(done) if done == len(entry.cells) else f"{done} of {len(entry.cells)}"


def signed(difference: float | None) -> str:
    """A difference of accuracies in percentage points: 0.0035 -> '+0.35'; None -> a dash."""
    return ABSENT if difference is None else f"{100 * difference:+.2f}"


def _networks(table: str) -> str:
    return listed([network_name(model) for model in paper.accuracies(table)])


def _listed(entries: Sequence[Entry]) -> str:
    return listed(list(dict.fromkeys(entry.name for entry in entries)))


def _notes(tables: Tables) -> list[str]:
    """What a reader must know of the paper's own figures."""
    shown, notes = _shown(tables), []
    stuck = [
        f"{network_name(entry.model)} under {optimizer_name(entry.optimizer)} ({entry.figure.table})"
        for entry in shown
        if entry.figure and guesses(entry.figure.accuracy, paper.cifar_classes(entry.figure.dataset) or 10)
    ]
    if stuck:
        notes.append(f"The paper's figure is that of guessing, so its network did not learn: {listed(stuck)}.")
    others = {entry.dataset: entry.figure.dataset for entry in shown if entry.figure and not entry.figure.same_dataset}
    folders = {one.label for one in tables.record.datasets if one.name == "folder"}
    for label, theirs in others.items():
        what = "is read from a folder, which need not hold" if label in folders else "is not"
        notes.append(f"{printable(label)} {what} the paper's {theirs}.")
    if any((entry.model, entry.optimizer) == ("resnet18", "adabound") and entry.figure for entry in shown):
        notes.append(paper.DISAGREEMENT)
    if any(entry.model == "vit_s" for entry in shown):
        notes.append(paper.PARAMETERS_NOTE)
    if any(family(entry.model) == "vgg" for entry in shown):
        notes.append(VGG)
    return notes


def unselected(tables: Tables) -> list[Section]:
    """What the same networks are worth on new images: the epoch chosen on validation images, and the last epoch."""
    entries = [entry for entry in tables.entries if entry.completed]
    if not entries:
        return []
    table = columns(
        ("data set", "l", [printable(entry.dataset) for entry in entries]),
        ("architecture", "l", [entry.name for entry in entries]),
        ("optimizer", "l", [optimizer_name(entry.optimizer) for entry in entries]),
        ("parameters", "r", [count(_parameters(entry)) for entry in entries]),
        ("epochs", "r", [_epochs(entry) for entry in entries]),
        ("seeds", "r", [_seeds(entry) for entry in entries]),
        ("chosen on validation", "r", [mean_std(entry.accuracies("best_validation")) for entry in entries]),
        ("last epoch", "r", [mean_std(entry.accuracies("final")) for entry in entries]),
        optional=("chosen on validation",),
    )
    note = (
        "Test accuracy, mean ± sample standard deviation over seeds. Neither is chosen by test images, so these, and "
        "not the maxima above, are what to expect of new images."
    )
    if not any(entry.accuracies("best_validation") for entry in entries):
        note += " No run has a validation split (dataset.validation_fraction), so no epoch could be chosen on one."
    return [Section("Without selecting on the test split", [table, Note(note)])]


def _parameters(entry: Entry) -> int | None:
    summary = entry.completed[0].summary
    return summary.num_params if summary else None


def _epochs(entry: Entry) -> str:
    done = sorted({run.summary.epochs for run in entry.completed if run.summary})
    return count(done[0]) + (f" to {count(done[-1])}" if len(done) > 1 else "")


def headline(tables: Tables) -> list[str]:
    """How many of the paper's figures have a run beside them, and how they read; in sentences."""
    figures = [entry for entry in _shown(tables) if entry.figure]
    done = [entry for entry in figures if entry.difference is not None]
    total = sum(len(row) for table in paper.CURVES for row in paper.accuracies(table).values())
    if not done:
        return [f"None of the {total} figures of paper 1's Tables 2 to 5 has a finished run of its network beside it."]
    kinds = Counter(entry.reading.kind for entry in done)
    said = listed([f"{number} {kind}" for kind in MEANINGS if (number := kinds[kind])])
    printed = {(entry.figure.table, entry.model, entry.optimizer) for entry in done if entry.figure}
    sentences = [
        f"Of the {total} figures of paper 1's Tables 2 to 5, {len(printed)} have finished runs to be compared with. "
        f"Readings: {said}."
    ]
    comparable = [entry for entry in done if entry.reading.kind in ("within seed noise", "beyond seed noise")]
    if not comparable:
        sentences.append(
            "None has the paper's data and protocol with several seeds, so none says whether its figure is repeated."
        )
    return sentences


def table_csv(tables: Tables) -> str:
    """All entries as data: accuracies and differences as fractions, empty where there is no value."""
    rows: list[Iterable[object]] = [CSV_HEADER]
    for entry in _shown(tables):
        found = entry.reading
        diverged = sum(cell.status == "diverged" for cell in entry.cells)
        row: list[object] = [entry.figure.table if entry.figure else "", entry.model, entry.network, entry.optimizer]
        row += [entry.dataset, " ".join(str(cell.seed) for cell in entry.cells), len(entry.completed), diverged]
        row += [_epochs(entry) if entry.completed else "", *_mean_and_deviation(entry, "max_test_accuracy")]
        row += [f"{entry.figure.accuracy:.4f}" if entry.figure else ""]
        row += ["" if entry.difference is None else f"{entry.difference:.6f}", found.kind, found.why]
        row += [f"{end:.6f}" for end in found.next_seed] if found.next_seed else ["", ""]
        row += ["; ".join(entry.departures)]
        row += [*_mean_and_deviation(entry, "best_validation"), *_mean_and_deviation(entry, "final")]
        rows.append([printable(cell) if isinstance(cell, str) else cell for cell in row])
    return csv_text(rows)


def _mean_and_deviation(entry: Entry, part: str) -> tuple[str, str]:
    values = entry.accuracies(part)
    mean = f"{statistics.mean(values):.6f}" if values else ""
    return mean, f"{statistics.stdev(values):.6f}" if len(values) > 1 else ""
