"""What XLA makes of a training step for an H200 or a TPU v5e, compiled on a machine that has neither.

    pip install -e ".[programs]"                         # about 3 GB: compilers for CUDA and TPU, no driver needed
    python benchmarks/programs.py                        # the small networks at batch 128 in bfloat16
    python benchmarks/programs.py --targets=h200 --networks=all --batches=8,128 --dtypes=float32,bfloat16 --members=1,16
    python benchmarks/programs.py --targets=v5e,v5e-2x2 --networks=resnet18_s      # minutes for each program
    python benchmarks/programs_table.py                  # docs/programs.md from the records

Nothing runs on a device. Exact are the number of kernels, their shapes and operands, the temporary memory and the
collectives; a time is a model: the roofline (the larger of FLOPs over the device's peak and bytes over its bandwidth),
and the target's `launch` seconds for each kernel. With a device at hand XLA may choose other convolution algorithms and
tilings. A record for each program; recorded programs are skipped, so that an interrupted run continues.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / "benchmarks" / "records" / "programs"
sys.path.insert(0, str(ROOT))

IMAGES = 50_000  # of the training split
SMALL = ("resnet18_s", "vgg16_s", "vit_s", "dnn", "cnn")
NETWORKS = {
    "resnet18_s": ((32, 32, 3), {}),
    "resnet18": ((32, 32, 3), {}),
    "vgg16_s": ((32, 32, 3), {}),
    "vgg16": ((32, 32, 3), {}),
    "vit_s": ((32, 32, 3), {}),
    "vit": ((32, 32, 3), {}),
    "dnn": ((28, 28, 1), {"widths": (256, 256, 256)}),
    "cnn": ((28, 28, 1), {"channels": (32, 64), "pool": True, "batch_norm": True}),
}

# The H200's public figures (SXM, 141 GB) in the form in which XLA's compiler is told of a device.
_H200 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128 block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535 block_dim_limit_z: 65535 memory_bandwidth: 4800000000000 l2_cache_size: 52428800
  clock_rate_ghz: 1.98 device_memory_size: 151397597184 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 } registers_per_core_limit: 65536 registers_per_block_limit: 65536
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64 device_vendor: "NVIDIA Corporation"
  platform_version: "Compute Capability 9.0" device_address_bits: 64 ecc_enabled: true name: "NVIDIA H200"
  driver_version: "13.0.0" runtime_version: "12.8.0" compile_time_toolkit_version: "12.8.0" dnn_version: "9.10.0"
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 patch: 0 }
device_description_str: "NVIDIA H200"
"""


@dataclass(frozen=True)
class Target:
    """A device to compile for.

    Attributes:
        platform: JAX's name of its kind.
        topology: XLA's name of the machine.
        devices: over which a batch is spread.
        launch: seconds that launching a kernel takes in a sequence that is queued beforehand.
        bandwidth: bytes a second of its memory.
        peak: FLOPs a second of large matrix products, by type.
    """

    platform: str
    topology: str
    devices: int
    launch: float
    bandwidth: float
    peak: dict[str, float]


_H200_RATES = {"launch": 1.5e-6, "bandwidth": 4.8e12, "peak": {"bfloat16": 700e12, "float32": 350e12}}
_V5E_RATES = {"launch": 0.0, "bandwidth": 0.82e12, "peak": {"bfloat16": 197e12, "float32": 49e12}}
TARGETS = {
    "h200": Target("cuda", "1x1x1", 1, **_H200_RATES),
    "h200x4": Target("cuda", "1x1x4", 4, **_H200_RATES),
    "h200x8": Target("cuda", "1x1x8", 8, **_H200_RATES),
    "v5e": Target("tpu", "v5e:2x2", 1, **_V5E_RATES),
    "v5e-2x2": Target("tpu", "v5e:2x2", 4, **_V5E_RATES),
    "v5e-2x4": Target("tpu", "v5e:2x4", 8, **_V5E_RATES),
}


