"""The answer to the user's question, for one family on one data set: the smallest size, how sure, and what it bears."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minjax import models
from minjax.compress import sizes
from minjax.findings.resilience import fewest_bits, redundancies
from minjax.findings.samples import LIMITS, Limits, Member, Sample, samples

Findings = Mapping[str, Any]


def certificates(
    findings: Findings,
    members: Iterable[Member],
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    limits: Limits = LIMITS,
) -> list[dict[str, Any]]:
    """A certificate for every entry of `findings["minimals"]`, as study.json has it.

    `redundancy` is the mean over the seeds of the largest sparsity on the plateau, `bits` the fewest that do for every
    seed, each alone; both None where no curves were measured. Bytes are theoretical: the arithmetic of the packed
    file, without its header.

    Args:
        findings: of `findings.findings`.
        members: the records that they are of.
        image_shape: height, width, channels.
        num_classes: of the data.
        limits: the tolerances of the findings.
    """
    by_point = {sample.point: sample for sample in samples(members)}
    return [
        _certificate(minimal, by_point, findings, image_shape, num_classes, limits) for minimal in findings["minimals"]
    ]


def _certificate(
    minimal: Mapping[str, Any],
    by_point: Mapping[str, Sample],
    findings: Findings,
    image_shape: tuple[int, int, int],
    num_classes: int,
    limits: Limits,
) -> dict[str, Any]:
    kept = (
        *("dataset", "family", "num_params", "interval", "name", "point", "accuracy", "sigma", "seeds"),
        *("target", "below", "reason", "grid", "notes", "tolerance"),
    )
    record: dict[str, Any] = {key: minimal[key] for key in kept}
    record |= {"fields": None, "redundancy": None, "redundancy_interval": None, "bits": None, "bytes": None}
    if minimal["num_params"] is None:
        return record
    sample = by_point[minimal["point"]]
    amounts, bits = redundancies(sample, limits), fewest_bits(sample, limits)
    record["fields"] = dict(sample.fields)
    if len(amounts) and not np.isnan(amounts).all():
        record["redundancy"] = float(np.nanmean(amounts))
        own = [one for one in findings["redundancy"] if one["point"] == sample.point]
        record["redundancy_interval"] = own[0]["interval"] if own else None
    if len(bits) and not np.isnan(bits).any():
        record["bits"] = int(bits.max())
    record["bytes"] = _bytes(sample, record, image_shape, num_classes)
    return record


def _bytes(
    sample: Sample, record: Mapping[str, Any], image_shape: tuple[int, int, int], num_classes: int
) -> dict[str, int]:
    fields = {key: tuple(v) if isinstance(v, list) else v for key, v in sample.fields.items()}
    shapes = models.parameter_shapes(sample.family, num_classes, image_shape=image_shape, **fields)
    params = shapes.pop("params")
    layout = sizes.layout(params, shapes, include="*kernel")
    found = {"float32": layout.dense_bytes()}
    if record["bits"] is not None:
        found["quantized"] = int(layout.theoretical_bytes(bits=record["bits"]))
    if record["redundancy"] is not None:
        kept = np.where(
            layout.quantized, layout.counts - np.round(record["redundancy"] * layout.counts).astype(int), layout.counts
        )
        found["pruned"] = int(layout.theoretical_bytes(kept))
    return found


def text(certificate: Mapping[str, Any]) -> list[str]:
    """The certificate in words, a line a statement."""
    where = f"{certificate['family']} on {certificate['dataset']}"
    sizes = certificate["grid"]
    if certificate["num_params"] is None:
        return [f"{where}: no minimal size: {certificate['reason']}"]
    low, high = certificate["interval"]
    bound = {sizes[-1]: "at least ", sizes[0]: "at most "}.get(certificate["num_params"], "")
    lines = [
        f"{where}: the smallest network that learns it reliably has {bound}{certificate['num_params']:,} parameters "
        f"({certificate['name']}); 95 % interval {low:,} to {high:,}",
        f"  a statement about {len(sizes)} sizes from {sizes[0]:,} to {sizes[-1]:,}, each with {certificate['seeds']} "
        "seeds or more",
        f"  test accuracy {100 * certificate['accuracy']:.2f} % +- {100 * certificate['sigma']:.2f} "
        f"(target {100 * certificate['target']:.2f} %)",
    ]
    if certificate["below"] is not None:
        below = certificate["below"]
        lines.append(f"  the next smaller size, {below['num_params']:,}, does not do: {below['why']}")
    if certificate["redundancy"] is not None:
        lines.append(f"  {100 * certificate['redundancy']:.0f} % of its kernels' weights can be pruned within a point")
    if certificate["bits"] is not None:
        lines.append(f"  {certificate['bits']} bits a weight do, for every seed")
    named = {"float32": "float32", "quantized": "quantized", "pruned": "pruned, float32"}
    listed = [f"{count:,} ({named[kind]})" for kind, count in certificate["bytes"].items()]
    lines.append(f"  bytes, theoretical: {', '.join(listed)}")
    return lines + [f"  note: {note}" for note in certificate["notes"]]
