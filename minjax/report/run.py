"""The report of one run: pictures, tables and a page, in the run's own directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minjax import records
from minjax.errors import UserError
from minjax.report import paper, tables
from minjax.report.formats import percent, printable
from minjax.report.record import Predictions, RunRecord, read

CURVES, MATRIX, MATRIX_CSV, SCORES = (
    "curves.png",
    "confusion_matrix.png",
    "confusion_matrix.csv",
    "classification_report.txt",
)


def write(run_dir: Path | str, *, title: str | None = None) -> Path:
    """Write the report of a run from its records alone into ``<run_dir>/report/``.

    Files: curves.png, confusion_matrix.png, confusion_matrix.csv (a header of class names, then a row a true class),
    classification_report.txt, report.md and index.html, each replaced atomically. Without metrics.jsonl there are no
    curves, without predictions.npz no per-class figures: the page says so, and what an earlier report left of them
    is removed.

    Args:
        run_dir: a run directory with a summary.json.
        title: the page's heading; None: model, data set and optimizer.

    Returns:
        The path of index.html.

    Raises:
        UserError: not a run directory, an unfinished run, a corrupt record, no space or no permission.
    """
    record = read(run_dir)
    if record.summary is None:
        raise UserError(
            f"{record.path} is an unfinished run ({record.status_text()}): it has no summary.json to report on; "
            "the command that started it resumes it"
        )
    folder = record.path / "report"
    pictures = _write_curves(record, folder)
    classes: dict[str, Any] = {"scores": None}
    if record.predictions:
        classes = _write_classes(record.predictions, folder)
        classes["which"] = which_accuracy(record)
        pictures["matrix"] = classes.pop("picture")
    else:
        _remove(folder, MATRIX, MATRIX_CSV, SCORES)
    return _write_pages(record, folder, title, pictures, classes)


def which_accuracy(record: RunRecord) -> str:
    """The accuracy of the stored predictions, and which of the run's named accuracies it is."""
    assert record.predictions is not None
    labels, predicted = record.predictions.labels, record.predictions.predicted
    accuracy = float((labels == predicted).mean())
    named = {
        "the final test accuracy": record.number("final", "test_accuracy"),
        "the best-validation test accuracy": record.number("best_validation", "test_accuracy"),
        "the maximum test accuracy": record.number("max_test_accuracy", "test_accuracy"),
    }
    half_an_image = 0.5 / len(labels)
    name = next(
        (name for name, value in named.items() if value is not None and abs(value - accuracy) < half_an_image), ""
    )
    return f"{percent(accuracy)} of {len(labels):,} test images, " + (
        name or "which is none of the accuracies named above"
    )


def _write_curves(record: RunRecord, folder: Path) -> dict[str, bytes | None]:
    from minjax.report import plots

    if not record.epochs:
        _remove(folder, CURVES)
        return {"curves": None, "matrix": None}
    picture = plots.curves(record)
    records.write_bytes(folder / CURVES, picture)
    return {"curves": picture, "matrix": None}


def _write_classes(predictions: Predictions, folder: Path) -> dict[str, Any]:
    from minjax.report import classes, plots

    matrix = classes.confusion_matrix(predictions)
    picture = plots.confusion(matrix, predictions.class_names)
    records.write_bytes(folder / MATRIX, picture)
    records.write_text(folder / MATRIX_CSV, classes.confusion_csv(matrix, predictions.class_names))
    records.write_text(folder / SCORES, classes.classification_report(predictions))
    return {
        "scores": classes.scores_table(predictions),
        "confusions": classes.confusions_table(matrix, predictions.class_names),
        "picture": picture,
    }


def _write_pages(
    record: RunRecord, folder: Path, title: str | None, pictures: dict[str, bytes | None], classes: dict[str, Any]
) -> Path:
    from minjax.report import html  # imports Jinja

    parameters = record.number("num_params")
    context = {
        "title": printable(title or f"{record.model} on {record.dataset} with {record.optimizer}"),
        "status": record.status,
        "status_text": record.status_text(),
        "accuracies": tables.accuracies(record),
        "subject": tables.subject(record),
        "outcome": tables.outcome(record),
        "parameters_note": paper.PARAMETERS_NOTE if record.model == "vit_s" and parameters == 840_010 else "",
        "settings": tables.settings(record),
        "provenance": tables.provenance(record),
        "classes": classes,
        "files": {"curves": CURVES, "matrix": MATRIX, "csv": MATRIX_CSV, "scores": SCORES},
        "pictures": {name: html.data_uri(png) if png else None for name, png in pictures.items()},
    }
    records.write_text(folder / "report.md", html.render("run.md", **context))
    records.write_text(folder / "index.html", html.render("run.html", **context))
    return folder / "index.html"


def _remove(folder: Path, *names: str) -> None:
    for name in names:
        with records.disk_errors(folder / name):
            (folder / name).unlink(missing_ok=True)