@dataclass(frozen=True)
class Cell:
    """A program to compile.

    Attributes:
        members: networks trained side by side.
        parallel: how a batch is spread over devices, "jit" or "pmap".
        plain: without vectors, as on CPU.
        form: how the members' convolutions are computed, one of `minjax.models.grouped.FORMS`.
    """

    target: str
    network: str
    batch: int
    dtype: str
    members: int
    parallel: str
    plain: bool
    form: str = "groups"

    @property
    def name(self) -> str:
        """The record's file name without its ending."""
        parts = [self.target, self.network, str(self.batch), self.dtype, str(self.members)]
        parts += [self.parallel] * (TARGETS[self.target].devices > 1) + ["plain"] * self.plain
        return "-".join(parts + [self.form] * (self.form != "groups"))


def compiled(cell: Cell) -> Any:
    """The compiled program of a part of an epoch, over abstract arrays."""
    import jax
    import jax.numpy as jnp
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from minjax import models, optim
    from minjax.models import attention, grouped
    from minjax.train import state as states
    from minjax.train.engine import AXIS
    from minjax.train.epoch import Input, Totals, run_steps
    from minjax.train.step import train_step
    from minjax.train.vectors import holding

    target = TARGETS[cell.target]
    devices = topology(target)[: target.devices]
    mesh = Mesh(devices, (AXIS,))
    shape, fields = NETWORKS[cell.network]
    pmapped = cell.parallel == "pmap" and len(devices) > 1
    model = models.build(cell.network, 10, dtype=cell.dtype, axis_name=AXIS if pmapped else None, **fields)
    optimizer = optim.build("sgdm", 0.1, weight_decay=5e-4)  # a schedule adds two kernels of scalars
    start = jax.eval_shape(lambda seed: states.init(model, optimizer, shape, seed), 0)
    inputs = Input(mean=(0.5,) * shape[2], std=(0.25,) * shape[2], augment="crop_flip", dtype=cell.dtype)
    axis_name = AXIS if pmapped else None
    step = partial(train_step, apply=model.apply, optimizer=optimizer, axis_name=axis_name)
    sharding = NamedSharding(mesh, PartitionSpec(AXIS))
    spread = len(devices) > 1 and not pmapped
    program: Any = partial(
        run_steps,
        step=step,
        inputs=inputs,
        batch_size=cell.batch,
        axis_name=axis_name,
        devices=len(devices) if pmapped else 1,
        constrain=(lambda x: jax.lax.with_sharding_constraint(x, sharding)) if spread else None,
        vectors=holding(optimizer, not cell.plain),
    )
    state, totals = start, jax.eval_shape(Totals.zero)
    if cell.members > 1:
        wide = lambda x: jax.ShapeDtypeStruct((cell.members, *x.shape), x.dtype)  # noqa: E731
        state, totals = jax.tree.map(wide, (state, totals))
        program = jax.vmap(program, in_axes=(0, 0, None, None, None, None, None))
    if pmapped:  # what `jax.pmap` compiles, over devices that are not there
        none = PartitionSpec()
        program = jax.shard_map(program, mesh=mesh, in_specs=(none,) * 7, out_specs=none, check_vma=False)
    scalar = jax.ShapeDtypeStruct((), jnp.int32)
    images, labels = (jax.ShapeDtypeStruct((IMAGES, *s), t) for s, t in ((shape, jnp.uint8), ((), jnp.int32)))
    everywhere = NamedSharding(mesh, PartitionSpec())
    arguments = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere),
        (state, totals, images, labels, scalar, scalar, scalar),
    )
    # Without a GPU, Triton's choice of tiles fails for some products ("Couldn't find output tile sizes").
    options = {"xla_gpu_enable_triton_gemm": False} if target.platform == "cuda" else {}
    capability = (9, 0) if target.platform == "cuda" else None
    with attention.compiling_for(capability), grouped.members_as(cell.form):
        return jax.jit(program, donate_argnums=(0, 1)).lower(*arguments).compile(compiler_options=options)


