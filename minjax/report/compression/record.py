"""A compression run's directory read back: the measured points, and what was concluded from them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minjax import records
from minjax.errors import UserError
from minjax.report.formats import finite
from minjax.report.record import RunRecord, read_config, read_part

POINTS, SUMMARY = "compression.jsonl", "compression.json"
TRAINED, RE_ESTIMATED = "trained", "re-estimated"
PLATEAU = 0.01  # an accuracy within one point of the dense network's counts as unharmed
LISTS = ("phases", "pareto", "packed", "shrink")


@dataclass(frozen=True)
class Point:
    """One measured network, a line of compression.jsonl; None where a property does not apply or was not measured.

    Attributes:
        curve: pruning, quantization, joint, sensitivity, rounds or aware.
        method, exclude, amount: how it was pruned, what was spared, and the fraction asked for.
        bits, scheme, activation_bits: how it was quantized.
        layer: the leaf that alone was pruned or quantized.
        bn: batch-norm statistics as "trained" or "re-estimated".
        series, round: of the curve of rounds.
        loss, accuracy: on the test split; the accuracy is a fraction.
        sparsity: zeros over prunable weights.
        bytes, bytes_dense: theoretical sizes.
        multiply_adds, multiply_adds_sparse: of one image, of the dense and of the pruned network.
    """

    curve: str
    method: str | None
    exclude: tuple[str, ...]
    amount: float | None
    bits: int | None
    scheme: str | None
    activation_bits: int | None
    layer: str | None
    bn: str
    series: str | None
    round: int | None
    loss: float | None
    accuracy: float | None
    sparsity: float | None
    bytes: int | None
    bytes_dense: int | None
    multiply_adds: int | None
    multiply_adds_sparse: int | None

    @property
    def identity(self) -> Hashable:
        """What was measured, as opposed to what came out."""
        pruned = (self.method, self.exclude, self.amount)
        quantized = (self.bits, self.scheme, self.activation_bits)
        return (self.curve, *pruned, *quantized, self.layer, self.bn, self.series, self.round)


@dataclass(frozen=True)
class CompressionRecord(RunRecord):
    """The records of a compression run. `summary` is compression.json; there are no epochs and no predictions.

    Attributes:
        points: the lines of compression.jsonl in their order; of a point written twice, the later line.
    """

    points: tuple[Point, ...] = ()

    def status_text(self) -> str:
        """The status in words."""
        return self.status

    @property
    def dense(self) -> float | None:
        """Test accuracy of the network before compression."""
        return self.number("dense", "accuracy")

    @property
    def floor(self) -> float | None:
        """The smallest accuracy that is still on the plateau."""
        return None if self.dense is None else self.dense - PLATEAU

    def of(self, curve: str, **properties: Any) -> list[Point]:
        """The points of a curve with these properties that have an accuracy."""
        return [
            point
            for point in self.points
            if point.curve == curve
            and point.accuracy is not None
            and all(getattr(point, name) == value for name, value in properties.items())
        ]

    def listed(self, name: str) -> list[dict[str, Any]]:
        """A list of compression.json; empty where it has none."""
        return (self.summary or {}).get(name) or []

    def part(self, name: str) -> dict[str, Any]:
        """An object of compression.json; empty where it has none."""
        return (self.summary or {}).get(name) or {}


def grouped(points: Iterable[Point], *fields: str) -> dict[tuple[Any, ...], list[Point]]:
    """The points by the values of these fields, in the order in which they first appear."""
    groups: dict[tuple[Any, ...], list[Point]] = {}
    for point in points:
        groups.setdefault(tuple(getattr(point, field) for field in fields), []).append(point)
    return groups


def norms(points: Iterable[Point]) -> list[str]:
    """The kinds of batch-norm statistics among the points, as trained first."""
    return sorted({point.bn for point in points}, key=lambda bn: (bn != TRAINED, bn))


def read(directory: Path | str) -> CompressionRecord:
    """Read the records of a compression run.

    Raises:
        UserError: not such a directory, or a record that is corrupt; the message names the directory.
    """
    path = Path(directory)
    if not path.is_dir():
        raise UserError(f"{path} is not a compression run's directory: there is no such directory")
    config = read_part(path, "config.json", read_config) or {}
    if config.get("task") != "compress" and not any((path / name).exists() for name in (POINTS, SUMMARY)):
        raise UserError(
            f"{path} is not a compression run's directory: it has neither {POINTS} nor {SUMMARY}, and its task is "
            f"not 'compress'"
        )
    return CompressionRecord(
        path=path,
        config=config,
        epochs=[],
        summary=read_part(path, SUMMARY, _summary),
        predictions=None,
        points=tuple(read_part(path, POINTS, _points) or ()),
    )


def _points(path: Path) -> list[Point]:
    points: dict[Hashable, Point] = {}
    for number, line in enumerate(records.read_jsonl(path), 1):
        try:
            point = _point(line)
        except (TypeError, ValueError) as error:
            raise UserError(f"{path.name}, line {number}: {error}") from error
        points[point.identity] = point
    return list(points.values())


def _point(line: Any) -> Point:
    if not isinstance(line, dict):
        raise ValueError("not an object")

    def text(key: str) -> str | None:
        value = line.get(key)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{key} {value!r} is not text")
        return value

    def number(key: str) -> float | None:
        value = line.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ValueError(f"{key} {value!r} is not a number")
        return finite(value)

    def fraction(key: str) -> float | None:
        value = number(key)
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"{key} {value} is not a fraction between 0 and 1")
        return value

    def whole(key: str) -> int | None:
        value = number(key)
        return None if value is None else round(value)

    curve, exclude = text("curve"), line.get("exclude") or []
    if not curve:
        raise ValueError("it names no curve")
    if not isinstance(exclude, list) or not all(isinstance(pattern, str) for pattern in exclude):
        raise ValueError(f"exclude {exclude!r} is not a list of patterns")
    return Point(
        curve=curve,
        method=text("method"),
        exclude=tuple(exclude),
        amount=fraction("amount"),
        bits=whole("bits"),
        scheme=text("scheme"),
        activation_bits=whole("activation_bits"),
        layer=text("layer"),
        bn=text("bn") or TRAINED,
        series=text("series"),
        round=whole("round"),
        loss=number("loss"),
        accuracy=fraction("accuracy"),
        sparsity=fraction("sparsity"),
        bytes=whole("bytes_theoretical"),
        bytes_dense=whole("bytes_dense"),
        multiply_adds=whole("multiply_adds"),
        multiply_adds_sparse=whole("multiply_adds_sparse"),
    )


def _summary(path: Path) -> dict[str, Any]:
    summary = records.read_json(path)
    if not isinstance(summary, dict):
        raise UserError(f"{path.name} is not an object")
    for key in ("model", "dataset", "optimizer", "status"):
        if not isinstance(summary.get(key), str) or not summary[key]:
            raise UserError(f"{path.name} has no {key!r}")
    _check(path, summary, ("dense", "first_layer", "seconds"), dict, "an object")
    _check(path, summary, LISTS, list, "a list")
    for key in LISTS:
        if not all(isinstance(item, dict) for item in summary.get(key) or []):
            raise UserError(f"{path.name}: {key!r} is not a list of objects")
    dense = finite((summary.get("dense") or {}).get("accuracy"))
    if dense is None or not 0 <= dense <= 1:
        raise UserError(f"{path.name}: dense.accuracy is not a fraction between 0 and 1")
    return summary


def _check(path: Path, summary: dict[str, Any], keys: Iterable[str], kind: type, name: str) -> None:
    for key in keys:
        if summary.get(key) is not None and not isinstance(summary[key], kind):
            raise UserError(f"{path.name}: {key!r} is not {name}")
