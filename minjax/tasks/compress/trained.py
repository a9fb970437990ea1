"""A finished training run, read back: its data, its model and what that learned."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minjax import records
from minjax.errors import UserError
from minjax.tasks.assembly import Assembly, assemble
from minjax.train.checkpoint import Checkpoints
from minjax.train.epoch import Totals


@dataclasses.dataclass(frozen=True)
class Trained:
    """What compression starts from.

    Attributes:
        directory: of the run.
        config: its resolved configuration.
        summary: its summary.json.
        parts: data, model, engine.
        params: after its last epoch, on the host.
        model_state: its statistics, likewise.
    """

    directory: Path
    config: dict[str, Any]
    summary: dict[str, Any]
    parts: Assembly
    params: Any
    model_state: Any


def load(directory: Path) -> Trained:
    """Read a run that `task=train` has completed.

    Raises:
        UserError: not a run, not a finished one, other data than it was trained on, a checkpoint of another network.
    """
    config, summary = check(directory)
    # So that no layer waits for a pmap axis, on the devices that are here now.
    parts = assemble(config | {"parallel": "auto", "devices": None, "sync_batch_norm": True})
    now, then = parts.dataset.fingerprint, config["data"]["fingerprint"]
    if now != then:
        raise UserError(f"{directory}: the data set is not the one that the run was trained on: its images differ")
    folder = directory / "checkpoints"
    if not folder.is_dir():
        raise UserError(f"{directory} has no checkpoints; the network that it trained is not there any more")
    like = {"state": parts.like, "totals": jax.tree.map(np.asarray, Totals.zero())}
    problems: list[str] = []
    checkpoints = Checkpoints(folder)
    try:
        restored = checkpoints.restore(like, warn=problems.append)
    except UserError as error:
        raise UserError(
            f"{directory}: no checkpoint can be read as a {config['model']['name']} for {parts.dataset.num_classes} "
            f"classes; {problems[-1] if problems else error}"
        ) from error
    finally:
        checkpoints.close()
    if restored is None:
        raise UserError(f"{directory} has no checkpoints; the network that it trained is not there any more")
    state = restored.tree["state"]
    if int(state.step) != summary["steps"]:
        raise UserError(
            f"{directory}: the newest whole checkpoint is of step {int(state.step)}, the run ended at step "
            f"{summary['steps']}; {problems[-1] if problems else 'the last one is missing'}"
        )
    return Trained(directory, config, summary, parts, state.params, state.model_state)


def check(directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration and summary of a completed training run; reads no data.

    Raises:
        UserError: it is not one.
    """
    if not (directory / "config.json").is_file():
        raise UserError(f"config.run: {directory} is not a run directory (it has no config.json)")
    config = records.read_json(directory / "config.json")
    if config.get("task") != "train":
        raise UserError(
            f"config.run: {directory} is a run of task={config.get('task')}; task=compress needs a finished one of "
            "task=train"
        )
    if not (directory / "summary.json").is_file():
        raise UserError(
            f"config.run: {directory} is not finished (it has no summary.json); the command that started it resumes it"
        )
    summary = records.read_json(directory / "summary.json")
    if summary["status"] != "completed":
        raise UserError(f"config.run: {directory} is not finished: its status is {summary['status']}")
    return config, summary
