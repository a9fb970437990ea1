"""Write a network in the formats asked for: each is built aside, verified, and only then put in its place."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from minjax import data
from minjax.data.splits import stratified
from minjax.deploy import building, verification
from minjax.deploy.formats import FORMATS, Format, NotInstalledError, Source
from minjax.deploy.network import Network
from minjax.deploy.sheet import data_sheet
from minjax.errors import UserError, unknown
from minjax.records.export import EXPORT, Export, ExportedFile, Input
from minjax.records.files import disk_errors
from minjax.records.record import Provenance, write

FEWEST_CALIBRATION_IMAGES = 10


def known(names: Sequence[str]) -> list[Format]:
    """The formats of these names, once each.

    Raises:
        UserError: none, an unknown name, or a format that cannot be written with what is installed.
    """
    if not names:
        raise UserError(f"export.formats is empty; known: {', '.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            raise unknown("export.formats", name, FORMATS)
    formats = [FORMATS[name] for name in dict.fromkeys(names)]
    for kind in formats:
        for package in kind.packages:
            if not package.installed:
                raise NotInstalledError(f"export.formats={kind.name}", package)
    return formats


def calibration_images(train: data.Split, count: int, seed: int) -> np.ndarray:
    """`count` training images, stratified, in an order that mixes the classes; all of them where there are fewer.

    Raises:
        UserError: too few to measure ranges on.
    """
    count = min(count, len(train))
    if count < FEWEST_CALIBRATION_IMAGES:
        raise UserError(
            f"{count} images to calibrate int8 on (export.calibration_images, and {len(train)} training images): "
            f"at least {FEWEST_CALIBRATION_IMAGES} are needed"
        )
    chosen = stratified(train.labels, count, seed=seed, purpose="calibration")
    return np.asarray(train.images[chosen])


def export(
    network: Network,
    formats: Sequence[Format],
    directory: Path,
    *,
    test: data.Split,
    calibration: np.ndarray,
    max_accuracy_drop: float,
    dataset: str,
    provenance: Provenance,
    say: Callable[[str], None] = lambda line: None,
) -> Export:
    """Write and verify the files, then export.json.

    A file of an earlier export that is not asked for again stays; the record is of this export alone.

    Args:
        network: to export; its weights are used in float32.
        formats: from `known`.
        directory: made if it does not exist.
        test: the split that every file is run over.
        calibration: uint8 [N, H, W, C], for int8 ranges.
        max_accuracy_drop: by which the accuracy of an int8 file may be lower; a fraction.
        dataset: the name of the data set.
        provenance: device, versions, commit and command, for the record.
        say: told of each file as it is done.

    Raises:
        UserError: the network cannot be exported at all, or the directory cannot be written.
    """
    network = network.in_float32()
    graph = building.build(network.model, network.variables, network.image_shape, mean=network.mean, std=network.std)
    source = Source(network, graph, calibration)
    expected = verification.reference(network, test)
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in formats:
        files.append(_exported(kind, source, expected, directory, max_accuracy_drop))
        say(line(files[-1]))
    record = Export(
        run=network.about["path"],
        model=network.about["model"]["name"],
        dataset=dataset,
        test_images=len(test),
        accuracy=expected.accuracy,
        calibration_images=len(calibration),
        max_accuracy_drop=max_accuracy_drop,
        input=Input(
            image_shape=network.image_shape,
            mean=list(network.mean),
            std=list(network.std),
            classes=list(network.classes),
        ),
        sheet=data_sheet(network.model, network.variables, graph),
        files=files,
        **msgspec.structs.asdict(provenance),
    )
    write(directory / EXPORT, record)
    return record


def _exported(
    kind: Format, source: Source, expected: verification.Reference, directory: Path, most: float
) -> ExportedFile:
    """One format, from nothing to its place in the directory, or to the reason why it is not there."""
    described = partial(ExportedFile, format=kind.name, kind=kind.kind)
    _remove(directory / kind.file)  # so that what is there afterwards is this network
    reason = kind.refuses(source.graph)
    if reason is not None:
        return described(status="refused", reason=reason)
    with disk_errors(directory), tempfile.TemporaryDirectory(dir=directory, prefix=".export-") as aside:
        path = Path(aside) / kind.file
        try:
            kind.write(source, path)
        except UserError as error:
            return described(status="failed", reason=str(error))
        checks = [verification.check(kind, c, path, source, expected, most) for c in kind.checkers]
        size, digest = _measured(path)
        table = kind.input_table(path, source.graph).T.tolist() if kind.input_table else None
        failed = [check for check in checks if check.status == "failed"]
        if failed:
            reason = f"{failed[0].runtime}: {failed[0].reason}"
            return described(status="failed", reason=reason, checks=checks)
        os.replace(path, directory / kind.file)
    verified = any(check.status == "verified" for check in checks)
    return described(
        status="verified" if verified else "not verified",
        reason=None if verified else "; ".join(str(check.reason) for check in checks),
        file=kind.file,
        bytes=size,
        sha256=digest,
        input_table=table,
        checks=checks,
    )


def _remove(path: Path) -> None:
    with disk_errors(path):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _measured(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file, or of a directory's files in the order of their names."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    contents = [file.read_bytes() for file in files if file.is_file()]
    return sum(map(len, contents)), hashlib.sha256(b"".join(contents)).hexdigest()


def line(file: ExportedFile) -> str:
    """A file in one line, for the console."""
    if file.file is None:
        return f"{file.format}: {file.status}: {file.reason}"
    parts = [f"{file.format}: {file.file}, {file.bytes:,} bytes"]
    for check in file.checks:
        if check.status == "verified":
            parts.append(
                f"{check.runtime} {check.version}: {100 * (check.accuracy or 0):.2f} % on {check.images:,} images "
                f"(network {100 * (check.original_accuracy or 0):.2f} %)"
            )
        else:
            parts.append(f"{check.status}: {check.reason}")
    return "; ".join(parts)
