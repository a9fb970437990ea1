"""Which networks share a compiled program: narrow ones padded to a common width, as far as that saves time.

A program costs its compilation once; a padded network costs the time of the wide one each time it is trained. The
cheapest division is found greedily: the pair of programs whose merger saves most is merged, until no merger saves
anything, and after that the cheapest mergers follow until there are no more than `most`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

Widths = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Pack:
    """Networks that one program trains.

    Attributes:
        widths: those of the program's layers.
        networks: the networks' indices in what was packed.
    """

    widths: Widths
    networks: tuple[int, ...]


def pack(
    networks: Sequence[Widths], seconds: Callable[[Widths], float], compile_seconds: float, most: int | None = None
) -> list[Pack]:
    """Divide networks into programs; only networks of equal depth can share one.

    Args:
        networks: the widths of each network's hidden layers.
        seconds: how long training a network with these widths takes, all seeds together.
        compile_seconds: how long compiling a program takes.
        most: the most programs to have, if there are no more depths than that.

    Returns:
        The programs, by depth and then by widths; every network is in one of them, and none of its layers is wider
        than the program's.
    """
    packs = [
        Pack(widths, tuple(index for index, own in enumerate(networks) if own == widths)) for widths in set(networks)
    ]
    packs.sort(key=_order)
    costs = {widths: seconds(widths) for widths in networks}

    def cost(widths: Widths) -> float:
        if widths not in costs:
            costs[widths] = seconds(widths)
        return costs[widths]

    def loss(a: Pack, b: Pack) -> float:
        """The time that merging them adds; it saves time below 0."""
        wide = _wider(a.widths, b.widths)
        more = len(a.networks) * (cost(wide) - cost(a.widths)) + len(b.networks) * (cost(wide) - cost(b.widths))
        return more - compile_seconds

    while True:
        pairs = [(a, b) for a, b in itertools.combinations(packs, 2) if len(a.widths) == len(b.widths)]
        if not pairs:
            break
        a, b = min(pairs, key=lambda pair: loss(*pair))
        if loss(a, b) >= 0 and (most is None or len(packs) <= most):
            break
        merged = Pack(_wider(a.widths, b.widths), tuple(sorted(a.networks + b.networks)))
        packs = sorted([p for p in packs if p not in (a, b)] + [merged], key=_order)
    return packs


def _wider(a: Widths, b: Widths) -> Widths:
    return tuple(map(max, a, b))


def _order(pack: Pack) -> tuple[int, Widths]:
    return len(pack.widths), pack.widths
