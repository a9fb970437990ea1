"""The page over images that a network classified: its numbers are those of the predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minjax.records.record import Provenance
from minjax.records.run import Predictions, read_predictions
from minjax.records.samples import read_samples
from minjax.report import predicted
from tests.report.reading import links_of, texts, undrawn, written
from tests.report.runs import ORIGIN, samples


def test_what_the_page_says(tmp_path, make_run):
    network = make_run(tmp_path / "a run")
    (network / "report").mkdir()
    (network / "report" / "index.html").write_text("a page")
    found = Predictions(
        np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), ("cat", "dog", "bird"), np.full(4, 0.8, np.float32)
    )
    with undrawn():
        page = predicted.write(
            tmp_path / "out", network, Path("my photos"), found, samples(found), Provenance(**ORIGIN)
        )
    for text in texts(page):
        first, _, evidence = text.partition("Evidence")
        assert "my photos, classified by a run" in first
        assert "75.00 %" in first
        assert "3 of 4 images are in the folder of the class" in first
        assert "There is no image of 1 of its 3 classes." in first
        assert "1 of 4 images was misclassified. Here it is:" in first
        assert "Expected calibration error: 5.00 %" in evidence
        assert ORIGIN["command"] in evidence
    assert links_of(page)[0] == "../a run/report/index.html"
    pictures = {"mistakes.png", "reliability.png", "confusion_matrix.png"}
    records = {"predictions.npz", "samples.npz", "confusion_matrix.csv", "classification_report.txt"}
    assert written(page) == {"index.html", "report.md", *pictures, *records}
    assert read_predictions(page.parent / "predictions.npz").class_names == found.class_names
    assert read_samples(page.parent / "samples.npz").places.tolist() == [1]
