"""A finished training run, read back: its data, its model, and the weights that it learned."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minjax.deploy.network import WINNER
from minjax.errors import UserError
from minjax.records.record import CONFIG, config_of, read_config
from minjax.records.run import SUMMARY, RunSummary, read_summary
from minjax.tasks.assembly import Assembly, assemble
from minjax.train.checkpoint import Checkpoints
from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.metadata import Extent
from minjax.train.state import TrainState

INSIDE = "trained"  # a compression's folder for the run that it trained itself


@dataclasses.dataclass(frozen=True)
class Trained:
    """What compression starts from.

    Attributes:
        directory: the run's directory.
        config: its resolved configuration.
        summary: its result.
        parts: data, model and engine; the training split is on the devices once, for all trainings to come.
        params: the weights after the last epoch, on the host.
        model_state: the batch-norm statistics after the last epoch, on the host; `{}` without batch norm.
    """

    directory: Path
    config: dict[str, Any]
    summary: RunSummary
    parts: Assembly[Engine]
    params: Any
    model_state: Any


def load(directory: Path) -> Trained:
    """Read a run that `task=train` has completed.

    Raises:
        UserError: not such a run, not finished, trained on other data, or its checkpoint is missing or of another
            network.
    """
    config, summary = check(directory)
    # On the devices that are here now, and without layers that wait for the axis of pmap.
    parts = assemble(config | {"parallel": "auto", "devices": None, "sync_batch_norm": True})
    if parts.dataset.fingerprint != config["data"]["fingerprint"]:
        raise UserError(f"{directory}: the data set is not the one that the run was trained on: its images differ")
    state = _last_state(directory, config, summary, parts)
    return Trained(directory, config, summary, parts, state.params, state.model_state)


def directory_of(run: str) -> Path:
    """The directory of a training run; of a study, that of its winner."""
    directory = Path(run)
    winner = directory / WINNER
    if (winner / CONFIG).is_file() and config_of(directory, "run directory").get("task") == "study":
        return winner
    return directory


def check(directory: Path) -> tuple[dict[str, Any], RunSummary]:
    """The configuration and the result of a completed training run; reads no data.

    Raises:
        UserError: it is not one.
    """
    if not (directory / CONFIG).is_file():
        raise UserError(f"config.run: {directory} is not a run directory (it has no {CONFIG})")
    config = read_config(directory)
    if config.get("task") != "train":
        raise UserError(
            f"config.run: {directory} is a run of task={config.get('task')}; task=compress needs a finished one of "
            "task=train"
        )
    summary = read_summary(directory)
    if summary is None:
        raise UserError(
            f"config.run: {directory} is not finished (it has no {SUMMARY}); the command that started it resumes it"
        )
    if summary.status != "completed":
        raise UserError(f"config.run: {directory} is not finished: its status is {summary.status}")
    return config, summary


def _last_state(directory: Path, config: dict[str, Any], summary: RunSummary, parts: Assembly[Engine]) -> TrainState:
    """The state in the run's last checkpoint, on the host."""
    folder = directory / "checkpoints"
    missing = UserError(f"{directory} has no checkpoints, so the network that it trained is gone")
    if not folder.is_dir():
        raise missing
    like = {"state": parts.like, "totals": jax.tree.map(np.asarray, Totals.zero())}
    problems: list[str] = []
    checkpoints = Checkpoints(folder)
    try:
        extent = Extent(config["epochs"], parts.engine.steps_per_epoch)
        restored = checkpoints.restore(like, warn=problems.append, extent=extent)
    except UserError as error:
        raise UserError(
            f"{directory}: no checkpoint can be read as a {config['model']['name']} for {parts.dataset.num_classes} "
            f"classes; {problems[-1] if problems else error}"
        ) from error
    finally:
        checkpoints.close()
    if restored is None:
        raise missing
    state = restored.tree["state"]
    if int(state.step) != summary.steps:
        raise UserError(
            f"{directory}: the newest intact checkpoint is of step {int(state.step)}, but the run ended at step "
            f"{summary.steps}; {problems[-1] if problems else 'the last one is missing'}"
        )
    return state
