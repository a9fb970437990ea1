"""Paddings: every network in one program that is wide enough, at no more than the cost of one program each."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from minjax.studies import families
from minjax.studies.packing import Network, pack

NETWORKS = st.lists(
    st.lists(st.integers(1, 40), min_size=1, max_size=3).map(lambda sizes: Network(f"{len(sizes)}", tuple(sizes))),
    min_size=1,
    max_size=8,
)


def of(*sizes):
    return [Network("dnn", (size,)) for size in sizes]


def area(network):
    """A cost that grows with every layer."""
    return float(math.prod(network.sizes) + sum(network.sizes))


def cost(packs, compile_seconds):
    return sum(compile_seconds + len(p.networks) * area(p.program) for p in packs)


@given(networks=NETWORKS, compile_seconds=st.floats(0, 1000))
def test_every_network_is_in_one_program_that_holds_it(networks, compile_seconds):
    packs = pack(networks, area, lambda kind: compile_seconds)
    assert sorted(place for p in packs for place in p.networks) == list(range(len(networks)))
    for p in packs:
        own = [networks[place] for place in p.networks]
        assert {network.kind for network in own} == {p.program.kind}
        assert p.program.sizes == tuple(map(max, zip(*(network.sizes for network in own), strict=True)))  # no wider
    apart = sum(compile_seconds + networks.count(network) * area(network) for network in set(networks))
    assert cost(packs, compile_seconds) <= apart + 1e-6


def test_compilation_decides_how_much_is_padded():
    networks = of(10, 11, 1000)
    assert len(pack(networks, area, lambda kind: 0)) == 3
    assert [p.program for p in pack(networks, area, lambda kind: 10)] == of(11, 1000)
    assert [p.program for p in pack(networks, area, lambda kind: 1e9)] == of(1000)
    assert len(pack(networks, area, lambda kind: 0, most=1)) == 1


def test_each_kind_has_its_own_cost_of_compilation():
    networks = [Network(kind, (width,)) for kind in ("dnn", "cnn") for width in (10, 20)]
    packs = pack(networks, area, lambda kind: {"dnn": 1, "cnn": 100}[kind])
    assert [p.program for p in packs] == [Network("cnn", (20,)), Network("dnn", (10,)), Network("dnn", (20,))]


def test_the_cheapest_mergers_of_all_kinds_keep_to_the_most_programs():
    networks = [*of(10, 1000), Network("cnn", (10,)), Network("cnn", (12,))]
    packs = pack(networks, area, lambda kind: 0, most=3)
    assert [p.program for p in packs] == [Network("cnn", (12,)), *of(10, 1000)]


def test_kinds_never_share_and_no_more_than_most_programs():
    grid = [tuple(choice.overrides["model.widths"]) for choice in families.dnn()]
    networks = [Network(f"depth {len(widths)}", widths) for widths in grid]
    packs = pack(networks, area, lambda kind: 0, most=12)
    assert len(packs) == 12
    assert all(len({networks[place].kind for place in p.networks}) == 1 for p in packs)
    assert len(pack(networks, area, lambda kind: 0, most=2)) == 4  # one a depth at least
