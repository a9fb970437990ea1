"""Training speed of minjax compared with PyTorch: the same networks, batches and machine, in one run.

    pip install -e ".[bench]"
    python benchmarks/train_step.py                            # every network, on CPU: about 20 minutes
    python benchmarks/train_step.py --networks=resnet18_s-128 --rounds=10
    python benchmarks/train_step.py --device=gpu               # needs GPU builds of jax and torch
    python benchmarks/table.py                                 # docs/benchmarks.md from the records

A step is forward, backward and an SGD-with-momentum update in float32 on synthetic images (their content does not
change the time). Each side trains the way it is meant to: minjax runs its own training loop, `Engine`, which also
shuffles and normalises uint8 images on the device; PyTorch loops over float images that are ready in memory
(channels_last), both eagerly and under `torch.compile`. The sides take turns, so that a disturbance of the machine
affects all of them; the minimum and the median over the rounds are recorded together with the conditions.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import pages  # noqa: E402
from benchmarks.networks import NETWORKS, Network  # noqa: E402
from benchmarks.sides import Run, Training, speed, steps_for, torch_settings, torch_side  # noqa: E402
from minjax.errors import UserError, unknown  # noqa: E402

RECORDS = ROOT / "benchmarks" / "records"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; raises UserError for an unknown network or a number out of range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(NETWORKS), help="separated by commas; default: all")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (default 5)")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="length of each turn, about (default 2); at least one step"
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--no-compile", action="store_true", help="skip torch.compile (it takes minutes)")
    parser.add_argument(
        "--out", type=Path, default=None, help="the record; default: benchmarks/records/MACHINE-DATE.json"
    )
    flags = parser.parse_args(arguments)
    flags.networks = [name for name in flags.networks.split(",") if name]
    for name in flags.networks:
        if name not in NETWORKS:
            raise unknown("network", name, NETWORKS)
    if flags.rounds < 1 or flags.seconds <= 0:
        raise UserError(f"--rounds must be at least 1 and --seconds above 0, not {flags.rounds} and {flags.seconds}")
    return flags


def build_sides(network: Network, flags: argparse.Namespace) -> tuple[dict[str, Run], dict[str, dict[str, Any]]]:
    """The sides that run, and the beginning of the record of every side, including those that failed."""

    def minjax_side() -> tuple[Run, float]:
        training = Training(network)
        return training.run, training.seconds

    builders: dict[str, Callable[[], tuple[Run, float]]] = {
        "minjax": minjax_side,
        "torch": lambda: torch_side(network, flags.device),
    }
    if not flags.no_compile:
        builders["torch.compile"] = lambda: torch_side(network, flags.device, mode="default")
    runs: dict[str, Run] = {}
    records: dict[str, dict[str, Any]] = {}
    for side, build in builders.items():
        try:
            runs[side], seconds = build()
            records[side] = {"setup_seconds": round(seconds, 2)}
        except Exception as error:
            if side != "torch.compile":  # it fails without a C++ compiler, for instance, which is a result too
                raise
            records[side] = {"failure": f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"[:300]}
    return runs, records


def measure(network: Network, flags: argparse.Namespace) -> dict[str, Any]:
    """Time all sides in turns; returns the record of one network."""
    runs, records = build_sides(network, flags)
    steps = {}
    for side, run in runs.items():
        steps[side] = steps_for(run, flags.seconds)
    rounds: dict[str, list[float]] = {side: [] for side in runs}
    for _ in range(flags.rounds):
        for side, run in runs.items():
            rounds[side].append(speed(run, steps[side], network.batch))
    for side, speeds in rounds.items():
        records[side] |= {
            "steps_a_round": steps[side],
            "images_per_second": [round(s, 1) for s in speeds],
            "median": round(statistics.median(speeds), 1),
            "best": round(max(speeds), 1),
        }
    ratios = {
        f"minjax/{side}": {
            "median": round(statistics.median(a / b for a, b in zip(rounds["minjax"], rounds[side], strict=True)), 3),
            "best": round(max(rounds["minjax"]) / max(rounds[side]), 3),
        }
        for side in runs
        if side != "minjax"
    }
    return {"model": network.model, "batch": network.batch, "image": network.image, "fields": network.fields} | {
        "sides": records,
        "ratios": ratios,
    }


def prepare(flags: argparse.Namespace) -> dict[str, Any]:
    """Choose the device on both sides; returns the conditions that all records share.

    Raises:
      UserError: torch is missing, or the device is on one side only or on neither.
    """
    os.environ["JAX_PLATFORMS"] = "cpu" if flags.device == "cpu" else "cuda"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # leave PyTorch memory on the same GPU
    try:
        import torch
    except ImportError as error:
        raise UserError('the comparison needs PyTorch: pip install -e ".[bench]"') from error
    if flags.device == "gpu" and not torch.cuda.is_available():
        raise UserError("--device=gpu, but this PyTorch sees no GPU")
    import jax

    from minjax.records.record import builtins
    from minjax.tasks.provenance import provenance

    try:
        jax.devices()
    except RuntimeError as error:
        raise UserError(f"--device={flags.device}, but this JAX has no such device: {error}".splitlines()[0]) from error
    threads = torch_settings()
    conditions = builtins(provenance(" ".join(["python benchmarks/train_step.py", *sys.argv[1:]])))
    conditions["versions"]["torch"] = torch.__version__
    if flags.device == "gpu":
        conditions["torch_device"] = torch.cuda.get_device_name()
    return conditions | {
        "platform": flags.device,
        "threads": threads,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "rounds": flags.rounds,
        "seconds_a_round": flags.seconds,
        "date": datetime.date.today().isoformat(),
        "data": "synthetic",
    }


def line(name: str, record: dict[str, Any]) -> str:
    """One network's result as a line of text."""
    parts = []
    for side, result in record["sides"].items():
        parts.append(
            f"{side} {result['median']:,.0f}/s" if "median" in result else f"{side} failed ({result['failure']})"
        )
    ratios = ", ".join(f"{key} {value['median']:.2f}" for key, value in record["ratios"].items())
    return f"{name:16s} {'; '.join(parts)}; {ratios}"


def main(arguments: list[str] | None = None) -> None:
    from minjax.records import write_text

    flags = parse(arguments)
    conditions = prepare(flags)
    machine = re.sub(r"[^a-z0-9]+", "-", str(conditions["device"]).lower()).strip("-")
    path = flags.out or RECORDS / f"{machine}-{conditions['date']}.json"
    networks: dict[str, Any] = {}
    for name in flags.networks:
        networks[name] = measure(NETWORKS[name], flags)
        print(line(name, networks[name]), flush=True)
        write_text(path, json.dumps({"conditions": conditions, "networks": networks}, indent=2) + "\n")
    print(f"written: {path}")


if __name__ == "__main__":
    pages.run(main, "train_step")
