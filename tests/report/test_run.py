"""The page of one run: its numbers are those of the records, and what is absent is said."""

from __future__ import annotations

import csv
import dataclasses

import msgspec
import numpy as np
import pytest

from minjax.errors import UserError
from minjax.records.record import read, write, write_config
from minjax.records.run import METRICS, PREDICTIONS, SUMMARY, Predictions, RunSummary, read_run, write_predictions
from minjax.records.samples import SAMPLES, write_samples
from minjax.report import examples, links, run
from minjax.report.formats import printable
from tests.report.reading import links_of, needs_no_other_file, png_size, text_of, texts, undrawn, written
from tests.report.runs import samples

FILES = {
    *("curves.png", "confusion_matrix.png", "confusion_matrix.csv", "classification_report.txt"),
    *("mistakes.png", "inputs.png", "reliability.png"),
    *("report.md", "index.html"),
}


def report(path, **options):
    """Write the report without drawing its pictures."""
    with undrawn():
        return run.write(path, **options)


@pytest.fixture(scope="module", name="reported")
def _reported(make_run, tmp_path_factory):
    path = make_run(tmp_path_factory.mktemp("run"), validation=True, epochs=8)
    return path, report(path)


@pytest.mark.slow
def test_writes_every_file_and_nothing_half(make_run, tmp_path):
    page = run.write(make_run(tmp_path, epochs=1))
    assert page.name == "index.html"
    assert written(page) == FILES  # no temporary file is left either
    needs_no_other_file(page, pictures=10)
    for name in ("curves.png", "confusion_matrix.png", "mistakes.png", "inputs.png", "reliability.png"):
        assert min(png_size((page.parent / name).read_bytes())) > 400


def test_the_numbers_are_those_of_the_records(reported):
    path, page = reported
    summary = read_run(path).summary
    for text in texts(page):
        for name, part in {
            "Final": summary.final,
            "Best-validation": summary.best_validation,
            "Maximum": summary.max_test_accuracy,
        }.items():
            assert f"{name} test accuracy {100 * part.test_accuracy:.2f} %" in text.replace("| ", "")
        for words in (f"{100 * summary.best_validation.validation_accuracy:.2f} % there", "701,466", "1 h 01 min"):
            assert words in text
        for words in (
            "7b014988c0ffee",
            "0.10.2",
            "selects the epoch on the test split",
            f"{summary.final.test_loss:.4f}",
        ):
            assert words in text


def test_settings_are_the_resolved_ones(reported):
    text = text_of(reported[1].read_text())
    assert "optimizer.learning_rate 0.1" in text
    assert "model.width" not in text  # None: of another network
    assert "preset" not in text  # choices for optimizers that were not used


def test_confusion_matrix_file(reported):
    path, page = reported
    header, *rows = csv.reader((page.parent / "confusion_matrix.csv").read_text().splitlines())
    predictions = read_run(path).predictions
    matrix = np.array(rows, dtype=int)
    assert tuple(header) == predictions.class_names
    assert matrix.sum() == len(predictions.labels)
    for true in range(len(header)):
        for chosen in range(len(header)):
            assert matrix[true, chosen] == ((predictions.labels == true) & (predictions.predicted == chosen)).sum()


def test_the_stored_predictions_are_named_by_their_accuracy(reported):
    path, page = reported
    loaded = read_run(path)
    assert run.which_accuracy(loaded.predictions, loaded.summary).endswith(
        f"of {len(loaded.predictions.labels):,} test images, the final test accuracy"
    )
    nothing = {"final": None, "best_validation": None, "max_test_accuracy": None, "status": "diverged"}
    without = msgspec.structs.replace(loaded.summary, **nothing)
    assert "which is none of the accuracies above" in run.which_accuracy(loaded.predictions, without)
    assert "1,000 test images, the final test accuracy" in text_of(page.read_text())


def test_absent_parts_are_said_not_made_up(make_run, tmp_path):
    path = make_run(tmp_path / "run")
    assert written(report(path)) == FILES
    for name in (METRICS, PREDICTIONS):
        (path / name).unlink()
    page = report(path)
    assert written(page) == {"report.md", "index.html"}  # nothing of the earlier report is left to mislead
    for text in texts(page):
        for words in ("no record of its epochs", "no stored predictions"):
            assert words in text


def test_what_was_found_comes_first_and_the_papers_figure_is_folded(reported):
    path, page = reported
    known = read_run(path).predictions
    right = int((known.labels == known.predicted).sum())
    sentence = f"classifies {right:,} of 1,000 test images of cifar10 correctly: {right / 10:.2f} %"
    for text in texts(page):
        first, _, evidence = text.partition("Evidence")
        assert sentence in first
        assert "with a 95 % interval over images of" in first
        assert f"{1000 - right} of 1,000 images were misclassified. The 18 that it was surest of:" in first
        for command in ("predict", "compress", "export"):
            assert f"minjax {command} {path}" in first
        for words in (
            "Confusion matrix",
            "Expected calibration error",
            "Settings",
            "Paper 1 has",
            "Maximum test accuracy",
        ):
            assert words in evidence
            assert words not in first
    folded = page.read_text().partition("<summary>Beside paper 1</summary>")[2].partition("</details>")[0]
    assert "Paper 1 has" in text_of(folded)


