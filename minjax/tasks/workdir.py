"""The work directory: where it is, which configuration it belongs to, and who may write in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from minjax import optim, records
from minjax.config.resolving import recorded_study
from minjax.config.roles import differences
from minjax.errors import UserError
from minjax.findings.words import plural
from minjax.records import record
from minjax.records.run import SUMMARY, read_summary
from minjax.tasks.provenance import usable_cpus

MOST = 20  # differences that an error lists
LENGTHENED = ("constant", "multistep")  # schedules under which an epoch is the same whatever follows it


def default(config: dict[str, Any]) -> Path:
    """`runs/<config name>-<dataset>-<optimizer>-s<seed>`."""
    dataset = config["dataset"]["name"]
    if dataset == "folder":
        dataset = Path(config["dataset"]["path"]).resolve().name or "folder"
    return Path("runs") / f"{config['name']}-{dataset}-{config['optimizer']['name']}-s{config['seed']}"


def check(workdir: Path, config: dict[str, Any]) -> None:
    """Check that the directory is free or belongs to this configuration; writes nothing.

    A training run also belongs to its configuration with more epochs, where its schedule allows that.

    Raises:
        UserError: it holds another configuration (the differences are listed) or something that is not a run.
    """
    path = workdir / "config.json"
    if path.exists():
        old, new = recorded(record.read_config(workdir)), recorded(config)
        if lengthened(old, new):
            schedule = new["optimizer"]["schedule"]
            if schedule in LENGTHENED:
                return
            raise UserError(
                f"{workdir} holds a run of {plural(old['epochs'], 'epoch')} whose {schedule} schedule ends there, so a "
                "longer one is another run: use another --workdir; under --config.optimizer.schedule=constant a run "
                "can be extended later"
            )
        lines = differences(old, new)
        if lines:
            raise UserError(
                f"{workdir} holds a run of another configuration: {'; '.join(lines[:MOST])}"
                f"{f' and {len(lines) - MOST} more' if len(lines) > MOST else ''}. "
                "Use another --workdir or remove this one"
            )
    elif workdir.exists() and not workdir.is_dir():
        raise UserError(f"{workdir} is not a directory; use another --workdir")
    elif workdir.exists() and any(entry.name != ".lock" for entry in workdir.iterdir()):
        raise UserError(f"{workdir} is not empty and holds no run (no config.json); use another --workdir")


def lengthened(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a configuration of a training differs from that in its directory by more epochs, and by nothing else."""
    if new.get("task") != "train" or not isinstance(old.get("epochs"), int) or new["epochs"] <= old["epochs"]:
        return False
    return not differences({**old, "epochs": new["epochs"]}, new)


def extends(workdir: Path, config: dict[str, Any]) -> bool:
    """Whether a finished run is to go on for more epochs, after saying so. One that stopped early is not."""
    summary = read_summary(workdir)
    if summary is None or summary.status != "completed":
        return False
    before = record.read_config(workdir)
    if not lengthened(before, config) or summary.epochs != before["epochs"]:
        return False
    print(f"{workdir}: extending the run from {summary.epochs} to {plural(config['epochs'], 'epoch')}")
    return True


def claim(workdir: Path, config: dict[str, Any]) -> None:
    """Write the configuration, which by now describes the data too, or see that the directory belongs to it already.

    A line warns where the directory was begun with another number of CPUs: the results will differ in their last bits.

    Raises:
        UserError: as `check`, or the data is not what the run began with.
    """
    check(workdir, config)
    now = usable_cpus()
    if not (workdir / "config.json").exists():
        record.write_config(workdir, recorded(config), now)
    elif lengthened(recorded(record.read_config(workdir)), recorded(config)):
        summary = read_summary(workdir)
        if summary is not None:  # in this order: whichever of both commands comes next goes on from the checkpoint
            record.write(workdir / SUMMARY, replace(summary, status="interrupted"))
        record.write_config(workdir, recorded(config), record.read_cpus(workdir))
    if now and (before := record.read_cpus(workdir)) and before != now:
        print(
            f"minjax: warning: {workdir} was begun with {plural(before, 'usable CPU')}, and now there "
            f"{'is' if now == 1 else 'are'} {now}: results will differ in their last bits from those of a run that was "
            "not interrupted",
            file=sys.stderr,
        )


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Keep other processes out of the directory; the lock ends with this process, however that ends.

    Raises:
        UserError: another process holds it, or it cannot be written.
    """
    with records.disk_errors(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        handle = os.open(workdir / ".lock", os.O_CREAT | os.O_RDWR, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"another process is running in {workdir}; wait for it or use another --workdir") from error
        yield
    finally:
        os.close(handle)


def recorded(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration as config.json states it: with the values that were used."""
    fields = config.get("optimizer")
    resolvable = config.get("task") == "study" and isinstance(fields, dict) and fields.get("name") in optim.NAMES
    return recorded_study(config) if resolvable else config
