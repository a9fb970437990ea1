"""Sections about running a network elsewhere: what it asks of a device, and the files that it was exported as."""

from __future__ import annotations

from pathlib import Path

from minjax.records.export import EXPORT, Check, Export, ExportedFile, read_export
from minjax.records.run import DataSheet
from minjax.report.formats import count, percent
from minjax.report.page import Block, Note, Section, Table, pairs

EXPORTS = "export"  # the directory in a run


def sheet_sections(sheet: DataSheet | None) -> list[Section]:
    """The data sheet, where there is one."""
    return [] if sheet is None else [Section("Data sheet", sheet_blocks(sheet))]


def export_sections(run_dir: Path) -> list[Section]:
    """What the run was exported as, if it was.

    Raises:
        UserError: export.json is damaged or of another format.
    """
    if not (run_dir / EXPORTS / EXPORT).exists():
        return []
    return [Section("Exported files", _exported(read_export(run_dir / EXPORTS)))]


def sheet_blocks(sheet: DataSheet) -> list[Block]:
    """What a network asks of a device."""
    return [
        pairs(
            ("parameters", count(sheet.num_params)),
            ("multiply-adds per image", count(sheet.macs)),
            ("weights in float32", f"{count(4 * sheet.num_params)} bytes"),
            ("weights in int8", f"{count(sheet.num_params)} bytes"),
            ("RAM of activations in float32", f"{count(sheet.ram_bytes_float32)} bytes"),
            ("RAM of activations in int8", f"{count(sheet.ram_bytes_int8)} bytes"),
        ),
        Note(
            "Computed from the network, not measured. RAM counts the activations that are alive at once while the "
            "layers run in order, the normalised image included; a runtime's own structures come on top."
        ),
    ]


def _exported(export: Export) -> list[Block]:
    checks: list[tuple[ExportedFile, Check | None]] = []
    for file in export.files:
        checks += [(file, check) for check in file.checks] or [(file, None)]
    rows = [_row(file, check) for file, check in checks]
    header = ("format", "file", "bytes", "run by", "images", "accuracy", "agreement", "working memory")
    blocks: list[Block] = [
        f"Each file was read back and run over the test split; the network itself has {percent(export.accuracy)}.",
        Table(header, rows, align="llrlrrrr"),
        Note(
            "Agreement: images that get the class that the network gives them. Working memory: in bytes, as the "
            "runtime reports it, on the machine that exported the files. int8 ranges were measured on "
            f"{export.calibration_images:,} training images."
        ),
    ]
    reasons = [f"{file.format}: {file.status}: {file.reason}." for file in export.files if file.file is None]
    return [*blocks, *reasons]


def _row(file: ExportedFile, check: Check | None) -> tuple[str, ...]:
    if file.file is None or check is None or check.status != "verified":
        runtime = "" if check is None else f"{check.runtime}: {check.status}"
        status = file.status if file.file is None else file.file
        return (file.format, status, count(file.bytes), runtime, "", "", "", "")
    return (
        file.format,
        file.file,
        count(file.bytes),
        f"{check.runtime} ({check.version})",
        count(check.images),
        percent(check.accuracy),
        percent(check.agreement),
        count(check.arena_bytes),
    )