def topology(target: Target) -> Any:
    """The devices of a machine that is not there."""
    from jax.experimental import topologies

    if target.platform == "cuda":
        found = topologies.get_topology_desc("h200", platform="cuda", target_config=_H200, topology=target.topology)
    else:
        found = topologies.get_topology_desc(platform="tpu", topology_name=target.topology)
    return found.devices


def arithmetic(cell: Cell) -> int:
    """FLOPs of a step: a forward and two backward products of each layer with weights, two for a multiply-add."""
    import jax

    from minjax import models
    from minjax.compress import macs

    shape, fields = NETWORKS[cell.network]
    model = models.build(cell.network, 10, **fields)
    apply = partial(model.apply, train=False)
    variables = jax.eval_shape(partial(model.init, train=False), jax.random.key(0), jax.numpy.zeros((1, *shape)))
    return 6 * macs.multiply_adds(apply, variables, shape).total * cell.batch * cell.members


def measured(cell: Cell) -> dict[str, Any]:
    """Compile a program and read off what a step of it does."""
    import jax

    from benchmarks import hlo

    started = time.perf_counter()
    program = compiled(cell)
    seconds = time.perf_counter() - started
    target, text = TARGETS[cell.target], program.as_text()
    found, flops = hlo.summary(text), arithmetic(cell)
    launching = found["kernels"] * target.launch
    roofline = max(flops / target.devices / target.peak[cell.dtype], found["bytes"] / target.bandwidth)
    return {
        **asdict(cell),
        **found,
        "flops": flops,
        "temporary_bytes": program.memory_analysis().temp_size_in_bytes,
        "modelled_seconds": launching + roofline,
        "launch_share": launching / (launching + roofline),
        "roofline_seconds": roofline,
        "compile_seconds": seconds,
        "date": datetime.date.today().isoformat(),
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip(),
        "jax": jax.__version__,
    }


def cells(flags: argparse.Namespace) -> list[Cell]:
    """What the flags ask for, in order."""
    networks = list(NETWORKS) if flags.networks == ["all"] else flags.networks
    axes = (flags.targets, networks, map(int, flags.batches), flags.dtypes, map(int, flags.members), flags.parallel)
    found = []
    for target, network, batch, dtype, members, parallel in itertools.product(*map(list, axes)):
        if TARGETS[target].devices == 1 and parallel != flags.parallel[0]:
            continue
        found.append(Cell(target, network, batch, dtype, members, parallel, flags.plain, flags.form))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--targets", type=listed, default=["h200"], help=", ".join(TARGETS))
    parser.add_argument("--networks", type=listed, default=list(SMALL), help=f"all, or some of {', '.join(NETWORKS)}")
    parser.add_argument("--batches", type=listed, default=["128"])
    parser.add_argument("--dtypes", type=listed, default=["bfloat16"], help="bfloat16, float32")
    parser.add_argument("--members", type=listed, default=["1"], help="networks trained side by side")
    parser.add_argument("--parallel", type=listed, default=["jit"], help="jit, pmap: how several devices share a batch")
    parser.add_argument("--plain", action="store_true", help="states as trees of arrays, as on CPU, for comparison")
    parser.add_argument("--form", choices=("groups", "products"), default="groups", help="of members' convolutions")
    parser.add_argument("--again", action="store_true", help="compile recorded programs again")
    parser.add_argument("--out", type=Path, default=RECORDS)
    flags = parser.parse_args()
    for given, known in ((flags.targets, TARGETS), (flags.networks, [*NETWORKS, "all"])):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown: {unknown[0]!r}; known are {', '.join(known)}")
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")  # libtpu would ask a metadata server
    flags.out.mkdir(parents=True, exist_ok=True)
    from minjax.records.files import write_text

    for cell in cells(flags):
        path = flags.out / f"{cell.name}.json"
        if path.exists() and not flags.again:
            print(f"{cell.name}: recorded")
            continue
        record = measured(cell)
        write_text(path, json.dumps(record, indent=1) + "\n")
        print(
            f"{cell.name}: {record['kernels']} kernels, {record['bytes'] / 1e6:.0f} MB, "
            f"{1e6 * record['modelled_seconds']:.0f} us modelled, compiled in {record['compile_seconds']:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
