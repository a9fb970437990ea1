"""The parts of the page: a heading, what is to be seen, a picture, tables and notes; only what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from minjax.report import paper
from minjax.report.compression import accuracies, sizes
from minjax.report.compression.lines import dense_bytes, lost_planes, pruned_points
from minjax.report.compression.names import norm_name, pruned, scheme_name
from minjax.report.compression.record import PLATEAU, CompressionRecord, norms
from minjax.report.formats import ABSENT, count, decimal, duration, finite, percent, plain, printable
from minjax.report.section import Section
from minjax.report.tables import Table, pairs

CURVES = {
    "pruning": "pruning after training",
    "quantization": "quantization after training",
    "joint": "pruning and quantization together",
    "rounds": "rounds of pruning and training",
    "aware": "quantization in training",
    "sensitivity": "one leaf at a time",
}
SECONDS = ("train", "evaluate", "compile", "total")
POINT = f"{100 * PLATEAU:.0f} point"


def sections(record: CompressionRecord) -> list[Section]:
    """What the page shows, in its order."""
    found = [*_curves(record), *_sizes(record)]
    missing = [name for curve, name in CURVES.items() if not record.of(curve)]
    if missing:
        found.append(Section("Not in this run", f"Nothing was measured of: {', '.join(missing)}."))
    return found


def _curves(record: CompressionRecord) -> Iterator[Section]:
    if pruned_points(record):
        yield Section(
            "Pruning",
            "Weights are set to zero in the trained network, in one shot and without any training after it. With "
            "batch norm re-estimated, its statistics were taken again from training images; no weight was trained.",
            "pruning.png",
            "Test accuracy and loss over the amount pruned, a line a method",
            accuracies.pruning(record),
            _pruning_notes(record),
        )
    if record.of("quantization"):
        yield Section(
            "Quantization",
            "The weights of the trained network are rounded to few bits, without any training after it.",
            "quantization.png",
            "Test accuracy over the bits of a weight, a line a scheme",
            accuracies.quantization(record),
        )
    if record.listed("phases"):
        yield Section(
            "Phases",
            f"The plateau lasts while the test accuracy is within {POINT} of the dense network's; its end is the "
            "redundancy, what could be left out for nothing. The curve collapses where the accuracy comes within five "
            "points of chance. The knee is where the curve bends most.",
            tables=[("", accuracies.phases(record))],
        )
    if record.of("joint"):
        yield Section(
            "Pruned and quantized",
            f"First pruned, then quantized. The line encloses what is within {POINT} of the dense network.",
            "joint.png",
            "Test accuracy by amount pruned and bits of a weight",
        )
    if record.of("rounds"):
        yield Section(
            "Rounds of pruning and training",
            "Each round prunes and then trains. In the table: test accuracy (%) at the sparsity (%) reached.",
            "rounds.png",
            "Test accuracy over sparsity, a line a series",
            [("", accuracies.rounds(record))],
        )
    if record.of("aware"):
        yield Section(
            "Quantized in training",
            "Trained with rounded weights (quantization-aware), beside the same rounding after training.",
            "aware.png",
            "Test accuracy over bits, quantized in training and after it",
            [("", accuracies.aware(record))],
        )
    if record.of("sensitivity"):
        yield Section(
            "One leaf at a time",
            f"All other leaves are as trained. In the table: how far a leaf goes within {POINT} of the dense network, "
            "the most sensitive first.",
            "sensitivity.png",
            "Test accuracy when one leaf alone is pruned or quantized",
            [("", accuracies.sensitivity(record))],
        )


def _sizes(record: CompressionRecord) -> Iterator[Section]:
    front, left_out = sizes.pareto(record)
    ratios = sizes.operating_points(record)
    if front.rows or ratios.rows:
        notes = [f"{left_out} networks of the front are within five points of chance and are not listed."]
        yield Section(
            "Accuracy against size",
            "Sizes are theoretical: what the values and the places of the zeros take by formula. Whichever network is "
            "chosen here is chosen on the test split, so its accuracy is a little too high for new images.",
            "pareto.png",
            "Test accuracy against bytes, all networks and the front",
            [
                (caption, table)
                for caption, table in (("The best at a size", ratios), ("The front", front))
                if table.rows
            ],
            notes if left_out else (),
        )
    if record.listed("packed"):
        yield Section(
            "Files",
            "Measured: bytes of the file on the disk. Theoretical: what the format needs by formula, and the least "
            "that any code of single values could reach (entropy bound).",
            tables=[("", sizes.packed(record))],
        )
    if record.listed("shrink"):
        yield Section(
            "Shrunk networks",
            "Pruned channels are cut out, so that the network is smaller and needs no mask. Its outputs must be those "
            "of the masked one: the last column is the largest difference.",
            tables=[("", sizes.shrink(record))],
            notes=sizes.kept(record),
        )


def _pruning_notes(record: CompressionRecord) -> list[str]:
    notes = []
    fall = record.part("first_layer")
    amount, accuracy = finite(fall.get("amount")), finite(fall.get("accuracy"))
    if amount is not None and accuracy is not None:
        note = (
            f"{pruned(fall.get('method'), amount)} takes {lost_planes(fall)} from the first convolution "
            f"({plain(fall.get('layer'))}), that is, a part of the image itself: test accuracy {percent(accuracy)}"
        )
        spared = finite(fall.get("accuracy_without_first_layer"))
        notes.append(note + ("." if spared is None else f", and {percent(spared)} where that layer is spared."))
    if accuracies.has_papers_method(record):
        notes.append(
            "The paper's figures (Tables 6 and 7) are of ResNet18 on CIFAR-10, one run: convolution kernels pruned in "
            "one shot, batch-norm statistics untouched. " + _unlike_the_papers(record)
        )
    return notes


def _unlike_the_papers(record: CompressionRecord) -> str:
    here, theirs = record.number("num_params"), paper.parameters("resnet18", 10)
    network = "" if here == theirs else f", {count(here)} parameters where the paper's has {count(theirs)}"
    return f"This run's are of {record.model} on {record.dataset}{network}."


def headline(record: CompressionRecord) -> list[dict[str, str]]:
    """The answers in short: what the network is worth, and how far it goes within a point of that."""
    images = record.number("test_images")
    tiles = [
        {
            "name": "Dense test accuracy",
            "value": percent(record.dense),
            "how": "before compression" + ("" if images is None else f", {count(images)} test images"),
        }
    ]
    ends = [(finite(phase.get("plateau_end")), phase) for phase in record.listed("phases")]
    amounts = [(end, phase) for end, phase in ends if end is not None and phase.get("curve") == "pruning"]
    if amounts:
        end, phase = max(amounts, key=lambda pair: pair[0])
        how = f"within {POINT}: {printable(str(phase.get('method')))}, {norm_name(phase.get('bn'))}"
        tiles.append({"name": "Pruned after training", "value": f"{100 * end:.4g} %", "how": how})
    bits = [(end, phase) for end, phase in ends if end is not None and phase.get("curve") == "quantization"]
    if bits:
        end, phase = min(bits, key=lambda pair: pair[0])
        how = f"within {POINT}: {scheme_name(phase.get('scheme'), phase.get('activation_bits'))}"
        tiles.append({"name": "Quantized after training", "value": f"{end:g} bit{'' if end == 1 else 's'}", "how": how})
    return tiles + _smallest(record)


def _smallest(record: CompressionRecord) -> list[dict[str, str]]:
    good = [
        (size, entry)
        for entry in record.listed("pareto")
        if (size := finite(entry.get("bytes_theoretical")))
        and (finite(entry.get("accuracy")) or 0) >= (record.floor or 0)
    ]
    if not good:
        return []
    size, entry = min(good, key=lambda pair: pair[0])
    whole = dense_bytes(record)
    ratio = f"{whole / size:.1f} times smaller, " if whole else ""
    how = f"theoretical; {ratio}{percent(finite(entry.get('accuracy')))}: "
    how += sizes.front_recipe(entry, norms(record.points))
    return [{"name": f"Smallest within {POINT}", "value": f"{size / 1000:,.4g} kB", "how": how}]


def subject(record: CompressionRecord) -> Table:
    """What was compressed."""
    return pairs(
        ("model", record.model),
        ("data set", record.dataset),
        ("optimizer", record.optimizer),
        ("trained run", plain((record.summary or {}).get("run") or None)),
        ("parameters", count(record.number("num_params"))),
        ("prunable weights", count(record.number("num_prunable"))),
        ("classes", count(record.number("num_classes"))),
        ("test loss before compression", decimal(record.number("dense", "loss"))),
    )


def effort(record: CompressionRecord) -> Table:
    """What it took."""
    times = ((f"time: {part}", duration(record.number("seconds", part))) for part in SECONDS)
    return pairs(
        ("networks measured", count(len(record.points)) if record.points else ABSENT),
        *times,
        ("compilations", count(record.number("compilations"))),
        ("images per second", count(record.number("images_per_second"))),
        ("devices", count(record.number("device_count"))),
    )
