"""A small study of digits, and what of its records must be equal in two of them."""

from __future__ import annotations

from tests.conftest import read_json, read_jsonl

PRESET = "configs/studies/digits_dnn.py"
SMALL = (
    "--config.study.dnn.widths=(1,4,8,16,32)", "--config.study.dnn.depths=(1,2)", "--config.epochs=3",
    "--config.study.amounts=5", "--config.study.bits=(8,4,2)", "--config.dataset.limit_train=500",
)  # fmt: skip


def small(directory, *more):
    """A small study with some fields replaced: a tuple that is given twice on a command line is extended."""
    fields = dict(argument.split("=", 1) for argument in (*SMALL, *more))
    return [f"--config={PRESET}", f"--workdir={directory}", *(f"{field}={value}" for field, value in fields.items())]


def lines(directory):
    return read_jsonl(directory / "points.jsonl")


def plain(directory):
    """What two studies must agree in: everything but times and where it ran."""
    members = sorted(lines(directory), key=lambda line: (line["point"], line["seed"]))
    for line in members:
        del line["seconds"]
    found = read_json(directory / "study.json")
    for key in ("seconds", "compilations", "command", "git_commit"):
        found.pop(key)
    if found["winner"] is not None:
        del found["winner"]["compressed"]["command"]  # it names the directory
    return members, found
