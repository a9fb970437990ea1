"""The report of one run."""

from __future__ import annotations

import csv
import html as html_entities
import io
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.errors import UserError
from minjax.report import classes, html, run
from minjax.report.formats import duration, mean_std, printable, shorten
from minjax.report.record import Predictions, read

FILES = {
    "curves.png",
    "confusion_matrix.png",
    "confusion_matrix.csv",
    "classification_report.txt",
    "report.md",
    "index.html",
}


def written(page):
    return {path.name for path in page.parent.iterdir()}


def text_of(page: str) -> str:
    """What a reader sees of a page."""
    bare = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    return " ".join(html_entities.unescape(bare).split())


def png_size(data: bytes) -> tuple[int, int]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@pytest.fixture(scope="module", name="reported")
def _reported(make_run, tmp_path_factory):
    path = make_run(tmp_path_factory.mktemp("run"), validation=True, epochs=8)
    return path, run.write(path)


def test_writes_every_file_and_nothing_half(reported):
    _, page = reported
    assert page.name == "index.html"
    assert written(page) == FILES  # no temporary file is left either
    for name in ("curves.png", "confusion_matrix.png"):
        assert min(png_size((page.parent / name).read_bytes())) > 600


def test_page_needs_no_other_file_and_asks_for_none(reported):
    page = reported[1].read_text()
    for attribute in re.findall(r"(?:src|href|srcset|action|data)\s*=\s*[\"']?([^\s\"'>]+)", page):
        assert attribute.startswith("data:"), attribute
    assert page.count("data:image/png;base64,") == 2
    assert "<script" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page  # and a browser is told to ask for nothing


def test_accuracies_are_named_and_in_percent(reported):
    path, page = reported
    record = read(path)
    for text in (text_of(page.read_text()), (page.parent / "report.md").read_text()):
        for name, keys in {
            "Final": ("final", "test_accuracy"),
            "Best-validation": ("best_validation", "test_accuracy"),
            "Maximum": ("max_test_accuracy", "test_accuracy"),
        }.items():
            assert re.search(rf"{name} test accuracy \|? ?{100 * record.number(*keys):.2f} %", text)
        assert "selects on the test split" in text
        assert "701,466" in text
        assert "7b014988c0ffee" in text
        assert "0.10.2" in text
        assert "1 h 01 min" in text


def test_settings_are_the_resolved_ones(reported):
    text = text_of(reported[1].read_text())
    assert "optimizer.learning_rate 0.1" in text
    assert "model.width" not in text  # None: of another network
    assert "preset" not in text  # choices for optimizers that were not used


def test_confusion_matrix_file(reported):
    path, page = reported
    header, *rows = csv.reader((page.parent / "confusion_matrix.csv").read_text().splitlines())
    predictions = read(path).predictions
    matrix = np.array(rows, dtype=int)
    assert tuple(header) == predictions.class_names
    assert matrix.sum() == len(predictions.labels)
    for true in range(len(header)):
        for chosen in range(len(header)):
            assert matrix[true, chosen] == ((predictions.labels == true) & (predictions.predicted == chosen)).sum()


def test_classification_report_golden():
    labels, predicted = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 1])
    predictions = Predictions(labels, predicted, ("cat", "dog", "accuracy"))
    assert classes.classification_report(predictions) == (
        "              precision    recall  f1-score   support\n"
        "\n"
        "         cat     0.5000    0.5000    0.5000         2\n"
        "         dog     0.5000    0.6667    0.5714         3\n"
        "    accuracy     0.0000    0.0000    0.0000         1\n"
        "\n"
        "    accuracy                         0.5000         6\n"
        "   macro avg     0.3333    0.3889    0.3571         6\n"
        "weighted avg     0.4167    0.5000    0.4524         6\n"
    )
    table = classes.scores_table(predictions)
    assert [row[0] for row in table.rows[:3]] == ["cat", "dog", "accuracy"]
    assert table.rows[1] == ("dog", "0.5000", "0.6667", "0.5714", "3")
    assert table.rows[4][1:] == ("0.4167", "0.5000", "0.4524", "6")
    matrix = classes.confusion_matrix(predictions)
    assert classes.confusions_table(matrix, predictions.class_names).rows[0] == ("cat", "dog", "1", "50.0 %")


def test_a_class_without_images_is_reported():
    predictions = Predictions(np.array([0, 0]), np.array([0, 0]), ("here", "absent"))
    assert "absent     0.0000    0.0000    0.0000         0" in classes.classification_report(predictions)
    assert classes.confusion_matrix(predictions).tolist() == [[2, 0], [0, 0]]
    assert not classes.confusions_table(classes.confusion_matrix(predictions), predictions.class_names).rows


def test_absent_parts_are_said_not_faked(make_run, tmp_path):
    path = make_run(tmp_path / "run", predictions=True)
    run.write(path)
    for name in ("metrics.jsonl", "predictions.npz", "config.json"):
        (path / name).unlink()
    page = run.write(path)
    assert written(page) == {"report.md", "index.html"}  # nothing of the earlier report is left to mislead
    for text in (text_of(page.read_text()), (page.parent / "report.md").read_text()):
        assert "no record of the epochs" in text
        assert "no stored predictions" in text
        assert "no record of the configuration" in text
        assert "no validation split was asked for" in text


