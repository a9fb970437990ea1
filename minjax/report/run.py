"""The page of one run, in the run's own directory; and the names and the status that other pages give it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minjax.errors import UserError
from minjax.findings.intervals import share
from minjax.records.run import Predictions, Run, RunSummary, read_run
from minjax.report import calibration, classes, device, epochs, examples, links, paper
from minjax.report.formats import ABSENT, count, decimal, percent, printable, speed, spent
from minjax.report.page import Block, Command, Details, Note, Page, Pair, Picture, Section, Table, Tile, pairs
from minjax.report.page import write as write_page
from minjax.report.provenance import provenance_table, settings_section

CURVES, MATRIX = "curves.png", "confusion_matrix.png"
MATRIX_CSV, SCORES = "confusion_matrix.csv", "classification_report.txt"
PICTURES = (CURVES, MATRIX, calibration.PICTURE, examples.MISTAKES, examples.INPUTS)
WARNINGS = {
    "diverged": "The loss stopped being a finite number. The figures are those of the epochs before that.",
    "interrupted": "The run was stopped before its last epoch. The figures are those of the epochs that it finished.",
}


def write(run_dir: Path | str) -> Path:
    """Write the report of a run from its records alone into ``<run_dir>/report/``.

    Files: mistakes.png and inputs.png (a few images), curves.png, confusion_matrix.png, reliability.png,
    confusion_matrix.csv (a header of class names, then a row for each true class), classification_report.txt, report.md
    and index.html, each replaced atomically. Without metrics.jsonl there are no curves, without predictions.npz no
    per-class figures: the page says so, and what an earlier report left of them is removed. Of a run of an earlier
    version, which kept no samples.npz, there are no images.

    Args:
        run_dir: a run directory with a summary.json.

    Returns:
        The path of index.html.

    Raises:
        UserError: not a run directory, an unfinished run, a damaged record, no space or no permission.
    """
    run = read_run(run_dir)
    if run.summary is None:
        raise UserError(
            f"{run.path} is an unfinished run ({status_text(run)}): it has no summary.json to report on; "
            "the command that started it resumes it"
        )
    files: dict[str, str | None] = {MATRIX_CSV: None, SCORES: None}
    if run.predictions:
        matrix = classes.confusion_matrix(run.predictions)
        files = {
            MATRIX_CSV: classes.confusion_csv(matrix, classes.class_names(run.predictions)),
            SCORES: classes.classification_report(run.predictions),
        }
    return write_page(page(run), run.path / "report", pictures=PICTURES, files=files)


def page(run: Run) -> Page:
    """The page of a run that has a summary."""
    summary = run.summary
    assert summary is not None
    return Page(
        title=f"{model(run)} on {dataset(run)} with {optimizer(run)}",
        status=summary.status,
        status_text=status_text(run),
        warnings=[WARNINGS[summary.status]] if summary.status in WARNINGS else (),
        tiles=_tiles(run, summary),
        sections=[
            Section("", [*links.related(run.path), *_decided(run, summary)]),
            *_examples(run),
            *device.sheet_sections(summary.sheet),
            *_next(run, summary),
        ],
        evidence=[
            Section("Training", [Pair([_subject(run, summary), _outcome(summary)]), *_curves(run)]),
            Section("Classes", _classes(run.predictions, summary)),
            *([Section("Calibration", calibration.blocks(run.predictions))] if run.predictions else []),
            *device.export_sections(run.path),
            *_paper(run, summary),
            settings_section(run.config),
            Section("Provenance", [provenance_table(run.path, status_text(run), summary, seed=summary.seed)]),
        ],
    )


def _decided(run: Run, summary: RunSummary) -> list[Block]:
    """What the run found, in a sentence or two."""
    known = run.predictions
    if summary.status != "completed" or known is None:
        return []
    images, right = len(known.labels), int((known.labels == known.predicted).sum())
    low, high = share(right, images).interval
    sentence = (
        f"{model(run)}, a network of {count(summary.num_params)} parameters, classifies {right:,} of {images:,} test "
        f"images of {dataset(run)} correctly: {percent(right / images)}, with a 95 % interval over images of "
        f"{percent(low)} to {percent(high)}."
    )
    matrix, names = classes.confusion_matrix(known), classes.class_names(known)
    worst = classes.confusions_table(matrix, names, most=1).rows
    if worst:
        true, predicted, number, part = worst[0]
        how_often = f"{number} image{'s' * (number != '1')}"
        sentence += f" Its most frequent mistake: {true} is taken for {predicted} ({how_often}, {part} of the class)."
    return [sentence, *_mirrored(classes.mirrored_names(matrix, names), run.config)]


def _examples(run: Run) -> list[Section]:
    """A few images, where the run kept some."""
    if run.samples is None or run.predictions is None:
        return []
    augmentation = str(run.config.get("data", {}).get("augment", ""))
    seen = examples.inputs(run.samples, classes.class_names(run.predictions), augmentation)
    wrong = examples.mistakes(run.samples, run.predictions)
    return [Section(title, blocks) for title, blocks in (("Mistakes", wrong), ("Input", seen)) if blocks]


def _next(run: Run, summary: RunSummary) -> list[Section]:
    """The commands that take this run further."""
    if summary.status == "diverged":
        return [Section("Next", ["A smaller optimizer.learning_rate, or optimizer.clip_norm=1, may keep it finite."])]
    if summary.status != "completed":
        return [Section("Next", ["The same command resumes it:", Command(summary.command)])]
    where = shlex.quote(str(run.path))
    return [
        Section(
            "Next",
            [
                "Classify images with it, make it smaller, or write it in a format for a device:",
                Command(f"minjax predict {where} my-images/"),
                Command(f"minjax compress {where}"),
                Command(f"minjax export {where}"),
            ],
        )
    ]


def _paper(run: Run, summary: RunSummary) -> list[Section]:
    """Paper 1's figure for this network, folded."""
    figure = paper.figure(summary.model, summary.optimizer, dataset(run), is_folder=is_folder(run))
    top = summary.max_test_accuracy
    largest = f"{percent(top.test_accuracy)} at epoch {top.epoch}" if top else ABSENT
    blocks: list[Block] = [
        pairs(("Maximum test accuracy", largest)),
        Note(
            "The maximum over the epochs is paper 1's convention: it selects the epoch on the test split, so it is too "
            "high for new images and is given for comparison with the paper only."
        ),
    ]
    if figure:
        other = "" if figure.same_dataset else f" on {figure.dataset}, which is other data"
        blocks.append(f"Paper 1 has {percent(figure.accuracy)}{other} ({figure.table}). {paper.CONVENTION}")
    if summary.model == "vit_s" and summary.num_params == paper.PARAMETERS["vit_s"][0]:
        blocks.append(Note(paper.PARAMETERS_NOTE))
    return [Section("Papers", [Details("Beside paper 1", blocks)])]


