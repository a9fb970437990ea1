"""The page of a set of runs: what it shows, in its order; and the writing of it, from records alone."""

from __future__ import annotations

import shlex
from pathlib import Path

from minjax.findings.words import plural
from minjax.records.table import LACKING, Cell, Scale
from minjax.report import page as pages
from minjax.report.formats import ABSENT, percent, plain, printable, speed, spent
from minjax.report.links import PAGE
from minjax.report.page import Block, Command, Details, Fold, Links, Note, Page, Section, Table, Tile
from minjax.report.provenance import provenance_table, settings_section
from minjax.report.run import status_text
from minjax.report.tables import accuracy, learning, pruning
from minjax.report.tables.entries import Tables, network_name, optimizer_name, read

CSV = "table.csv"
FEW = 24  # rows of the list of cells in report.md
STATUS = {
    "completed": "every cell has a result or cannot have one",
    "interrupted": "stopped before every cell was trained",
    "budget": "stopped by its budget before every cell was trained",
}
CELL_STATUS = {"not_run": "not trained yet", "no_data": "no data", "unfit": "does not fit"}
APPENDICES = ("resnet18_s", "vgg16_s", "vit_s")


def write(directory: Path | str) -> Path:
    """Write the page of a set of runs from records alone into ``<directory>/report/``.

    Files: table.csv (every entry of the tables, fractions), curves-*.png (learning curves), pruning-*.png (where runs
    of the set were compressed), report.md and index.html, each replaced atomically. Pictures that an earlier report
    left and that this one has not are removed.

    Args:
        directory: a tables directory, with a table.json.

    Returns:
        The path of index.html.

    Raises:
        UserError: not such a directory, one without a record yet, a damaged record, no space or no permission.
    """
    tables = read(directory)
    folder = tables.path / "report"
    left = [path.name for prefix in (learning.FILES, pruning.FILES) for path in folder.glob(f"{prefix}*.png")]
    return pages.write(page(tables), folder, pictures=left, files={CSV: accuracy.table_csv(tables)})


def page(tables: Tables) -> Page:
    """The page of a set of runs."""
    record = tables.record
    return Page(
        title="Paper 1's tables and figures, made again",
        status=record.status,
        status_text=f"{record.status}: {STATUS[record.status]}",
        tiles=_tiles(tables),
        sections=[
            Section("", [*accuracy.headline(tables), _scale(tables)]),
            accuracy.beside(tables),
            *accuracy.unselected(tables),
            *pruning.sections(tables),
            *_next(tables),
        ],
        evidence=[
            learning.section(tables),
            *pruning.evidence(tables),
            Section("Runs", _runs(tables)),
            Section("Networks", _networks()),
            settings_section(tables.config),
            Section(
                "Provenance",
                [
                    provenance_table(tables.path, record.status, record),
                    Note(f"Every entry of the tables as data, accuracies as fractions: {CSV}."),
                ],
            ),
        ],
        wide=True,
    )


def _tiles(tables: Tables) -> list[Tile]:
    cells = tables.record.cells
    done = sum(cell.status == "completed" for cell in cells)
    lacking = [cell for cell in cells if cell.status in LACKING]
    diverged = sum(cell.status == "diverged" for cell in cells)
    open_cells = len(cells) - done - diverged - len(lacking)
    said = [(diverged, "diverged"), (len(lacking), "cannot be trained"), (open_cells, "left to train")]
    how = ", ".join(f"{number} {what}" for number, what in said if number) or "each a network, an optimizer, a data set"
    figures = [entry for entry in tables.entries if entry.figure]
    inside = sum(entry.reading.kind == "within seed noise" for entry in figures)
    comparable = inside + sum(entry.reading.kind == "beyond seed noise" for entry in figures)
    return [
        Tile("Runs completed", f"{done} of {len(cells)}", how),
        Tile("Within seed noise", f"{inside} of {comparable}" if comparable else ABSENT, _comparable(comparable)),
        Tile("Seeds", str(len(tables.record.seeds)), "of each network, optimizer and data set"),
    ]


