"""Directories of this version, taken back by hand to how minjax 0.1 left them."""

from __future__ import annotations

import json
from pathlib import Path

from minjax.records.compression import MEASUREMENTS
from minjax.records.compression import SUMMARY as COMPRESSION
from minjax.records.record import CONFIG
from minjax.records.run import SUMMARY as RUN
from minjax.records.study import MEMBERS
from minjax.records.study import SUMMARY as STUDY
from tests.report.compressions import make_compression
from tests.report.runs import make_run
from tests.report.studies import dnn, make_study


def rewrite(path: Path, change) -> None:
    """Apply a change to the object in a JSON file, or to each in a JSONL file."""
    if path.suffix == ".jsonl":
        objects = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(change(one)) + "\n" for one in objects))
    else:
        path.write_text(json.dumps(change(json.loads(path.read_text()))))


def without(*names):
    """A change that leaves out some fields."""
    return lambda old: {key: value for key, value in old.items() if key not in names}


def old_norm(old):
    """The statistics of batch norm under their old name."""
    return {"bn" if key == "batch_norm" else key: value for key, value in old.items()}


def old_run(path: Path) -> Path:
    """A training run as minjax 0.1 left it."""
    make_run(path, validation=True)
    for name in (CONFIG, RUN):
        rewrite(path / name, without("format"))
    return path


def old_compression(path: Path) -> Path:
    """A compression as minjax 0.1 left it."""
    make_compression(path, ("pruning", "joint", "rounds"))
    front = ("bytes_theoretical", "accuracy", "curve", "method", "amount", "exclude", "bits", "scheme", "bn", "series")

    def result(old):
        old["phases"] = [old_norm(one) | {"redundancy": one["plateau_end"]} for one in old["phases"]]
        old["pareto"] = [{key: old_norm(one)[key] for key in front} for one in old["pareto"]]
        return without("format")(old)

    rewrite(path / CONFIG, lambda old: without("format")(old) | {"training": {"epochs": 6}})
    rewrite(path / MEASUREMENTS, old_norm)
    rewrite(path / COMPRESSION, result)
    return path


STUDY_SECTION = {"seeds": 5, "axes": [], "families": ["dnn"], "dnn": {"set": [["epochs", 9], ["model.dropout", 0.0]]}}
FIELDS = {
    "model": {"name": "dnn", "widths": None, "dropout": None, "init": None},
    "optimizer": {
        "name": "sgdm",
        "learning_rate": None,
        "weight_decay": 0.5,
        "momentum": None,
        "preset": {"sgdm": {"momentum": 0.8}},
    },
}


def old_study(path: Path, members=None) -> Path:
    """A study as minjax 0.1 left it."""
    make_study(path, members or dnn((1, 5, 20, 50), depths=(1,), history=False))

    def result(old):
        found = old.pop("findings")
        for one in found["certificates"]:
            one["bytes"] = None  # of certificates that name no network
        return without("format", "training")(old) | without("dataset")(found)

    rewrite(path / CONFIG, lambda old: without("format")(old) | {"study": STUDY_SECTION} | FIELDS)
    rewrite(path / MEMBERS, without("settings"))
    rewrite(path / STUDY, result)
    return path
