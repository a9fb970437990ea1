"""Pruning methods: how a unit is scored, what a unit is, and among which units the smallest are pruned."""

from __future__ import annotations

import dataclasses
import re

from minjax.errors import UserError, unknown

SCORES = ("magnitude", "random")
UNITS = ("weight", "channel")
SELECTIONS = ("layer", "global", "channel")


@dataclasses.dataclass(frozen=True)
class Method:
    """A way of choosing what to prune: the units with the smallest scores go first, equal ones by index.

    Attributes:
        score: "magnitude" (|w| of a weight, the norm of a channel's weights) or "random".
        unit: "weight", or "channel": all weights that read one input of a kernel or make one output.
        norm: the norm that scores a channel: 1, 2 or infinity (`float("inf")`).
        selection: what the fraction is taken of: "layer": each leaf; "global": all leaves together, where channels of
            different layers, which differ in size, are compared by the mean of |w|**norm over their weights;
            "channel": the weights of each output channel of each leaf.
        group: (N, M): keep the N largest of every M consecutive inputs of an output (Mishra et al. 2021); or None.
    """

    score: str = "magnitude"
    unit: str = "weight"
    norm: float = 1.0
    selection: str = "layer"
    group: tuple[int, int] | None = None

    def __post_init__(self):
        for field, known in (("score", SCORES), ("unit", UNITS), ("selection", SELECTIONS)):
            if getattr(self, field) not in known:
                raise unknown(f"pruning {field}", getattr(self, field), known)
        if self.norm not in (1, 2, float("inf")):
            raise UserError(f"the norm of a channel must be 1, 2 or inf, not {self.norm!r}")
        if self.unit == "channel" and self.selection == "channel":
            raise UserError("channels can be selected within a layer or globally, not within a channel")


METHODS: dict[str, Method] = {
    "random": Method("random"),
    "random_structured": Method("random", "channel"),
    "l1": Method(),
    "l1_structured": Method(unit="channel"),
    "l2_structured": Method(unit="channel", norm=2),
    "linf_structured": Method(unit="channel", norm=float("inf")),
    "l1_per_channel": Method(selection="channel"),
    "global_l1": Method(selection="global"),
    "global_random": Method("random", selection="global"),
    "global_l1_structured": Method(unit="channel", selection="global"),
}
_GROUP = re.compile(r"(\d+):(\d+)")


def method(name: str | Method) -> Method:
    """The method with a name in `METHODS`, or "N:M" such as "2:4".

    Raises:
        UserError: an unknown name, or N:M with N outside 1 to M.
    """
    if isinstance(name, Method):
        return name
    if match := _GROUP.fullmatch(name):
        keep, of = int(match[1]), int(match[2])
        if not 1 <= keep <= of:
            raise UserError(f"pruning method {name!r} keeps {keep} of every {of}: N must be from 1 to M")
        return Method(group=(keep, of))
    if name not in METHODS:
        raise unknown("pruning method", name, [*METHODS, "N:M (such as 2:4)"])
    return METHODS[name]
