"""The first screen of a compression: the file that it recommends, what that costs, and what it was chosen from."""

from __future__ import annotations

from collections.abc import Iterator

from minjax.findings import choice as choices
from minjax.findings.recommendation import accuracy, balanced, recipe, verdict
from minjax.findings.sentences import METRICS
from minjax.findings.words import capital, points
from minjax.records.compressed import ChosenFile, Scored
from minjax.records.compression import Compression, Measurement
from minjax.report import device
from minjax.report.compression import front
from minjax.report.compression.curves import BATCH_NORM, dense_bytes, pruned, quantized, result
from minjax.report.formats import ABSENT, count, percent, printable
from minjax.report.page import Block, Command, Fold, Note, Picture, Section, Table, Tile

PICTURE = "front.png"


def tiles(compression: Compression) -> Iterator[Tile]:
    """The recommended file in four numbers."""
    summary = result(compression)
    choice, file = summary.choice, summary.recommended
    assert choice is not None
    if file is None:
        yield Tile("Recommended", "none", verdict(summary))
        yield Tile("Dense test accuracy", percent(choice.dense_test.accuracy), _interval(choice.dense_test))
        return
    yield Tile("Recommended", f"{file.bytes / 1000:,.4g} kB", f"{printable(file.path)}: {recipe(file)}")
    smaller = (dense_bytes(compression) or 0) / file.bytes
    yield Tile("Times smaller", f"{smaller:.3g}", f"than its {count(dense_bytes(compression))} bytes in float32")
    yield Tile(
        "Test accuracy",
        percent(file.test.accuracy),
        f"{_interval(file.test)}; dense {percent(choice.dense_test.accuracy)}",
    )
    low, high = file.loss_interval
    how = f"{100 * low:+.2f} to {100 * high:+.2f} on {count(choice.images)} {choice.selection} images (95 %)"
    yield Tile(f"{capital(METRICS[choice.metric])} lost", points(file.loss), how)


def sections(compression: Compression) -> Iterator[Section]:
    """What is recommended, and what it costs."""
    summary = result(compression)
    choice, file = summary.choice, summary.recommended or summary.runner_up
    assert choice is not None
    blocks: list[Block] = [f"{capital(verdict(summary))}.", _files(compression)]
    if choice.selection == "test":
        blocks.append(
            Note(
                "Chosen on the test split, as the run has no validation split (dataset.validation_fraction): for new "
                "images the accuracies are slightly too high."
            )
        )
    else:
        blocks.append(
            Note("Chosen on the validation split; the test split was used once, for the files of this table.")
        )
    if file is not None:
        blocks += ["Classify images with it:", Command(file.command)]
        blocks.append(
            Fold("Accuracy per class, on the test split", _classes(file), open=len(file.classes) <= 20, first=20)
        )
    yield Section("", blocks)
    if file is not None and file.sheet is not None:
        yield Section("Data sheet", device.sheet_blocks(file.sheet))


def evidence(compression: Compression) -> Iterator[Section]:
    """What the recommended file was chosen from."""
    yield Section("What it was chosen from", list(_front(compression)))


def _files(compression: Compression) -> Table:
    """The dense network, the recommended file and the runner-up side by side."""
    summary = result(compression)
    choice, whole = summary.choice, dense_bytes(compression)
    assert choice is not None
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = [
        ("dense", "", "as trained, float32", count(whole), "1x", *_accuracies(choice.dense, choice.dense_test)),
    ]
    for name, file in (("recommended", summary.recommended), ("runner-up", summary.runner_up)):
        if file is not None:
            selected = file.validation or file.test
            smaller = f"{whole / file.bytes:.3g}x" if whole else ABSENT
            scores = _accuracies(selected, file.test)
            name = name if file.keeps else f"{name}, which does not keep the accuracy"
            rows.append((name, printable(file.path), recipe(file), count(file.bytes), smaller, *scores))
    header = ("", "file", "network", "bytes", "smaller", "validation accuracy (95 %)", "test accuracy (95 %)")
    if choice.selection == "test":
        rows, header = [(*row[:-2], row[-1]) for row in rows], (*header[:-2], header[-1])
    return Table(header, rows, align="lllrr" + "r" * (len(header) - 5))


def _accuracies(selected: Scored, test: Scored) -> tuple[str, str]:
    return accuracy(selected), accuracy(test)


def _classes(file: ChosenFile) -> Table:
    rows = [
        (
            printable(entry.name),
            count(entry.images),
            percent(entry.dense),
            percent(entry.compressed),
            ABSENT
            if entry.dense is None or entry.compressed is None
            else f"{100 * (entry.compressed - entry.dense):+.2f}",
        )
        for entry in file.classes
    ]
    return Table(("class", "images", "dense", "compressed", "points"), rows, align="lrrrr")


def _front(compression: Compression) -> Iterator[Block]:
    summary = result(compression)
    choice = summary.choice
    assert choice is not None
    candidates = choices.screened(compression.measurements)
    trained = sum(m.retrained for m in candidates)
    images = f"{count(choice.screening_images)} {choice.selection} images"
    text = f"{count(len(candidates))} candidates were screened on {images}"
    if trained:
        text += f", {trained} of them after {count(choice.retraining_steps)} steps of training"
    yield (
        f"{text}; the smallest that may keep the accuracy were written, read back and verified on all "
        f"{count(choice.images)}. Sizes are theoretical, without the header of the file."
    )
    image = front.picture(compression)
    if image:
        yield Picture(PICTURE, [image], "Accuracy of the candidates against their size, by how they were compressed")
    lines = [m for m in choices.front(candidates) if m.score > summary.score_chance + front.LEAST]
    yield Table(
        (
            "bytes (theoretical)",
            "pruned",
            "quantized",
            "weights",
            f"{choice.selection} {METRICS[choice.metric]}, screened",
            "verified",
        ),
        [_candidate(compression, m) for m in lines],
        align="rlllrr",
        caption="The front: no candidate is both smaller and better",
    )


def _candidate(compression: Compression, m: Measurement) -> tuple[str, ...]:
    found = [
        other.score
        for other in compression.measurements
        if other.curve == "confirmed" and choices.recipe(other) == choices.recipe(m) and other.retrained == m.retrained
    ]
    return (
        count(m.bytes_theoretical),
        pruned(m.method, m.amount),
        quantized(m.bits, m.scheme),
        "trained again" if m.retrained else BATCH_NORM[m.batch_norm] if m.batch_norm != "trained" else "as trained",
        percent(m.score),
        percent(found[0] if found else None),
    )


def _interval(found: Scored) -> str:
    low, high = found.interval
    return f"{100 * low:.2f} to {percent(high)} (95 %), {count(found.images)} images{balanced(found, '; ')}"
