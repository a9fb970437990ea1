"""The page of a compression: what it shows, in its order; and the writing of it, from its records alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from minjax.errors import UserError
from minjax.findings.phases import MARGIN, TOLERANCE
from minjax.findings.words import plural, points
from minjax.records.compression import SUMMARY, Compression, read_compression
from minjax.report import links, paper
from minjax.report import page as pages
from minjax.report.compression import accuracies, maps, pruning, quantization, recommendation, sizes, tradeoff
from minjax.report.compression.curves import (
    BATCH_NORM,
    dense_bytes,
    floor,
    lost_planes,
    of,
    pruned,
    pruned_lines,
    recipe,
    result,
    scheme_name,
    statistics,
)
from minjax.report.formats import count, decimal, duration, percent, plain, printable
from minjax.report.page import Block, Details, Note, Notes, Page, Pair, Picture, Section, Table, Tile, pairs
from minjax.report.provenance import provenance_table, settings_section

CURVES = {
    "pruning": "pruning after training",
    "quantization": "quantization after training",
    "joint": "pruning and quantization together",
    "rounds": "rounds of pruning and training",
    "aware": "quantization in training",
    "sensitivity": "one leaf at a time",
}
CHOOSING = ("candidate", "confirmed")  # measurements that belong to the recommended file, and to no curve
PICTURES = (*(f"{name}.png" for name in (*CURVES, "pareto")), recommendation.PICTURE)
WITHIN = points(TOLERANCE)


def write(directory: Path | str) -> Path:
    """Write the report of a compression from its records alone into ``<directory>/report/``.

    Files: a picture for each kind of curve that was measured (pruning.png, quantization.png, joint.png,
    sensitivity.png, pareto.png, rounds.png, aware.png), report.md and index.html, each replaced atomically. The page
    says which curves were not measured, and a picture that an earlier report left of one is removed.

    Args:
        directory: a compression's, with a compression.json.

    Returns:
        The path of index.html.

    Raises:
        UserError: not such a directory, an unfinished compression, a damaged record, no space or no permission.
    """
    compression = read_compression(directory)
    if compression.summary is None:
        raise UserError(
            f"{compression.path} is an unfinished compression ({plural(len(compression.measurements), 'version')} "
            f"measured): it has no {SUMMARY} to report on; the command that started it resumes it"
        )
    return pages.write(page(compression), compression.path / "report", pictures=PICTURES)


def page(compression: Compression) -> Page:
    """The page of a compression that has a summary."""
    summary = result(compression)
    origin = provenance_table(compression.path, summary.status, summary, seed=summary.seed)
    data = Note("Every measured network as data: compression.jsonl in the directory of the compression.")
    missing = [name for curve, name in CURVES.items() if not of(compression, curve)]
    not_measured = f"This compression did not measure: {', '.join(missing)}. configs/compress/full.py does most of it."
    drawn = replace(compression, measurements=[m for m in compression.measurements if m.curve not in CHOOSING])
    return Page(
        title=f"{summary.model} on {summary.dataset}, compressed",
        status=summary.status,
        status_text=summary.status,
        tiles=list(_tiles(compression) if summary.choice is None else recommendation.tiles(compression)),
        sections=[*_related(compression), *_opening(compression), *_file_sections(compression)],
        evidence=[
            *(recommendation.evidence(compression) if summary.choice else []),
            *_curve_sections(drawn),
            *_size_sections(drawn),
            Section("What was compressed", [Pair([_subject(compression), _effort(compression)])]),
            *([Section("Not measured", [not_measured])] if missing else []),
            settings_section(compression.config),
            Section("Provenance", [origin, data]),
        ],
        wide=True,
    )


def _related(compression: Compression) -> list[Section]:
    """Links to the pages of what it belongs to and of what lies in it."""
    found = links.related(compression.path)
    return [Section("", found)] if found else []


def _opening(compression: Compression) -> Iterator[Section]:
    """What is recommended; or, of an older compression, that it was all chosen on the test split."""
    if result(compression).choice is not None:
        yield from recommendation.sections(compression)
        return
    note = Note(
        "Accuracies are measured on the test split, on which the amounts, bits and networks above were also chosen: "
        "for new images they are slightly too high."
    )
    yield Section("", [note])


def _picture(name: str, image: bytes | list[bytes] | None, alt: str) -> list[Picture]:
    """The picture in a list, empty where there is none."""
    return [Picture(f"{name}.png", image if isinstance(image, list) else [image], alt)] if image else []


def _curve_sections(compression: Compression) -> Iterator[Section]:
    if pruned_lines(compression):
        text = (
            "Weights are set to zero in the trained network, in one shot and without any training afterwards. Where "
            "batch norm is re-estimated, its statistics are computed again from training images; no weight is trained."
        )
        picture = _picture(
            "pruning", pruning.picture(compression), "Test accuracy and loss over the amount pruned, a line per method"
        )
        notes = _pruning_notes(compression)
        listed = [Notes(notes)] if notes else []
        yield Section("Pruning", [text, *picture, *accuracies.pruning(compression), *listed])
    if of(compression, "quantization"):
        text = "The weights of the trained network are rounded to few bits, without any training afterwards."
        picture = _picture(
            "quantization", quantization.picture(compression), "Test accuracy over bits per weight, a line per scheme"
        )
        yield Section("Quantization", [text, *picture, *accuracies.quantization(compression)])
    if result(compression).phases:
        text = (
            f"The plateau extends as far as the test accuracy stays within {WITHIN} of the dense network's; its end is "
            "the redundancy, what can be removed at no cost. The curve collapses where the accuracy comes within "
            f"{points(MARGIN)} of chance. The knee is where the curve bends most."
        )
        yield Section("Phases", [text, accuracies.phases(compression)])
    if of(compression, "joint"):
        text = f"Pruned first, then quantized. The line encloses what is within {WITHIN} of the dense network."
        images = maps.joint_pictures(compression)
        alt = "Test accuracy by amount pruned and bits per weight"
        yield Section("Pruned and quantized", [text, *_picture("joint", images, alt)])
    if of(compression, "rounds"):
        text = (
            "Each round prunes and then trains. The table has the test accuracy (%) at the sparsity (%) that the round "
            "reached."
        )
        picture = _picture(
            "rounds", pruning.rounds_picture(compression), "Test accuracy over sparsity, a line per series"
        )
        yield Section("Rounds of pruning and training", [text, *picture, accuracies.rounds(compression)])
    if of(compression, "aware"):
        text = "Trained with rounded weights (quantization-aware training), beside the same rounding after training."
        picture = _picture(
            "aware",
            quantization.aware_picture(compression),
            "Test accuracy over bits, quantized in training and after it",
        )
        yield Section("Quantized in training", [text, *picture, accuracies.aware(compression)])
    if of(compression, "sensitivity"):
        text = (
            "All other leaves stay as trained. The table says how far each leaf can go while the network stays within "
            f"{WITHIN} of the dense one, the most sensitive leaf first."
        )
        images = maps.sensitivity_pictures(compression)
        picture = _picture("sensitivity", images, "Test accuracy when one leaf alone is pruned or quantized")
        yield Section("One leaf at a time", [text, *picture, accuracies.sensitivity(compression)])


def _size_sections(compression: Compression) -> Iterator[Section]:
    front, left_out = sizes.front(compression)
    tables = [table for table in (sizes.operating_points(compression), front) if table.rows]
    if tables:
        text = (
            "Sizes are theoretical: the bytes that the values and the places of the zeros need by the arithmetic of "
            "the packed file. Whichever network is chosen here is chosen on the test split, so its accuracy is "
            "slightly too high for new images."
        )
        picture = _picture(
            "pareto", tradeoff.picture(compression), "Test accuracy against bytes, all networks and the front"
        )
        networks = f"{plural(left_out, 'network')} of the front {'is' if left_out == 1 else 'are'}"
        near = f"{networks} within {points(MARGIN)} of chance and not listed."
        yield Section("Accuracy against size", [text, *picture, *tables, *([Notes([near])] if left_out else [])])


def _file_sections(compression: Compression) -> Iterator[Section]:
    """What was written beside the recommended file."""
    if result(compression).packed:
        text = (
            "Measured: bytes of the file on disk. Theoretical: what the format needs by arithmetic, and the least that "
            "any code of single values could reach (entropy bound)."
        )
        yield Section("Files", [text, sizes.packed(compression)])
    if result(compression).shrink:
        text = (
            "Pruned channels are removed, so that the network is smaller and needs no mask. Its outputs must be those "
            "of the masked network: the last column is the largest difference. No weight was trained afterwards."
        )
        notes: list[Block] = [Note(line) for line in sizes.timed_on(compression)]
        if kept := sizes.kept(compression):
            notes.append(Details("What could not be removed, and why", [Notes(kept)]))
        yield Section("Shrunk networks", [text, sizes.shrunk(compression), *notes])


def _pruning_notes(compression: Compression) -> list[str]:
    summary, notes = result(compression), []
    if fall := summary.first_layer:
        notes.append(
            f"{pruned(fall.method, fall.amount)} removes {lost_planes(fall)} from the first convolution "
            f"({plain(fall.layer)}), that is, part of the image itself: test accuracy {percent(fall.accuracy)}, and "
            f"{percent(fall.accuracy_without_first_layer)} if that layer is spared."
        )
    if accuracies.has_papers_method(compression):
        theirs = paper.parameters("resnet18", 10)
        network = f", {count(summary.num_params)} parameters where the paper's has {count(theirs)}"
        notes.append(
            "Paper 1's figures (Tables 6 and 7) are of ResNet18 on CIFAR-10, one run: convolution kernels pruned in "
            f"one shot, batch-norm statistics untouched. This run's are of {summary.model} on {summary.dataset}"
            f"{'' if summary.num_params == theirs else network}."
        )
    return notes


def _tiles(compression: Compression) -> Iterator[Tile]:
    """The answers in short: how good the network is, and how far it goes at the same accuracy."""
    summary = result(compression)
    how = f"before compression, {count(summary.test_images)} test images"
    yield Tile("Dense test accuracy", percent(summary.dense.accuracy), how)
    ends = [entry for entry in summary.phases if entry.plateau_end is not None]
    pruning_ends = [entry for entry in ends if entry.curve == "pruning"]
    if pruning_ends:
        best = max(pruning_ends, key=lambda entry: entry.plateau_end or 0.0)
        how = f"within {WITHIN}: {printable(str(best.method))}, {BATCH_NORM[best.batch_norm]}"
        yield Tile("Pruned after training", f"{100 * (best.plateau_end or 0.0):.4g} %", how)
    quantization_ends = [entry for entry in ends if entry.curve == "quantization"]
    if quantization_ends:
        best = min(quantization_ends, key=lambda entry: entry.plateau_end or 0.0)
        how = f"within {WITHIN}: {scheme_name(best.scheme, best.activation_bits)}"
        yield Tile("Quantized after training", plural(best.plateau_end or 0.0, "bit"), how)
    good = [line for line in summary.pareto if line.bytes_theoretical and line.accuracy >= floor(compression)]
    if good:
        smallest = min(good, key=lambda line: line.bytes_theoretical or 0)
        size, whole = smallest.bytes_theoretical or 0, dense_bytes(compression)
        ratio = f"{whole / size:.1f} times smaller, " if whole else ""
        how = f"theoretical; {ratio}{percent(smallest.accuracy)}: "
        how += recipe(smallest, statistics(compression.measurements))
        yield Tile(f"Smallest within {WITHIN}", f"{size / 1000:,.4g} kB", how)


def _subject(compression: Compression) -> Table:
    """What was compressed."""
    summary = result(compression)
    return pairs(
        ("model", summary.model),
        ("data set", summary.dataset),
        ("optimizer", summary.optimizer),
        ("trained run", plain(summary.run or None)),
        ("parameters", count(summary.num_params)),
        ("prunable weights", count(summary.num_prunable)),
        ("classes", count(summary.num_classes)),
        ("test loss before compression", decimal(summary.dense.loss)),
    )


def _effort(compression: Compression) -> Table:
    """What the measurements took."""
    summary = result(compression)
    return pairs(
        ("networks measured", count(len(compression.measurements))),
        ("training time", duration(summary.seconds.train)),
        ("evaluation time", duration(summary.seconds.evaluate)),
        ("compilation time", duration(summary.seconds.compile)),
        ("total time", duration(summary.seconds.total)),
        ("compilations", count(summary.compilations)),
        ("images per second", count(summary.images_per_second)),
        ("devices", count(summary.device_count)),
    )
