"""Directories of studies with plausible members, without training; the findings are minjax's own."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from minjax.findings.samples import Sample
from minjax.findings.study import findings
from minjax.records.finding import CertificateBytes
from minjax.records.member import History, MemberCurves
from minjax.records.record import write, write_config, write_lines
from minjax.records.stages import Training
from minjax.records.study import MEMBERS, SUMMARY, MemberCounts, MemberRecord, StudySeconds, StudySummary
from minjax.studies.families import layer_sizes
from tests.findings.synthetic import AMOUNTS, BITS, member
from tests.report.runs import ORIGIN

SEEDS = (0, 1, 2, 3, 4)
EPOCHS = 30
KNEE = {"dnn": 600.0, "cnn": 900.0, "vit": 4000.0}  # parameters at which a family has learned half
PIXELS = 64


def layered(family: str, label: str, depths: Sequence[int], widths: Sequence[int], shapes: Sequence[str]):
    """Distinct points of a grid: (name, names, fields, labels, num_params)."""
    found: dict[tuple[int, ...], tuple[list[str], dict[str, Any]]] = {}
    for depth in depths:
        for shape in shapes if depth > 1 else ("equal",):
            for width in widths:
                sizes = layer_sizes(depth, width, shape)
                names, _ = found.setdefault(sizes, ([], {"depth": depth, "shape": shape, label: width}))
                names.append(f"{family}-{depth}-{shape}-{width}")
    field = "widths" if label == "width" else label
    for sizes, (names, labels) in found.items():
        ends = (PIXELS, *sizes, 10)
        size = sum((a + 1) * b for a, b in itertools.pairwise(ends))
        yield names[0], names, {field: list(sizes)}, labels, size


def trained(
    name: str,
    names: Iterable[str],
    fields: dict[str, Any],
    labels: dict[str, Any],
    num_params: int,
    *,
    family: str,
    dataset: str = "digits",
    seeds: Sequence[int] = SEEDS,
    classes: int = 10,
    hard: float = 1.0,
    curves: bool = True,
    history: bool = True,
    epochs: int = EPOCHS,
) -> list[MemberRecord]:
    """The members of a point: accuracy rises with size, small networks scatter, large ones overfit."""
    point = hashlib.sha256(f"{dataset} {name}".encode()).hexdigest()[:12]
    rng = np.random.default_rng(int(point, 16))
    place = math.log(num_params / (hard * KNEE.get(family, 600.0)))
    chance = 1 / classes
    rise = 1 / (1 + math.exp(-2.2 * place))
    own = 0.003 * rng.standard_normal()
    found = []
    for seed in seeds:
        noise = (0.004 + 0.05 * (rise < 0.8)) * rng.standard_normal()
        test = float(np.clip(chance + (0.9 - 0.05 * math.log(hard) - chance) * rise + own + noise, 0.5 * chance, 1))
        train = float(np.clip(test + 0.14 * max(0.0, math.tanh((place - 3) / 2)) + 0.004, 0, 1))
        found.append(
            member(
                point,
                num_params,
                seed,
                test,
                train_accuracy=train,
                name=name,
                names=list(names),
                family=family,
                fields=fields,
                labels=labels,
                chance=chance,
                dataset=dataset,
                history=_history(test, train, chance, place, epochs, rng) if history else None,
                curves=_curves(test, chance, place, labels.get("depth", 1), rng) if curves else None,
            )
        )
    return found


def _history(test: float, train: float, chance: float, place: float, epochs: int, rng: Any) -> History:
    along = np.arange(1, epochs + 1)
    pace = 1.5 + 4 / (1 + math.exp(place))
    grown = 1 - np.exp(-((along / pace) ** 1.5))
    grown = grown / grown[-1]
    wobble = 0.01 * rng.standard_normal(epochs) * np.linspace(1, 0, epochs)
    loss = np.log(1 / chance) * (1.02 - train * grown)
    test_curve = chance + (test - chance) * grown + wobble
    return History(
        train_loss=loss.tolist(),
        train_accuracy=(chance + (train - chance) * grown).tolist(),
        validation_loss=(loss + 0.1).tolist(),
        validation_accuracy=np.clip(test_curve, 0, 1).tolist(),
    )


def _curves(test: float, chance: float, place: float, depth: int, rng: Any) -> MemberCurves:
    half = np.clip(0.35 + 0.08 * place + 0.03 * depth + 0.02 * rng.standard_normal(), 0.1, 0.93)
    kept = 1 / (1 + np.exp(25 * (AMOUNTS - half)))
    few = np.clip(4.2 - 0.25 * place + 0.2 * rng.standard_normal(), 1.5, 7)
    whole = 1 / (1 + np.exp(-3.0 * (np.array(BITS) - few)))
    return MemberCurves(
        pruning=[(float(a), float(chance + (test - chance) * k)) for a, k in zip(AMOUNTS, kept, strict=True)],
        quantization=[(b, float(chance + (test - chance) * k)) for b, k in zip(BITS, whole, strict=True)],
        method="global_l1",
        scheme="symmetric_channel_minmax",
    )


WIDTHS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000)
SHAPES = ("equal", "decreasing", "increasing")


def dnn(widths: Sequence[int] = WIDTHS, depths: Sequence[int] = (1, 2, 3, 4), shapes=SHAPES, **about: Any):
    """Members of a grid of DNNs; the default is the whole one, 114 networks."""
    return [m for p in layered("dnn", "width", depths, widths, shapes) for m in trained(*p, family="dnn", **about)]


def cnn(channels: Sequence[int] = (1, 2, 4, 8, 16, 32), depths: Sequence[int] = (1, 2, 3), **about: Any):
    """Members of a grid of CNNs."""
    points = layered("cnn", "channels", depths, channels, ("equal",))
    return [m for p in points for m in trained(*p, family="cnn", **about)]


def vit(dims: Sequence[int] = (8, 16, 32, 64), depths: Sequence[int] = (1, 2, 3, 4), **about: Any):
    """Members of a grid of transformers."""
    found = []
    for depth in depths:
        for dim in dims:
            labels = {"depth": depth, "dim": dim, "heads": 4, "mlp_dim": dim}
            name, size = f"vit-{depth}-{dim}-4-{dim}", depth * 6 * dim * dim + 30 * dim
            found += trained(name, [name], {"depth": depth, "dim": dim}, labels, size, family="vit", **about)
    return found


def spoil(members: list[MemberRecord], place: int, status: str, error: str | None = None) -> None:
    """Let a member end otherwise than completed."""
    nothing = {"final": None, "history": None, "curves": None}
    members[place] = msgspec.structs.replace(members[place], status=status, error=error, **nothing)


def stored(sample: Sample, redundancy: float | None, bits: int | None) -> CertificateBytes:
    """Bytes that follow from nothing but the number of parameters."""
    size = sample.num_params
    return CertificateBytes(float32=4 * size, quantized=bits and size // 2 + 1, pruned=redundancy and size // 3 + 1)


def summary_of(members: list[MemberRecord], status: str = "completed", **fields: Any) -> StudySummary:
    """study.json of these members."""
    counts = {name: sum(m.status == name for m in members) for name in ("completed", "diverged", "failed")}
    settings = {"epochs": EPOCHS, "batch_size": 64, "optimizer.name": "adam", "optimizer.learning_rate": 0.001}
    families = sorted({member.family for member in members})
    known: dict[str, Any] = {
        "name": "small",
        "dataset": members[0].dataset,
        "status": status,
        "training": [Training(families=families, points=len({m.point for m in members}), settings=settings)],
        "findings": findings(members, sizes=stored),
        "seconds": StudySeconds(compile=12.5, train=190.0, curves=8.5, total=221.0),
        "compilations": 6,
        "members": MemberCounts(**counts, planned=len(members) + (5 if status != "completed" else 0)),
        **ORIGIN,
    }
    return StudySummary(**known | fields)


def make_study(path: Path, members: list[MemberRecord], status: str = "completed", **fields: Any) -> Path:
    """Write a study's directory; `fields` replace those of study.json."""
    dataset = members[0].dataset
    config = {
        "task": "study",
        "name": "small",
        "seed": 42,
        "epochs": EPOCHS,
        "batch_size": 64,
        "dtype": "float32",
        "run": "",
        "dataset": {"name": dataset, "limit_train": None},
        "optimizer": {"name": "adam", "learning_rate": None, "preset": {"sgdm": {"learning_rate": 0.1}}},
        "study": {"seeds": len(SEEDS), "families": ["dnn"]},
        "data": {
            "name": dataset,
            "classes": round(1 / members[0].chance),
            "image_shape": [8, 8, 1],
            "sizes": {"train": 1150, "validation": 287, "test": 360},
            "fingerprint": hashlib.sha256(dataset.encode()).hexdigest()[:16],
        },
    }
    path.mkdir(parents=True, exist_ok=True)
    write_config(path, config)
    write_lines(path / MEMBERS, members)
    write(path / SUMMARY, summary_of(members, status, **fields))
    return path