def _comparable(number: int) -> str:
    """What the tile of readings counts."""
    alike = "with the paper's data and protocol and several seeds"
    return f"entries {alike}" if number else f"no entry {alike}"


def _scale(tables: Tables) -> str:
    """At what scale the runs were trained, and at what the paper's."""
    scales = list(dict.fromkeys(cell.scale for cell in tables.record.cells))
    seeds = ", ".join(map(str, tables.record.seeds))
    ours = " or ".join(map(_said, scales))
    many = "s" if len(tables.record.seeds) > 1 else ""
    return f"Scale: {ours}; seed{many} {seeds}. Paper 1: {_said(tables.record.paper)}, one seed."


def _said(scale: Scale) -> str:
    images = "all training images" if scale.limit_train is None else plural(scale.limit_train, "training image")
    return f"{plural(scale.epochs, 'epoch')} of {images} with a batch size of {scale.batch_size}"


def _next(tables: Tables) -> list[Section]:
    record = tables.record
    blocks: list[Block] = []
    if record.status != "completed":
        blocks += ["The same command trains what is left:", Command(record.command)]
    lacking = [cell for cell in record.cells if cell.status in LACKING]
    if lacking:
        reasons = list(dict.fromkeys(printable(cell.reason) for cell in lacking if cell.reason))
        blocks += [f"{plural(len(lacking), 'run')} cannot be trained: {' '.join(reasons)}"]
    if not blocks:
        return []
    blocks += ["This page is written again, from the records alone, by:", Command(_report(tables.path))]
    return [Section("Next", blocks)]


def _report(path: Path) -> str:
    return f"minjax report {shlex.quote(str(path))}"


def _runs(tables: Tables) -> list[Block]:
    """Every cell with its status, and the page of each run: the paper's appendix D has these for four networks."""
    runs = {cell.directory: run for entry in tables.entries for cell, run in entry.runs}
    rows, links = [], []
    for cell in tables.record.cells:
        run = runs.get(cell.directory)
        summary = run.summary if run else None
        final = summary.final.test_accuracy if summary and summary.final else None
        top = summary.max_test_accuracy.test_accuracy if summary and summary.max_test_accuracy else None
        seconds = summary.seconds.train + summary.seconds.evaluate if summary else None
        runs_together = summary.population if summary else 1
        said = status_text(run) if run and cell.status in ("completed", "diverged", "interrupted") else _status(cell)
        rows.append(
            (
                printable(cell.dataset),
                network_name(cell.model),
                optimizer_name(cell.optimizer),
                str(cell.seed),
                "; ".join(filter(None, [said, printable(cell.reason)])),
                percent(final),
                percent(top),
                spent(seconds, runs_together),
                speed(summary.images_per_second if summary else None, runs_together),
                plain(summary.device if summary else None),
                plain(summary.git_commit if summary else None)[:10],
            )
        )
        if (tables.path / cell.directory / PAGE).is_file():
            name = f"{rows[-1][1]}, {rows[-1][2]}, {rows[-1][0]}, seed {cell.seed}"
            links.append((name, str(Path("..") / cell.directory / PAGE)))
    header = ("data set", "architecture", "optimizer", "seed", "status", "final", "maximum", "time", "images/s")
    table = Table((*header, "device", "commit"), rows, align="lllrlrrrrll")
    blocks: list[Block] = [Fold(f"All {plural(len(rows), 'run')}", table, open=len(rows) <= FEW, first=FEW)]
    if links:
        what = "The page of each run, with scores of each class and the confusion matrix (paper 1: appendix D)"
        blocks.append(Details(what, [Links(links)]))
    return blocks


def _status(cell: Cell) -> str:
    return CELL_STATUS.get(cell.status, cell.status)


def _networks() -> list[Block]:
    """Where the layers of the networks are listed."""
    what = "Layers, output shapes, parameters and float32 memory of the networks (paper 1: appendices A to C):"
    return [what, *(Command(f"minjax models {name}") for name in APPENDICES)]
