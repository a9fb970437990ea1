"""The record of an export, export.json: what each file is, and how it did in the runtimes that read it back."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import field

from minjax.records.record import Count, Fraction, Name, Positive, Record, ResultFile, read
from minjax.records.run import DataSheet

EXPORT = "export.json"


class Check(Record, frozen=True, kw_only=True):
    """A file run by one runtime over the test split.

    Attributes:
        runtime, version: what ran it.
        status: "verified"; "failed", see `reason`; "not verified" where the runtime is not installed, see `reason`.
        images: test images that it was run on.
        accuracy, original_accuracy: of the file and of the network, on these images.
        agreement: images that both give the same class.
        largest_difference: between the logits, as a share of the largest of the network's.
        arena_bytes: working memory that the runtime says it needs.
        object_bytes: of compiled code, by processor: what it takes of flash, weights included.
        operators: how many of each operator the file has, as the runtime reads it.
    """

    runtime: Name
    version: str | None = None
    status: Literal["verified", "failed", "not verified"]
    reason: str | None = None
    images: Count = 0
    accuracy: Fraction | None = None
    original_accuracy: Fraction | None = None
    agreement: Fraction | None = None
    largest_difference: float | None = None
    arena_bytes: Count | None = None
    object_bytes: dict[str, Count] = field(default_factory=dict)
    operators: dict[str, Count] = field(default_factory=dict)


class ExportedFile(Record, frozen=True, kw_only=True):
    """One format.

    Attributes:
        format: its name.
        kind: of its arithmetic.
        status: "verified": by every runtime that is installed, one at least; "not verified": none of them is;
            "failed" or "refused": there is no file, see `reason`.
        file: in the export's directory; None where there is none.
        bytes, sha256: of the file, or of all files in the directory together.
        input_table: of an int8 TFLite file: the integer that stands for a pixel value, [channel][0 to 255]; the others
            take pixels as they are, and so does the C code.
        checks: one for each runtime.
    """

    format: Name
    kind: Literal["float", "int8"]
    status: Literal["verified", "not verified", "failed", "refused"]
    reason: str | None = None
    file: str | None = None
    bytes: Count | None = None
    sha256: str | None = None
    input_table: list[list[int]] | None = None
    checks: list[Check] = field(default_factory=list)


class Input(Record, frozen=True, kw_only=True):
    """What the network is fed with.

    Attributes:
        image_shape: height, width, channels of the pixels, uint8.
        mean, std: of pixels scaled to [0, 1], per channel: the network's input is (pixel / 255 - mean) / std.
        classes: the name of output 0, 1, ...
    """

    image_shape: tuple[int, int, int]
    mean: list[float]
    std: list[float]
    classes: list[str]


class Export(ResultFile, frozen=True, kw_only=True):
    """export.json.

    Attributes:
        run: the run or packed file that was exported.
        model: the network's name.
        dataset: whose test split the files were verified on.
        test_images: of the split.
        accuracy: of the network on it, computed in float32.
        calibration_images: training images that the int8 ranges were measured on.
        max_accuracy_drop: by which an int8 file may be worse.
        input: what it is fed with.
        sheet: what it asks of a device.
        files: one for each format that was asked for.
    """

    run: str
    model: Name
    dataset: Name
    test_images: Positive
    accuracy: Fraction
    calibration_images: Count
    max_accuracy_drop: Fraction
    input: Input
    sheet: DataSheet
    files: list[ExportedFile]


def read_export(directory: Path | str) -> Export:
    """The record of an export directory.

    Raises:
        UserError: missing, damaged or of another format version; names the file.
    """
    return read(Path(directory) / EXPORT, Export)
