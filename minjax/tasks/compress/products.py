"""The packed files that are asked for beside the recommended one, each verified by reading it back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minjax.deploy.network import read
from minjax.records.compressed import PackedFile
from minjax.records.compression import REESTIMATED, TRAINED, CompressionSummary, Measurement, Version
from minjax.tasks.compress.judging import Judge
from minjax.tasks.compress.networks import Networks

FOLDER = "packed"


def lacking(config: dict[str, Any], directory: Path, summary: CompressionSummary) -> bool:
    """Whether files are asked for that a finished compression has not written, or that are gone."""
    there = {(f.method, f.amount, f.bits) for f in summary.packed if (directory / f.file).exists()}
    return gone(directory, summary) or any(what not in there for what in _asked(config))


def gone(directory: Path, summary: CompressionSummary) -> bool:
    """Whether the recommended file or the runner-up is no longer there."""
    chosen = [file for file in (summary.recommended, summary.runner_up) if file is not None]
    return any(not (directory / file.path).exists() for file in chosen)


def wanted(networks: Networks, config: dict[str, Any], measurements: Iterable[Measurement]) -> dict[str, Version]:
    """The files that a configuration asks for: path inside the work directory -> what is in it.

    A pruned and quantized network that was trained again for the recommendation is taken as it was trained.

    Args:
        networks: the versions of the network.
        config: from `settings.settle`.
        measurements: all there are.
    """
    retrained = {(m.method, m.amount, m.bits): m.version for m in measurements if m.retrained}
    found = {}
    for method, amount, bits in _asked(config):
        version = Version(
            curve="candidate",
            method=method,
            amount=amount if method else None,
            exclude=networks.exclude(method) if method else (),
            bits=bits,
            scheme=None if bits is None else networks.scheme,
            batch_norm=REESTIMATED if method and networks.trained.model_state else TRAINED,
        )
        known = retrained.get((version.method, version.amount, version.bits))
        version = known if known is not None and networks.path(known).exists() else version
        found[f"{FOLDER}/{_file_name(version)}"] = version
    return found


def _asked(config: dict[str, Any]) -> list[tuple[str | None, float, int | None]]:
    """Method, amount and bits of each file."""
    asked = config["compress"]
    found: list[tuple[str | None, float, int | None]] = [(None, 0.0, bits) for bits in asked["pack_bits"]]
    if asked["pack_bits"] and asked["pack_amount"]:
        found += [(asked["pack_method"], asked["pack_amount"], bits) for bits in (None, *asked["pack_bits"])]
    return found


def write(networks: Networks, judge: Judge, version: Version, directory: Path, file: str) -> PackedFile:
    """Write a file, and classify the test split with it and with the network in memory."""
    built, path = networks.build(version), directory / file
    written = networks.save(path, built, version.bits)
    params = networks.quantized(built.variables["params"], version.bits, built.masks)
    expected = judge.evaluate(built.model, {**built.variables, "params": params}, "test")
    network = read(path)
    found = judge.evaluate(network.model, network.variables, "test")
    return PackedFile(
        file=file,
        method=version.method,
        amount=version.amount or 0.0,
        bits=version.bits,
        scheme=version.scheme,
        retrained=version.retrained,
        bytes_measured=path.stat().st_size,
        bytes_theoretical=written.bytes_theoretical,
        bytes_entropy=written.bytes_entropy,
        share=written.share,
        same_predictions=bool((found["predicted"] == expected["predicted"]).all()),
        accuracy=found["accuracy"],
    )


def _file_name(version: Version) -> str:
    """`4bit.mjx`, `l1-0.5-float32.mjx`, `l1-0.5-4bit-retrained.mjx`."""
    pruned = "" if version.method is None else f"{version.method.replace(':', 'of')}-{version.amount:g}-"
    bits = "float32" if version.bits is None else f"{version.bits}bit"
    return f"{pruned}{bits}{'-retrained' if version.retrained else ''}.mjx"