def test_diverged_and_interrupted_runs_say_so(make_run, tmp_path):
    path = make_run(tmp_path / "diverged", status="diverged", epochs=2, planned=9)
    summary = json.loads((path / "summary.json").read_text())
    summary["final"]["train_loss"] = None
    (path / "summary.json").write_text(json.dumps(summary))
    page = text_of(run.write(path).read_text())
    assert "diverged at step 1,234" in page
    assert "final training loss" not in page
    page = run.write(make_run(tmp_path / "interrupted", status="interrupted", epochs=3, planned=9)).read_text()
    assert "interrupted after epoch 3 of 9" in page


@pytest.mark.parametrize(("number", "epochs"), [(2, 1), (100, 2), (200, 1)])
def test_few_and_many_classes_and_one_epoch(make_run, tmp_path, number, epochs):
    names = tuple(f"{'a very long class name, ' * 3}{i}" for i in range(number))
    page = run.write(make_run(tmp_path, class_names=names, epochs=epochs, best=0.7))
    width, height = png_size((page.parent / "confusion_matrix.png").read_bytes())
    assert 500 < width < 2000
    assert 500 < height < 2000
    assert written(page) == FILES


def test_names_with_markup_reach_the_page_as_text(make_run, tmp_path):
    names = ("<img src=http://x/y>", "a|b,c", "$\\frac", "日本語", "two\nlines\x00", "_", "\udcff", "`x`", "\u202eabc")
    path = make_run(tmp_path, class_names=tuple(name.replace("\x00", "") for name in names), num_params=5)
    page = run.write(path, title="<b>bold</b> & $\\bad")
    text = page.read_text()
    assert "<img src=http" not in text
    assert "&lt;img src=http://x/y&gt;" in text
    assert "<title>&lt;b&gt;bold&lt;/b&gt; &amp; $\\bad</title>" in text
    assert "\u202e" not in text
    markdown = (page.parent / "report.md").read_text()
    assert "| a\\|b,c |" in markdown
    assert "<img" not in markdown
    header = next(csv.reader((page.parent / "confusion_matrix.csv").read_text().splitlines()))
    assert header == [printable(name.replace("\x00", "")) for name in names]


NAMES = st.lists(st.text(min_size=1, max_size=12), min_size=2, max_size=4, unique=True)


@settings(max_examples=60, deadline=None)
@given(names=NAMES)
def test_any_class_name_survives_csv_html_and_markdown(names):
    shown = tuple(map(printable, names))
    matrix = np.eye(len(names), dtype=int)
    header, *rows = csv.reader(io.StringIO(classes.confusion_csv(matrix, shown)))
    assert tuple(header) == shown
    assert len(rows) == len(names)
    labels = np.arange(len(names))
    table = classes.scores_table(Predictions(labels, labels, shown))
    page = html._environment().from_string('{% from "parts.html" import table %}{{ table(data) }}').render(data=table)
    cells = [html_entities.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page)]
    assert cells[: 5 * len(names) : 5] == list(shown)
    source = html._environment().from_string('{% from "parts.md" import table %}{{ table(data) }}').render(data=table)
    lines = source.rstrip("\n").split("\n")
    assert len(lines) == 2 + len(table.rows)
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 6 for line in lines)
    page.encode()


@given(st.text(), st.integers(3, 40))
def test_shorten_keeps_both_ends(text, length):
    short = shorten(text, length)
    assert len(short) <= length
    assert short == text or (short[0] == text[0] and "…" in short)


def test_formats():
    assert mean_std([0.9, 0.92]) == "91.00 ± 1.41 %"
    assert mean_std([0.9172]) == "91.72 %"
    assert [duration(seconds) for seconds in (0.44, 59.96, 185, 3720)] == [
        "0.4 s",
        "1 min 00 s",
        "3 min 05 s",
        "1 h 02 min",
    ]


def test_a_report_that_cannot_be_written_is_a_user_error(make_run, tmp_path):
    path = make_run(tmp_path)
    (path / "report").write_text("a file is in the way")
    with pytest.raises(UserError, match="cannot write"):
        run.write(path)


def test_importing_the_room_is_light():
    heavy = ("matplotlib", "sklearn", "jinja2", "scipy", "jax", "tensorflow")
    code = f"import sys, minjax.report; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_room_imports_records_alone():
    """Figures need no model and no device: of minjax, the errors, the records and the room itself; jax never."""
    room = Path(run.__file__).parent
    imports = re.findall(
        r"^\s*(?:from|import) ([\w.]+)", "\n".join(f.read_text() for f in room.glob("*.py")), re.MULTILINE
    )
    own = {name for name in imports if name.startswith("minjax")}
    assert {name for name in own if not name.startswith("minjax.report")} == {"minjax", "minjax.errors"}
    assert not {name for name in imports if name.split(".")[0] in ("jax", "flax", "optax", "tensorflow")}
