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
import math
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pages
from networks import NETWORKS, Network

from minjax.errors import UserError, unknown

RECORDS = Path(__file__).parent / "records"
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 1e-3
Run = Callable[[int], None]  # takes this many steps and returns when the device has finished them


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


def minjax_side(network: Network) -> tuple[Run, float]:
    """Compile minjax's training program for synthetic data; returns it and the seconds that took."""
    import jax
    import numpy as np

    from minjax import models, optim
    from minjax.data import Split
    from minjax.train import state as train_state
    from minjax.train.engine import Engine
    from minjax.train.epoch import Input, Totals

    started = time.perf_counter()
    height, width, channels = network.image
    steps = max(4, min(256, 50_000_000 // (network.batch * height * width * channels)))  # images in an epoch: 50 MB
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (steps * network.batch, *network.image), dtype=np.uint8)
    labels = draw.integers(0, 10, len(images), dtype=np.int32)
    model = models.build(network.model, 10, **network.fields)
    optimizer = optim.build("sgdm", LEARNING_RATE, weight_decay=WEIGHT_DECAY, momentum=MOMENTUM)
    inputs = Input(mean=(0.5,) * channels, std=(0.25,) * channels)
    engine = Engine(model, optimizer, Split(images, labels), inputs, batch_size=network.batch)
    state = engine.place(train_state.init(model, optimizer, network.image, 0))
    carry = [state, engine.place(Totals.zero())]

    def run(count: int) -> None:
        while count > 0:
            now = min(count, steps)
            carry[:] = engine.run(*carry, 1, 0, now)
            count -= now
        jax.block_until_ready(carry)

    run(1)
    return run, time.perf_counter() - started


def torch_side(network: Network, device: str, compiled: bool) -> tuple[Run, float]:
    """Warm up PyTorch's training loop on synthetic data; returns it and the seconds that took."""
    import torch
    import torch_models

    started = time.perf_counter()
    torch.manual_seed(0)
    place = "cuda" if device == "gpu" else "cpu"
    layout = torch.channels_last
    model: Any = network.torch(torch_models).to(place, memory_format=layout)
    check_parameters(network, sum(p.numel() for p in model.parameters()))
    height, width, channels = network.image
    images = [
        torch.randn(network.batch, channels, height, width, device=place).to(memory_format=layout) for _ in range(4)
    ]
    labels = [torch.randint(0, 10, (network.batch,), device=place) for _ in range(4)]
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, fused=True)
    if compiled:
        model = torch.compile(model)

    def run(count: int) -> None:
        for i in range(count):
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(images[i % 4]), labels[i % 4]).backward()
            optimizer.step()
        if place == "cuda":
            torch.cuda.synchronize()

    run(2)
    return run, time.perf_counter() - started


def check_parameters(network: Network, count: int) -> None:
    """Check that both sides are the same network.

    Raises:
      UserError: the parameter counts differ.
    """
    import jax

    from minjax import models

    model = models.build(network.model, 10, **network.fields)
    images = jax.ShapeDtypeStruct((1, *network.image), "float32")
    shapes = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), images)["params"]
    ours = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    if ours != count:
        raise UserError(f"{network.model} has {ours} parameters in minjax and {count} in PyTorch: not the same network")


def build_sides(network: Network, flags: argparse.Namespace) -> tuple[dict[str, Run], dict[str, dict[str, Any]]]:
    """The sides that run, and the beginning of the record of every side, including those that failed."""
    builders: dict[str, Callable[[], tuple[Run, float]]] = {
        "minjax": lambda: minjax_side(network),
        "torch": lambda: torch_side(network, flags.device, compiled=False),
    }
    if not flags.no_compile:
        builders["torch.compile"] = lambda: torch_side(network, flags.device, compiled=True)
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


def steps_for(run: Run, seconds: float) -> int:
    """How many steps take about `seconds`; tries more and more of them, so that one-off costs weigh little."""
    count = 1
    while True:
        started = time.perf_counter()
        run(count)
        spent = time.perf_counter() - started
        if spent > seconds / 4:
            return max(1, round(seconds * count / spent))
        count *= 4


def measure(network: Network, flags: argparse.Namespace) -> dict[str, Any]:
    """Time all sides in turns; returns the record of one network."""
    runs, records = build_sides(network, flags)
    steps = {}
    for side, run in runs.items():
        steps[side] = steps_for(run, flags.seconds)
    rounds: dict[str, list[float]] = {side: [] for side in runs}
    for _ in range(flags.rounds):
        for side, run in runs.items():
            started = time.perf_counter()
            run(steps[side])
            rounds[side].append(steps[side] * network.batch / (time.perf_counter() - started))
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
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")  # TF32 on a GPU, as in JAX
    torch.backends.cudnn.benchmark = True
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
