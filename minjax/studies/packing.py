"""Which networks share a compiled program: narrow ones padded to a common width, as far as that saves time.

A program costs its compilation once; a padded network costs the time of the wide one each time it is trained. The
cheapest division is found greedily: the pair of programs whose merger saves most is merged, until no merger saves
anything, and after that the cheapest mergers follow until there are no more than `most`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

Sizes = tuple[int, ...]


class Network(NamedTuple):
    """What matters about a network here.

    Attributes:
        kind: everything but its sizes, under some name; only networks of one kind can share a program.
        sizes: of its layers, as many as others of its kind have.
    """

    kind: str
    sizes: Sizes


@dataclasses.dataclass(frozen=True)
class Pack:
    """Networks that one program trains.

    Attributes:
        program: the network that the program is for, as large as any of them in each layer.
        networks: the networks' indices in what was packed.
    """

    program: Network
    networks: tuple[int, ...]


def pack(
    networks: Sequence[Network],
    seconds: Callable[[Network], float],
    compile_seconds: Callable[[str], float],
    most: int | None = None,
) -> list[Pack]:
    """Divide networks into programs.

    Args:
        networks: what is trained.
        seconds: how long training a network takes, all its seeds together.
        compile_seconds: how long compiling a program of a kind takes.
        most: the most programs to have, if there are no more kinds than that.

    Returns:
        The programs, by kind and then by size; every network is in one of them.
    """
    costs: dict[Network, float] = {}
    packs: dict[str, list[Pack]] = {}
    for network in sorted(set(networks)):
        alike = tuple(index for index, own in enumerate(networks) if own == network)
        packs.setdefault(network.kind, []).append(Pack(network, alike))

    def cost(network: Network) -> float:
        if network not in costs:
            costs[network] = seconds(network)
        return costs[network]

    def loss(a: Pack, b: Pack) -> float:
        """The time that merging them adds; it saves time below 0."""
        wide = cost(_wider(a.program, b.program))
        more = sum(len(one.networks) * (wide - cost(one.program)) for one in (a, b))
        return more - compile_seconds(a.program.kind)

    def cheapest(kind: str) -> tuple[float, Pack, Pack] | None:
        pairs = [(loss(a, b), a, b) for a, b in itertools.combinations(packs[kind], 2)]
        return min(pairs, key=lambda pair: pair[0], default=None)

    mergers = {kind: cheapest(kind) for kind in packs}
    while found := [merger for merger in mergers.values() if merger is not None]:
        least, a, b = min(found, key=lambda merger: merger[0])
        if least >= 0 and (most is None or sum(map(len, packs.values())) <= most):
            break
        kind, merged = a.program.kind, Pack(_wider(a.program, b.program), tuple(sorted(a.networks + b.networks)))
        packs[kind] = sorted([p for p in packs[kind] if p not in (a, b)] + [merged], key=lambda pack: pack.program)
        mergers[kind] = cheapest(kind)
    return [pack for alike in packs.values() for pack in alike]


def _wider(a: Network, b: Network) -> Network:
    return Network(a.kind, tuple(map(max, a.sizes, b.sizes)))