def _curves(run: Run) -> list[Block]:
    if not run.epochs:
        return ["There are no curves: the run has no record of its epochs (metrics.jsonl)."]
    return [Picture(CURVES, epochs.curves(run), "Accuracy, loss and learning rate over the epochs", beside=True)]


def _classes(predictions: Predictions | None, summary: RunSummary) -> list[Block]:
    if predictions is None:
        return [
            "There are no per-class figures and no confusion matrix: the run has no stored predictions "
            "(predictions.npz)."
        ]
    return [
        f"These figures come from the stored predictions: {which_accuracy(predictions, summary)}.",
        *class_blocks(predictions),
    ]


def class_blocks(predictions: Predictions) -> list[Block]:
    """Scores of each class, the confusion matrix, and the most frequent confusions."""
    matrix, names = classes.confusion_matrix(predictions), classes.class_names(predictions)
    alt = "Confusion matrix: a row for each true class, a column for each predicted class"
    confusions = classes.confusions_table(matrix, names)
    return [
        classes.scores_table(predictions),
        Picture(MATRIX, [classes.confusion_picture(matrix, names)], alt, caption="Confusion matrix"),
        confusions if confusions.rows else "No image was misclassified.",
        Note(f"The matrix as data: {MATRIX_CSV}, whose rows are true classes in the order of the header; the scores "
             f"as text: {SCORES}."),
    ]  # fmt: skip


def _mirrored(pair: tuple[str, str] | None, config: Mapping[str, Any]) -> list[Block]:
    """What to say where two classes that are mirror images of one another, by their names, are confused."""
    if pair is None:
        return []
    augment = str(config.get("data", {}).get("augment"))
    if "flip" in augment:
        why = f"Images were mirrored in training (dataset.augment={augment}), which makes these classes the same: "
        why += "train with --config.dataset.augment=crop."
    else:
        why = f"Images were not mirrored in training (dataset.augment={augment})."
    return [f"Left and right are confused: {pair[0]} and {pair[1]}. {why}"]


