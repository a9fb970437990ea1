"""What the parts of `benchmarks/accelerator.py` measure: the processes that it starts.

    python -m benchmarks.accelerator_work --part=NAME --side=NAME --scale=SCALE --platform=PLATFORM --out=DIRECTORY

Each line that follows `MARK` on standard output is a measurement, in JSON; a process that is killed has printed those
that were finished.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import kernels
from benchmarks.accelerator_many import curves, populations
from benchmarks.accelerator_parts import SCALES, Line, Scale, Task, attempt, augmentation, type_of
from benchmarks.processes import MARK
from benchmarks.sides import Run, Training, speed, steps_for, torch_settings, torch_side

ROOT = Path(__file__).resolve().parent.parent


def timed(run: Run, scale: Scale, batch: int) -> Line:
    """Images per second in each round, after as many steps as a round takes."""
    steps = steps_for(run, scale.seconds)
    speeds = [speed(run, steps, batch) for _ in range(scale.rounds)]
    return {
        "steps_a_round": steps,
        "images_per_second": [round(value, 1) for value in speeds],
        "median": round(statistics.median(speeds), 1),
        "best": round(max(speeds), 1),
    }


def golden(task: Task) -> Iterator[Line]:
    """Checks against recorded vectors and against float64."""
    from benchmarks import golden as networks
    from benchmarks import recorded_vectors

    yield from recorded_vectors.vectors()
    yield from networks.networks(task.scale_name)


def measure_speed(task: Task) -> Iterator[Line]:
    """Training speed of one framework."""
    network, scale = task.network, task.scale
    if task.side == "minjax":
        for dtype in ("bfloat16", "float32"):

            def ours(dtype: str = dtype) -> Line:
                training = Training(network, dtype=dtype, augment=augmentation(network), images=scale.images)
                return {"setup_seconds": round(training.seconds, 2)} | timed(training.run, scale, network.batch)

            yield attempt({"variant": dtype}, ours)
        return
    import torch

    torch_settings()
    if task.platform == "tpu":
        raise RuntimeError("PyTorch is measured on GPUs and CPUs only")
    gpu = task.platform == "gpu"
    if gpu and not torch.cuda.is_available():
        raise RuntimeError(f"PyTorch {torch.__version__} sees no GPU")
    for variant, dtype, mode in (
        ("eager float32", "float32", None),
        ("eager bfloat16", "bfloat16", None),
        ("CUDA graphs bfloat16", "bfloat16", "reduce-overhead"),
    ):
        if mode is not None and not gpu:
            yield {"variant": variant, "not_run": "CUDA graphs need a GPU"}
            continue

        def theirs(dtype: str = dtype, mode: str | None = mode) -> Line:
            run, seconds = torch_side(network, task.platform, mode=mode, dtype=dtype)
            return {"setup_seconds": round(seconds, 2)} | timed(run, scale, network.batch)

        yield attempt({"variant": variant}, theirs)


def determinism(task: Task) -> Iterator[Line]:
    """The bits after some steps, twice, and the speed; with XLA's flag where the side says so."""
    network, scale = task.network, task.scale
    dtype = type_of(network)
    training = Training(network, dtype=dtype, augment=augmentation(network), images=scale.images)
    digests = []
    for _ in range(2):
        training.restart()
        training.run(2 * training.steps)
        digests.append(training.digest())
    yield {"steps": 2 * training.steps, "dtype": dtype, "digests": digests} | timed(training.run, scale, network.batch)


def study(task: Task) -> Iterator[Line]:
    """The study of DNNs on digits by its command, with nothing compiled before."""
    workdir, cache = task.out / "study", task.out / "study-cache"
    for directory in (workdir, cache):
        shutil.rmtree(directory, ignore_errors=True)
    command = [sys.executable, "-m", "minjax.main", "--config=configs/studies/digits_dnn.py", f"--workdir={workdir}"]
    environment = {"JAX_COMPILATION_CACHE_DIR": str(cache), "MINJAX_CACHE": str(cache)}
    started = time.perf_counter()
    done = subprocess.run(
        [*command, *task.scale.study], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        last = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"the study failed: {last[-1]}")
    summary = json.loads((workdir / "study.json").read_text())
    members = len((workdir / "points.jsonl").read_text().splitlines())
    yield {"seconds": seconds, "members": members, "of_these": summary["seconds"]} | {
        key: summary[key] for key in ("device", "compilations")
    }


def profile(task: Task) -> Iterator[Line]:
    """The kernels of a step and their time, from a trace that stays in the output directory."""
    import jax

    network, scale = task.network, task.scale
    dtype = type_of(network)
    training = Training(network, dtype=dtype, augment=augmentation(network), images=scale.images)
    steps = scale.profiled
    training.run(steps)
    started = time.perf_counter()
    training.run(steps)
    wall = (time.perf_counter() - started) / steps
    trace = task.out / f"trace-{task.part.name}"
    shutil.rmtree(trace, ignore_errors=True)
    with jax.profiler.trace(str(trace)):
        training.run(steps)
    yield {"dtype": dtype, "batch": network.batch, "steps": steps, "seconds_a_step": wall, "trace": trace.name}
    yield kernels.summary(kernels.read(trace, task.platform), steps)


WORK: dict[str, Callable[[Task], Iterator[Line]]] = {
    "golden": golden,
    "speed": measure_speed,
    "determinism": determinism,
    "populations": populations,
    "study": study,
    "curves": curves,
    "profile": profile,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("part", "side", "scale", "platform"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--out", type=Path, required=True)
    flags = parser.parse_args(arguments)
    scale = SCALES[flags.scale]
    (part,) = (part for part in scale.parts if part.name == flags.part)
    task = Task(part, flags.side, scale, flags.scale, flags.platform, flags.out)
    for line in WORK[part.work](task):
        print(MARK + json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
