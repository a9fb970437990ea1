"""What minjax does on a GPU or TPU, in one command of under nine minutes that needs no network: run it first.

    python benchmarks/accelerator.py                          # the same command continues where the minutes ended
    python benchmarks/accelerator.py --parts=golden,speed-resnet18_s-128
    python benchmarks/accelerator.py --scale=small            # tiny networks, for development, on CPU too
    python benchmarks/accelerator_table.py                    # docs/accelerator.md from the records

Its parts, in order of importance (`benchmarks/accelerator_parts.py`): numbers beside those of paper 1's code and of
float64; training speed beside PyTorch; populations beside one network after the other; the study of 120 DNNs on digits;
whether the same seed gives the same bits, and what that costs; a profile of a step; a pruning curve. Each part is
measured in processes of its own, one for each framework, so that they share no memory. A part that fails, or takes
longer than it may, is recorded with what was measured and the reason, and the next one goes on.

The records, a JSON file for each part, are in `--out`; a part that is recorded as done is skipped, and one that failed
is tried again after the others. They hold for one device and one commit: another needs another directory.

It needs jax, flax, optax and their dependencies, PyTorch for its side, and for the study all that minjax requires.
Without an accelerator it is an error, unless `--scale=small` or `--device=cpu` asks for a trial.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.accelerator_parts import SCALES, Part  # noqa: E402
from benchmarks.processes import measured  # noqa: E402
from minjax.errors import UserError, unknown  # noqa: E402
from minjax.records.files import write_text  # noqa: E402

RECORDS = ROOT / "benchmarks" / "records" / "accelerator"
PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "chex", "numpy", "ml-collections", "torch")
SAME = ("device", "platform", "git_commit", "versions", "scale")  # of all records of a directory
WORTHWHILE = 15.0  # seconds that must be left for a process to be started
PROBE = """
import json, jax
every = jax.devices()
found = {"platform": every[0].platform, "device": every[0].device_kind, "devices": len(every)}
print("MEASURED " + json.dumps(found))
"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; raises UserError for an unknown part or a number out of range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="", help="separated by commas; default: all")
    parser.add_argument("--minutes", type=float, default=8.5, help="for everything (default 8.5)")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--device", choices=("auto", "cpu"), default="auto", help="cpu: a trial, however long it takes")
    parser.add_argument(
        "--out", type=Path, default=None, help=f"default: {RECORDS.relative_to(ROOT)}/DEVICE-SCALE-COMMIT"
    )
    parser.add_argument("--commit", default=None, help="of this code, where the checkout has no .git")
    flags = parser.parse_args(arguments)
    names = [part.name for part in SCALES[flags.scale].parts]
    flags.parts = [name for name in flags.parts.split(",") if name] or names
    for name in flags.parts:
        if name not in names:
            raise unknown("part", name, names)
    if not flags.minutes > 0:
        raise UserError(f"--minutes must be above 0, not {flags.minutes:g}")
    return flags


def environment_of(part: Part, side: str, flags: argparse.Namespace) -> dict[str, str]:
    """The environment of one of a part's processes."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    changes = {"PYTHONPATH": path, "TORCHINDUCTOR_CACHE_DIR": str(flags.out / "cache" / "torch")}
    if flags.device == "cpu" or side == "PyTorch":  # where JAX only counts parameters, and must not take the memory
        changes["JAX_PLATFORMS"] = "cpu"
    if part.work == "determinism":  # compiled again by each process: choices among algorithms are part of the question
        changes["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        if side != "default":
            changes["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
    elif "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        changes["JAX_COMPILATION_CACHE_DIR"] = str(flags.out / "cache" / "xla")
    return os.environ | changes


# -- conditions


def conditions(flags: argparse.Namespace) -> dict[str, Any]:
    """What all records of this command share: device, versions, commit.

    Raises:
        UserError: JAX does not start, or has no accelerator and none of the flags asks for a trial on CPU.
    """
    environment = dict(os.environ) | ({"JAX_PLATFORMS": "cpu"} if flags.device == "cpu" else {})
    probe = measured([sys.executable, "-c", PROBE], environment, 120)
    if not probe["lines"]:
        raise UserError(f"JAX does not start: {probe['reason']}")
    (found,) = probe["lines"]
    if found["platform"] == "cpu" and flags.device != "cpu" and flags.scale != "small":
        raise UserError("JAX sees no accelerator, only a CPU; for a trial: --scale=small, or --device=cpu")
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return found | {
        "cpus": os.cpu_count(),
        "versions": versions,
        "git_commit": flags.commit or commit(),
        "scale": flags.scale,
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python benchmarks/accelerator.py", *sys.argv[1:]]),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def commit() -> str | None:
    """The checkout's commit, with "+changes" where tracked files differ; None where there is no checkout."""
    if not (ROOT / ".git").exists():
        return None
    git = [["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", "-uno"]]
    head, changes = (subprocess.run(one, cwd=ROOT, capture_output=True, text=True) for one in git)
    return head.stdout.strip() + ("+changes" if changes.stdout.strip() else "") or None