def which_accuracy(predictions: Predictions, summary: RunSummary) -> str:
    """The accuracy of the stored predictions, and which of the run's named accuracies it is."""
    accuracy = float((predictions.labels == predictions.predicted).mean())
    named = {
        "the final test accuracy": summary.final,
        "the best-validation test accuracy": summary.best_validation,
        "the maximum test accuracy": summary.max_test_accuracy,
    }
    half_an_image = 0.5 / len(predictions.labels)
    same = [name for name, part in named.items() if part and abs(part.test_accuracy - accuracy) < half_an_image]
    name = same[0] if same else "which is none of the accuracies above"
    return f"{percent(accuracy)} of {len(predictions.labels):,} test images, {name}"


def _tiles(run: Run, summary: RunSummary) -> list[Tile]:
    """The test accuracies, each with its name, its value in percent and how its epoch was chosen; and the size."""
    final, best, sheet = summary.final, summary.best_validation, summary.sheet
    tiles = [Tile("Final test accuracy", percent(final.test_accuracy if final else None), "after the last epoch")]
    if best:
        chosen = f"epoch {best.epoch}, the best on the validation split ({percent(best.validation_accuracy)} there)"
        tiles.append(Tile("Best-validation test accuracy", percent(best.test_accuracy), chosen))
    work = f"{count(sheet.macs)} multiply-adds per image" if sheet else model(run)
    return [*tiles, Tile("Parameters", count(summary.num_params), work)]


def _subject(run: Run, summary: RunSummary) -> Table:
    """What was trained, on what, for how long."""
    return pairs(
        ("model", model(run)),
        ("data set", dataset(run)),
        ("optimizer", optimizer(run)),
        ("parameters", count(summary.num_params)),
        ("classes", count(summary.num_classes)),
        ("epochs", count(summary.epochs)),
        ("steps", count(summary.steps)),
    )


def _outcome(summary: RunSummary) -> Table:
    """The losses at the end, and the time that it took."""
    final, seconds, runs = summary.final, summary.seconds, summary.population
    return pairs(
        ("final training loss", decimal(final.train_loss if final else None)),
        ("final training accuracy", percent(final.train_accuracy if final else None)),
        ("final test loss", decimal(final.test_loss if final else None)),
        ("images per second", speed(summary.images_per_second, runs)),
        ("setup time", spent(seconds.setup, runs)),
        ("compilation time", spent(seconds.compile, runs)),
        ("training time", spent(seconds.train, runs)),
        ("evaluation time", spent(seconds.evaluate, runs)),
    )


def model(run: Run) -> str:
    """The model's name, fit to print."""
    return _name(run, "model")


def optimizer(run: Run) -> str:
    """The optimizer's name, fit to print."""
    return _name(run, "optimizer")


def dataset(run: Run) -> str:
    """The data set's name as it is shown; for a user's own folder that is the folder's name."""
    if run.summary is None and is_folder(run) and run.config["dataset"].get("path"):
        return printable(Path(run.config["dataset"]["path"]).name)
    return _name(run, "dataset")


def is_folder(run: Run) -> bool:
    """Whether the data came from a user's own folder."""
    return run.config.get("dataset", {}).get("name") == "folder"


def _name(run: Run, key: str) -> str:
    return printable(str(getattr(run.summary, key) if run.summary else run.config.get(key, {}).get("name", "unknown")))


def status(run: Run) -> str:
    """`completed`, `diverged`, `interrupted`, or `unfinished` where there is no summary yet."""
    return run.summary.status if run.summary else "unfinished"


def status_text(run: Run) -> str:
    """The status in words: with the step of a diverged run, and how far a run came that was cut short."""
    if status(run) == "completed":
        return "completed"
    if run.summary and run.summary.status == "diverged":
        return "diverged" if run.summary.diverged_step is None else f"diverged at step {run.summary.diverged_step:,}"
    last, planned = run.epochs[-1].epoch if run.epochs else 0, run.config.get("epochs")
    return f"{status(run)} after epoch {last}" + ("" if planned is None else f" of {planned}")