def test_mistakes_are_named_by_their_classes(reported):
    found = read_run(reported[0])
    with undrawn() as figures:
        examples.mistakes(found.samples, found.predictions)
        examples.inputs(found.samples, found.predictions.class_names, "crop_flip")
    titles = [text.get_text() for figure in figures for text in figure.axes[0].texts]
    names, place = found.predictions.class_names, found.samples.places[0]
    true, chosen = names[found.predictions.labels[place]], names[found.predictions.predicted[place]]
    assert titles[0] == f"is {true}\nsaid {chosen}\nat 60 %"
    assert titles[18:] == list(names)


def test_a_run_of_an_earlier_version_has_no_images_and_no_reliability_curve(make_run, tmp_path):
    path = make_run(tmp_path / "run")
    known = read_run(path).predictions
    write_predictions(path / PREDICTIONS, dataclasses.replace(known, confidence=None))
    (path / SAMPLES).unlink()
    page = report(path)
    assert written(page) == FILES - {"mistakes.png", "inputs.png", "reliability.png"}
    assert "There is no reliability curve: the stored predictions are without probabilities." in texts(page)[0]


def test_the_page_of_a_winner_leads_to_its_study_and_back(make_run, tmp_path):
    make_run(tmp_path / "a study")
    write_config(tmp_path / "a study", {"task": "study"})
    page = report(make_run(tmp_path / "a study" / "winner"))
    assert "../../report/index.html" in links_of(page)
    assert "the study that it comes from" in text_of(page.read_text())
    (link,) = links.related(tmp_path / "a study")
    assert link.pages == [("the winner", "../winner/report/index.html")]
    assert links.related(make_run(tmp_path / "alone")) == []


def test_a_run_that_misclassified_nothing_says_so(make_run, tmp_path):
    path = make_run(tmp_path / "run", class_names=("a", "b"))
    labels = np.array([0, 1])
    kept = Predictions(labels, labels, ("a", "b"), np.ones(2, np.float32))
    write_predictions(path / PREDICTIONS, kept)
    write_samples(path / SAMPLES, samples(kept))
    text = texts(report(path))[0]
    assert "None of the 2 images was misclassified." in text
    assert "Its most frequent mistake" not in text


def test_diverged_and_interrupted_runs_say_so(make_run, tmp_path):
    path = make_run(tmp_path / "diverged", status="diverged", epochs=2, planned=9)
    summary = read(path / SUMMARY, RunSummary)
    final = msgspec.structs.replace(summary.final, train_loss=None)
    write(path / SUMMARY, msgspec.structs.replace(summary, final=final))
    for text in texts(report(path)):
        assert "diverged at step 1,234" in text
        assert "The loss stopped being a finite number" in text
        assert "final training loss" not in text
    for text in texts(report(make_run(tmp_path / "interrupted", status="interrupted", epochs=3, planned=9))):
        assert "interrupted after epoch 3 of 9" in text


def test_names_with_markup_reach_the_page_as_text(make_run, tmp_path):
    names = ("<img src=http://x/y>", "a|b,c", "$\\frac", "日本語", "two\nlines", "_", "\udcff", "`x`", "\u202eabc")
    page = report(make_run(tmp_path, class_names=names, num_params=5))
    text = page.read_text()
    assert "&lt;img src=http://x/y&gt;" in text
    markdown = (page.parent / "report.md").read_text()
    assert "| a\\|b,c |" in markdown
    for markup in ("<img src=http", "\u202e"):
        assert markup not in text + markdown
    header = next(csv.reader((page.parent / "confusion_matrix.csv").read_text().splitlines()))
    assert header == [printable(name) for name in names]


def test_an_unfinished_run_is_refused(make_run, tmp_path):
    path = make_run(tmp_path / "a run", status=None, epochs=2, planned=6)
    with pytest.raises(UserError, match=r"a run is an unfinished run \(unfinished after epoch 2 of 6\)"):
        report(path)
    with pytest.raises(UserError, match="is not a run directory"):
        report(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"), [(SUMMARY, "{"), (SUMMARY, "[]"), (METRICS, "nonsense\n"), (PREDICTIONS, "PK")]
)
def test_a_damaged_record_is_one_line_that_names_the_file(make_run, tmp_path, name, text):
    path = make_run(tmp_path / "a run")
    (path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        report(path)
    assert str(path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (path / "report").exists()


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (
            "crop_flip",
            "Images were mirrored in training (dataset.augment=crop_flip), which makes these classes the same",
        ),
        ("crop", "Images were not mirrored in training (dataset.augment=crop)."),
    ],
)
def test_left_and_right_that_are_confused_are_named_with_the_augmentation(make_run, tmp_path, augment, said):
    names = ("arrow left", "arrow right", "arrow up")
    path = make_run(tmp_path / "run", class_names=names, config={"data": {"augment": augment}}, best=0.7)
    shown = text_of(report(path).read_text())
    assert "Left and right are confused: arrow " in shown
    assert said in shown


def test_other_classes_that_are_confused_are_not_called_mirrored(make_run, tmp_path):
    path = make_run(tmp_path / "run", config={"data": {"augment": "crop_flip"}}, best=0.7)
    assert "Left and right" not in text_of(report(path).read_text())
