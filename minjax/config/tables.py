"""The fields of a set of runs: networks x optimizers x data sets x seeds, each a run of its own (task=tables)."""

from __future__ import annotations

from minjax.config.field import Field, Role, within
from minjax.config.kinds import Choice, Each, Flag, Integer, Number, OrNone, Text
from minjax.config.optimizer import OPTIMIZERS
from minjax.config.run import EXECUTION

_HOW = Role.HOW

# The first four may change from command to command, because a run depends on none of the others: a table grows.
TABLES = within(
    "tables",
    (
        Field(
            "networks",
            ("resnet18_s",),
            Each(Text("a preset"), fewest=1),
            "Presets, each of a network with its settings: paper/vit_s is the paper's, vit_s the recommended one.",
            _HOW,
        ),
        Field(
            "optimizers",
            ("sgdm", "adam", "adabound"),
            Each(Choice(OPTIMIZERS), fewest=1),
            "Optimizers of each network, with the preset's settings for it or their own.",
            _HOW,
        ),
        Field(
            "datasets",
            ("cifar10", "cifar100"),
            Each(Text("digits, the name of a TFDS set, or label=folder"), fewest=1),
            "Data sets: digits, a TFDS name, or label=folder, such as CIFAR-10=my-cifar10.",
            _HOW,
        ),
        Field("seeds", 1, Integer(1, 10_000), "Seeds of each: seed, seed + 1, and so on.", _HOW),
        # The two ways give the same numbers but for their last bits, and every record says which it was.
        Field(
            "together",
            None,
            OrNone(Flag()),
            "Train the seeds of a network side by side in one program (vmap) or one after the other; None: side by "
            "side on accelerators, and on CPUs if the network is fully connected.",
            _HOW,
        ),
        Field(
            "budget_minutes",
            None,
            OrNone(Number(above=0)),
            "Minutes after which the table stops, those of earlier commands included; None: when all is trained.",
            _HOW,
        ),
        *EXECUTION,
        Field("dry_run", False, Flag(), "List the runs, their steps and the predicted time, and stop.", _HOW),
    ),
)