# -- records


def recorded(flags: argparse.Namespace, shared: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The records of the directory by part.

    Raises:
        UserError: they are of another device, commit or scale.
    """
    found = {}
    for path in sorted(flags.out.glob("*.json")):
        record = json.loads(path.read_text())
        for key in SAME:
            old, new = record["conditions"][key], shared[key]
            if old != new:
                raise UserError(f"{path} has {key} {old}, this is {new}; choose another directory with --out")
        found[record["part"]] = record
    return found


def order(parts: list[Part], records: dict[str, dict[str, Any]]) -> list[Part]:
    """What is to be measured: parts that the minutes have cut off or not reached, then those that failed."""
    open_ = [part for part in parts if records.get(part.name, {}).get("status") in (None, "unfinished")]
    again = [part for part in parts if records.get(part.name, {}).get("status") in ("failed", "out of time")]
    return open_ + again


def measure(
    part: Part, flags: argparse.Namespace, shared: dict[str, Any], deadline: float, old: dict[str, Any] | None
) -> dict[str, Any]:
    """Measure a part, side by side, and write its record after each side.

    Args:
        part: the part.
        flags: what the command was called with.
        shared: the conditions.
        deadline: when the whole command must end, by `time.monotonic`.
        old: its record so far; sides that are done in it are kept.

    Returns:
        The record. Its status is "done", "failed" or "out of time" if that of a side is, or "unfinished" where the
        command's minutes were over.
    """
    sides = {side: one for side, one in (old or {}).get("sides", {}).items() if one["status"] == "done"}
    limit = time.monotonic() + part.seconds
    record = {"part": part.name, "work": part.work, "status": "done", "conditions": shared, "sides": sides}
    if part.network is not None:
        network = part.network
        record["network"] = {"model": network.model, "batch": network.batch, "fields": network.fields}
    for side in part.sides:
        if side in sides:
            continue
        left = min(limit, deadline) - time.monotonic()
        if left < min(WORTHWHILE, part.seconds):
            over = deadline < limit
            record["status"] = "unfinished" if over else "out of time"
            record.setdefault("reason", f"no time was left for {side}")
            break
        arguments = [f"--part={part.name}", f"--side={side}", f"--scale={flags.scale}", f"--out={flags.out}"]
        command = [sys.executable, "-m", "benchmarks.accelerator_work", *arguments, f"--platform={shared['platform']}"]
        log = flags.out / "logs" / f"{part.name}-{side.replace(' ', '-')}.log"
        sides[side] = one = measured(command, environment_of(part, side, flags), left, log)
        if one["status"] == "out of time" and deadline <= limit:
            one["status"] = "unfinished"
        if one["status"] != "done":
            record["status"] = one["status"]
            record.setdefault("reason", f"{side}: {one['reason']}")
        write_text(flags.out / f"{part.name}.json", json.dumps(record, indent=1) + "\n")
    write_text(flags.out / f"{part.name}.json", json.dumps(record, indent=1) + "\n")
    return record


def main(arguments: list[str] | None = None) -> int:
    """Measure what is not recorded yet; returns 0 if all parts are done."""
    flags = parse(arguments)
    deadline = time.monotonic() + 60 * flags.minutes
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))  # so that processes are ended with this one
    shared = conditions(flags)
    if flags.out is None:
        head, plus, _ = (shared["git_commit"] or "unknown").partition("+changes")
        name = "-".join([shared["device"], flags.scale, head[:12], *["changes"] * bool(plus)])
        flags.out = RECORDS / re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    flags.out = flags.out.resolve()
    records = recorded(flags, shared)
    parts = [part for part in SCALES[flags.scale].parts if part.name in flags.parts]
    print(f"{shared['device']} ({shared['platform']}), scale {flags.scale}: {flags.out}", flush=True)
    for part in order(parts, records):
        if deadline - time.monotonic() < WORTHWHILE:
            break
        records[part.name] = record = measure(part, flags, shared, deadline, records.get(part.name))
        seconds = sum(side["seconds"] for side in record["sides"].values())
        wrong = [one for side in record["sides"].values() for one in side["lines"] if one.get("passed") is False]
        said = [record.get("reason", ""), *(f"{one['what']} of {one['case']} ({one['dtype']}) is off" for one in wrong)]
        print(f"{part.name}: {record['status']}, {seconds:.0f} s  {'; '.join(filter(None, said))}".rstrip(), flush=True)
    left = [part.name for part in parts if records.get(part.name, {}).get("status") != "done"]
    if left:
        print(f"not done: {', '.join(left)}; the same command continues")
    return 1 if left else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"accelerator: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
