"""The fields of the optimizer. One left at None takes the preset's value for the named optimizer, then the
optimizer's own default; one that the named optimizer does not have must stay None.
"""

from __future__ import annotations

from dataclasses import replace

from minjax.config.field import Field, within
from minjax.config.kinds import Choice, Each, Flag, Integer, Kind, Number, OrNone

OPTIMIZERS = ("sgdm", "adam", "adabound", "amsbound")
PRESET = "optimizer.preset"


def _hyper(name: str, kind: Kind, meaning: str) -> Field:
    return Field(name, None, OrNone(kind), meaning)


HYPER = (
    _hyper("learning_rate", Number(least=0), "Learning rate before warm-up and decay."),
    _hyper("weight_decay", Number(least=0), "Weight decay."),
    _hyper("momentum", Number(least=0, below=1), "sgdm: momentum."),
    _hyper("nesterov", Flag(), "sgdm: Nesterov momentum."),
    _hyper("b1", Number(least=0, below=1), "adam, adabound, amsbound: decay of the first moment."),
    _hyper("b2", Number(least=0, below=1), "adam, adabound, amsbound: decay of the second moment."),
    _hyper("eps", Number(above=0), "adam, adabound, amsbound: what is added to the denominator."),
    _hyper("final_lr", Number(above=0), "adabound, amsbound: the learning rate that the bounds close in on."),
    _hyper("gamma", Number(least=0), "adabound, amsbound: how fast the bounds close in."),
    _hyper("decoupled", Flag(), "Apply weight decay beside the gradient (AdamW) instead of within it (L2)."),
)

OPTIMIZER = within(
    "optimizer",
    (
        Field("name", "sgdm", Choice(OPTIMIZERS), "The optimizer."),
        *HYPER,
        Field(
            "clip_norm",
            None,
            OrNone(Number(above=0)),
            "Clip gradients to this global norm; None: they are not clipped.",
        ),
        Field(
            "schedule",
            "cosine",
            Choice(("constant", "multistep", "cosine")),
            "How the learning rate falls over the run.",
        ),
        Field(
            "warmup_epochs",
            0.0,
            Number(least=0, most=1e6),
            "Epochs over which the learning rate rises linearly at the start, under any schedule.",
        ),
        Field(
            "milestones",
            (100, 150),
            Each(Integer(0)),
            "multistep: epochs after which the learning rate is multiplied by decay_factor.",
        ),
        Field("decay_factor", 0.1, Number(above=0), "multistep: the factor at each milestone."),
    ),
) + tuple(  # what a preset departs from an optimizer's defaults in, so that naming another optimizer is enough
    replace(field, meaning=f"Preset's value of optimizer.{field.name.rpartition('.')[2]} under {optimizer}.")
    for optimizer in OPTIMIZERS
    for field in within(f"{PRESET}.{optimizer}", HYPER)
)
