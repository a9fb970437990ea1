"""The fields of a run itself: what is done, for how long, how and where."""

from __future__ import annotations

from minjax.config.field import Field, Role, within
from minjax.config.kinds import Choice, Flag, Integer, Number, OrNone, Text

TASKS = ("train", "compress", "study", "tables", "report", "export", "predict")
DTYPES = ("float32", "bfloat16", "float64")
PARALLEL = ("auto", "jit", "pmap")
_HOW, _WHERE = Role.HOW, Role.WHERE

RUN = (
    Field("task", "train", Choice(TASKS), "What is done.", Role.TASK),
    Field(
        "name",
        "",
        Text(),
        "Name of the run; empty: the preset file's. The default work directory is called after it.",
        Role.NAME,
    ),
    Field(
        "seed", 42, Integer(0), "Seed of the initialization, the order of images, augmentation and dropout.", Role.SEED
    ),
    Field("epochs", 100, Integer(1), "Passes over the training images."),
    Field("batch_size", 128, Integer(1), "Images per step, over all devices together."),
    Field(
        "drop_last",
        True,
        Flag(),
        "Drop the incomplete last batch of each epoch; False works on one device only.",
        no_axis="all members of a study take whole batches",
    ),
    Field(
        "dtype",
        "float32",
        Choice(DTYPES),
        "Type of the computation. Parameters stay float32, except under float64, which is for tests and needs "
        "JAX_ENABLE_X64=1.",
    ),
    Field(
        "parallel",
        "auto",
        Choice(PARALLEL),
        "jit (which auto stands for) splits each batch over the devices and gives the result of one device; pmap gives "
        "each device its part and averages gradients and metrics explicitly.",
        _HOW,
    ),
    Field("devices", None, OrNone(Integer(1)), "Devices that each process uses; None: all.", _HOW),
    # False trains another network: the statistics are noisier, as if the batch were that much smaller. The running
    # statistics that are evaluated and saved are the mean over the devices. True is what jit does in any case.
    Field(
        "sync_batch_norm",
        True,
        Flag(),
        "Batch norm takes its statistics over the whole batch, as on one device. False, with pmap only: each device "
        "normalizes by its own part, which saves a collective per layer.",
        neutral=True,
        no_axis="a study spreads its members over the devices itself",
    ),
    Field(
        "checkpoint_every",
        5,
        Integer(1),
        "Epochs between checkpoints; one is also written at the end and on SIGTERM or Ctrl-C.",
        _HOW,
    ),
    Field(
        "early_stop",
        0,
        Integer(0),
        "Epochs without a better validation accuracy after which the run ends; 0: never.",
        no_axis="all members of a study are trained for all their epochs",
    ),
    Field(
        "steps_per_call",
        None,
        OrNone(Integer(1)),
        "Steps dispatched to the device at once; None: as many as take about three seconds.",
        _HOW,
    ),
    Field(
        "tensorboard",
        True,
        Flag(),
        "Write TensorBoard events; needs TensorFlow, which is imported while training runs.",
        _HOW,
    ),
    # Science, because a GPU gives other last bits with it: a run that was resumed with another value would be neither.
    Field(
        "deterministic",
        False,
        Flag(),
        "Give the same bits in every run on a GPU too, at some cost in speed; a CPU always does.",
        no_axis="it is set once for the whole process",
    ),
    Field(
        "run",
        "",
        Text("a run directory; for reports several, separated by commas, and globs"),
        "compress: the finished run whose network is compressed; empty: train one first. export, predict: the run or "
        "packed file whose network is used. report: what to report on.",
        _WHERE,
    ),
)

# Several processes for one training (launch/README.md), each with the same number of devices. All are started with the
# same command except for `process`. Only the first writes, so only the first needs the work directory.
DISTRIBUTED = within(
    "distributed",
    (
        Field(
            "auto", False, Flag(), "Find the other processes through the cluster: Slurm, TPU, Kubernetes or Open MPI."
        ),
        Field("coordinator", "", Text("host:port"), "Address of the first process, with a port that is free there."),
        Field("processes", None, OrNone(Integer(1)), "Number of processes."),
        Field("process", None, OrNone(Integer(0)), "Number of this process, from 0."),
        Field("timeout", 60, Integer(1), "Seconds that the processes wait for one another at the start."),
        Field(
            "lost_after", 60, Integer(1), "Seconds without a sign of life after which a process is given up as lost."
        ),
    ),
    role=Role.WHERE,
)

# Where the parts of a task that trains many networks are trained (study, tables).
EXECUTION = (
    Field(
        "executor",
        "local",
        Choice(("local", "ray")),
        "Where the networks are trained: in this process, or as tasks of a Ray cluster (pip install 'minjax[ray]').",
        _WHERE,
    ),
    Field("workers", None, OrNone(Integer(1, 4096)), "ray, on this machine: CPUs of the cluster; None: all.", _WHERE),
    Field(
        "ray_address",
        "",
        Text("an address, or auto"),
        "ray: a running cluster; empty: one is started on this machine.",
        _WHERE,
    ),
    Field("cpus_per_task", 1.0, Number(least=0), "ray: CPUs of each task.", _WHERE),
    Field("gpus_per_task", 0.0, Number(least=0), "ray: GPUs of each task; a fraction suits small networks.", _WHERE),
)
