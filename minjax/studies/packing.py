"""Which networks share a compiled program: narrow ones padded to a common width, as far as that saves time.

A program costs its compilation once, a padded network costs the time of the wide one each time it is trained. The
cheapest division is looked for greedily: of all pairs of programs the one is merged that saves most, until none saves
anything; and beyond that, the cheapest merges, until there are no more than `most`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

Widths = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Pack:
    """Networks that are trained by one program.

    Attributes:
        widths: of the program's layers.
        networks: places of the networks in what was packed.
    """

    widths: Widths
    networks: tuple[int, ...]


def pack(
    networks: Sequence[Widths], seconds: Callable[[Widths], float], compile_seconds: float, most: int | None = None
) -> list[Pack]:
    """Divide networks into programs; only those with as many layers can share one.

    Args:
        networks: the widths of each network's hidden layers.
        seconds: what training a network with these widths takes, all seeds together.
        compile_seconds: of a program.
        most: no more programs than that, if there are as few depths.

    Returns:
        The programs, by depth and then by their widths; every network is in one of them, and no layer of it is wider
        than the program's.
    """
    packs = [
        Pack(widths, tuple(place for place, own in enumerate(networks) if own == widths)) for widths in set(networks)
    ]
    packs.sort(key=_order)
    costs = {widths: seconds(widths) for widths in networks}

    def cost(widths: Widths) -> float:
        if widths not in costs:
            costs[widths] = seconds(widths)
        return costs[widths]

    def loss(a: Pack, b: Pack) -> float:
        """What merging them adds to the time; less than 0 saves."""
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
