"""The first screen of a compression, on the console and on the page: the recommended file, from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from minjax.findings import recommendation as words
from minjax.findings.intervals import paired_loss, share
from minjax.records.compressed import Choice, ChosenFile, ClassAccuracy, Scored
from minjax.records.compression import Measurement, read_compression
from minjax.records.run import DataSheet
from minjax.report import compression as report
from minjax.report.compression import front
from tests.report.compressions import CHANCE, PARAMS, SCHEMES, make_compression, point
from tests.report.reading import figures_of, tables_of, texts, undrawn, written

NOTHING: dict[str, Any] = {"phases": [], "first_layer": None, "pareto": [], "packed": [], "shrink": []}
QUANTIZED = {"scheme": SCHEMES[0], "split": "validation", "images": 1000}


def scored(right: int, images: int) -> Scored:
    return Scored(accuracy=right / images, interval=share(right, images).interval, images=images)


def lines() -> list[Measurement]:
    """Candidates of every kind, and two that were confirmed."""
    dense = point("candidate", 0.92, split="validation", images=1000)
    found = [dense]
    for amount in (0.5, 0.9):
        found.append(
            point("candidate", 0.92 - amount / 20, method="l1", amount=amount, split="validation", images=1000)
        )
        found += [
            point("candidate", 0.915 - amount / 10 + b / 100, method="l1", amount=amount, bits=b, **QUANTIZED)
            for b in (3, 4)
        ]
    found += [point("candidate", 0.9 + b / 400, bits=b, **QUANTIZED) for b in (3, 8)]
    trained = point("candidate", 0.918, method="l1", amount=0.9, bits=3, retrained=True, **QUANTIZED)
    confirmed = {"curve": "confirmed", "images": 5000, "lost": 40, "gained": 30, "bytes_file": 9_900}
    return [*found, trained, replace(trained, accuracy=0.917, **confirmed)]


def chosen(path: str, **changes: Any) -> ChosenFile:
    """A file that loses ten of 5,000 validation images."""
    loss = paired_loss(40, 30, 5000)
    fields: dict[str, Any] = {
        "path": path,
        "bytes": 9_900,
        "method": "l1",
        "amount": 0.9,
        "bits": 3,
        "scheme": SCHEMES[0],
        "retrained": True,
        "shrunk": False,
        "keeps": True,
        "selection": "validation",
        "validation": scored(4590, 5000),
        "test": scored(9161, 10000),
        "loss": loss.value,
        "loss_interval": loss.interval,
        "classes": [
            ClassAccuracy(name="cat", images=100, dense=0.83, compressed=0.8),
            ClassAccuracy(name="<dog>", images=100, dense=0.9, compressed=0.91),
            ClassAccuracy(name="none", images=0, dense=None, compressed=None),
        ],
        "sheet": DataSheet(num_params=PARAMS, macs=7, peak_activations=9, ram_bytes_float32=36, ram_bytes_int8=9),
        "command": f"minjax predict runs/a/{path} IMAGES",
    }
    return ChosenFile(**fields | changes)


def choice(**changes: Any) -> Choice:
    fields: dict[str, Any] = {
        "target": None,
        "tolerance": 0.01,
        "floor": 0.91,
        "selection": "validation",
        "images": 5000,
        "screening_images": 1000,
        "retraining_steps": 47,
        "dense": scored(4600, 5000),
        "dense_test": scored(9172, 10000),
        "reached": True,
    }
    return Choice(**fields | changes)


def made(path: Path, **changes: Any) -> Path:
    """A compression in quick mode."""
    fields = {"choice": choice(), "recommended": chosen("recommended.mjx"), "runner_up": chosen("runner_up.mjx")}
    return make_compression(path, lines=lines(), **NOTHING, **fields | changes)


def write(path: Path) -> Path:
    """The page, without the time that pictures take."""
    with undrawn():
        return report.write(path)


def test_the_page_begins_with_the_file(tmp_path):
    page = write(made(tmp_path))
    assert written(page) == {"index.html", "report.md", "front.png"}
    for text in texts(page):
        assert "Keeps an accuracy within 1 point of the dense network's 92.00 %, on 5,000 validation images." in text
        assert "minjax predict runs/a/recommended.mjx IMAGES" in text
        assert text.index("recommended.mjx") < text.index("cat") < text.index("What it was chosen from")
        assert "the test split was used once" in text
        assert "Chosen on the test split" not in text
        assert "multiply-adds per image" in text
    table = next(rows for tables in tables_of(page).values() for rows in tables if "smaller" in rows[0])
    assert [row["bytes"] for row in table] == [f"{4 * PARAMS:,}", "9,900", "9,900"]
    assert table[1]["validation accuracy (95 %)"] == words.accuracy(scored(4590, 5000))
    assert table[1]["test accuracy (95 %)"].startswith("91.61 % (91.0")
    (candidates,) = tables_of(page)["The front: no candidate is both smaller and better"]
    assert candidates[-1]["weights"] == "as trained"
    verified = [row for row in candidates if row["verified"] == "91.70 %"]
    assert [row["weights"] for row in verified] == ["trained again"]


def test_chosen_on_test_is_said(tmp_path):
    file = chosen("recommended.mjx", selection="test", validation=None)
    page = write(made(tmp_path, choice=choice(selection="test"), recommended=file, runner_up=None))
    for text in texts(page):
        assert "Chosen on the test split, as the run has no validation split" in text
        assert "validation accuracy" not in text


def test_none_is_recommended(tmp_path):
    closest = chosen("runner_up.mjx", keeps=False)
    wanted = choice(target=0.99, floor=0.99, reached=False)
    page = write(made(tmp_path, choice=wanted, recommended=None, runner_up=closest))
    for text in texts(page):
        assert "No compressed version keeps an accuracy of at least 99 % (5,000 validation images)" in text
        assert "runner-up, which does not keep the accuracy" in text


def test_the_console_says_the_same(tmp_path):
    summary = read_compression(made(tmp_path)).summary
    text = "\n".join(words.answer(summary, "runs/a"))
    assert text.startswith(
        "recommended: runs/a/recommended.mjx, 9,900 bytes\n  l1 at 90 %, 3 bits a weight, trained again\n"
    )
    assert "class cat loses most: 83.00 % to 80.00 % (test)" in text
    assert "test:       91.61 % (91.05 to 92.15 %), dense 91.72 %\n" in text
    assert "too few to be sure" not in text
    few = replace(chosen("recommended.mjx"), loss_interval=(-0.01, 0.03))
    assert "too few to be sure: it may lose up to 3 points" in words.verdict(replace(summary, recommended=few))


@pytest.mark.parametrize("name", list(front.KINDS))
def test_the_picture_has_every_kind(tmp_path, name):
    compression = read_compression(made(tmp_path))
    (figure,) = figures_of(front.picture, compression)
    assert name in [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    drawn = sum(len(line.get_xdata()) for line in figure.axes[0].get_lines() if line.get_marker() == "o")
    assert drawn >= len([m for m in lines() if m.curve == "candidate" and m.accuracy > CHANCE + front.LEAST]) - 1
