"""The cells of a table: each is a training with a configuration, a directory and a command of its own."""

from __future__ import annotations

import copy
import dataclasses
import functools
import shlex
from pathlib import Path
from typing import Any

from minjax import presets
from minjax.config import OPEN, plain
from minjax.config.field import Role
from minjax.config.flags import flag
from minjax.config.resolving import resolve_fields
from minjax.config.roles import differences
from minjax.config.table import leaves
from minjax.errors import UserError
from minjax.records.record import read_config
from minjax.records.run import read_summary
from minjax.records.table import CELLS, Cell, CellStatus, Scale
from minjax.tasks.sources import Source
from minjax.tasks.tables import settings
from minjax.tasks.tables.settings import Network

PAPER = "paper/"  # the presets of paper 1's own settings
_SCALE = ("epochs", "batch_size", "dataset.limit_train")
_DATA = ("dataset.name", "dataset.path")


@dataclasses.dataclass(frozen=True)
class Planned:
    """A cell and how it is trained.

    Attributes:
        cell: its record; not run, as far as this knows.
        config: of its training, resolved.
        network: whose preset that begins with.
    """

    cell: Cell
    config: dict[str, Any]
    network: Network

    def command(self, directory: Path) -> str:
        """The command that trains this cell alone, in this directory."""
        usual = dict(leaves(_resolved(self.network.fields, {"optimizer.name": self.cell.optimizer})))
        changed = {name: value for name, value in leaves(self.config) if usual.get(name) != value and name != "name"}
        flags = [flag(name, value) for name, value in {"optimizer.name": self.cell.optimizer, **changed}.items()]
        return shlex.join(["minjax", f"--config={self.network.name}", f"--workdir={directory}", *flags])


def planned(asked: dict[str, Any]) -> list[Planned]:
    """Every cell in the order in which they are trained: one seed of all of them, then the next.

    Args:
        asked: from `settings.settle`.

    Raises:
        UserError: a name that there is not, settings that cannot be, or more images in a batch than to train on.
    """
    of, on = settings.networks(asked), settings.sources(asked)
    return [
        _planned(asked, network, optimizer, source, seed)
        for seed in settings.seeds(asked)
        for source in on
        for network in of
        for optimizer in asked["tables"]["optimizers"]
    ]


def standing(path: Path, config: dict[str, Any]) -> tuple[CellStatus, str]:
    """How far a cell has come, by its directory, and what there is to say about that.

    Args:
        path: of the run; perhaps not there.
        config: of the cell.

    Raises:
        UserError: a damaged record, or a run of another configuration.
    """
    if not (path / "config.json").exists():
        return "not_run", ""
    lines = differences(read_config(path), config)
    if lines:
        raise UserError(f"{path} holds a run of another configuration: {lines[0]}")
    summary = read_summary(path)
    if summary is None or summary.status == "interrupted":
        return "interrupted", ""
    if summary.status == "diverged":
        return "diverged", f"the loss was not finite at step {summary.diverged_step}"
    return "completed", ""


def paper_scale() -> Scale:
    """The scale at which paper 1 trained, as configs/paper/base.py has it."""
    paper = _paper("resnet18_s", "sgdm")
    assert paper is not None
    return _scale(paper)


def _planned(asked: dict[str, Any], network: Network, optimizer: str, source: Source, seed: int) -> Planned:
    shared = {name: value for name, value in leaves(asked) if name in OPEN and value is not None}
    own = {
        "task": "train",
        "name": network.label,
        "run": "",
        "seed": seed,
        "deterministic": asked["deterministic"],
        "optimizer.name": optimizer,
        "dataset.name": source.name,
        "dataset.path": source.path,
        "dataset.data_dir": asked["dataset"]["data_dir"],
    }
    try:
        config = _resolved(network.fields, shared | own)
    except UserError as error:
        raise UserError(f"{network.name} under {optimizer}: {error}") from error
    scale = _scale(config)
    if scale.limit_train is not None and scale.limit_train < scale.batch_size:
        raise UserError(
            f"dataset.limit_train is {scale.limit_train}; it must be at least batch_size, which is {scale.batch_size} "
            f"for {network.name}"
        )
    cell = Cell(
        network=network.name,
        model=config["model"]["name"],
        optimizer=optimizer,
        dataset=source.label,
        seed=seed,
        directory=f"{CELLS}/{network.label}-{source.slug}-{optimizer}-s{seed}",
        scale=scale,
        departures=_departures(config),
        status="not_run",
    )
    return Planned(cell, config, network)


def _resolved(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a training: a preset's fields with these changes, by their names with dots."""
    changed = copy.deepcopy(fields)
    for name, value in changes.items():
        *sections, last = name.split(".")
        functools.reduce(dict.__getitem__, sections, changed)[last] = value
    return resolve_fields(changed)


def _scale(config: dict[str, Any]) -> Scale:
    return Scale(epochs=config["epochs"], batch_size=config["batch_size"], limit_train=config["dataset"]["limit_train"])


def _departures(config: dict[str, Any]) -> list[str] | None:
    """The settings, other than data and scale, in which a cell differs from paper 1; None: it has no such network."""
    paper = _paper(config["model"]["name"], config["optimizer"]["name"])
    if paper is None:
        return None
    sides = ({name: value for name, value in leaves(one) if name not in (*_SCALE, *_DATA)} for one in (paper, config))
    return differences(*sides, roles={Role.SCIENCE}, words=("the paper", "here"))


@functools.cache
def _paper(model: str, optimizer: str) -> dict[str, Any] | None:
    """How paper 1 trained a network, resolved; None where it did not."""
    if f"{PAPER}{model}" not in presets.names() or optimizer == "amsbound":
        return None
    fields = plain(presets.load(presets.find(f"{PAPER}{model}")).to_dict())
    return _resolved(fields, {"optimizer.name": optimizer})
