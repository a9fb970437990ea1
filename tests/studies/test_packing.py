"""Paddings: every network in one program that is wide enough, at no more than the cost of one program each."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from minjax.studies import families
from minjax.studies.packing import pack

WIDTHS = st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple), min_size=1, max_size=8)


def area(widths):
    """A cost that grows with every layer."""
    return float(math.prod(widths) + sum(widths))


def cost(packs, compile_seconds):
    return sum(compile_seconds + len(p.networks) * area(p.widths) for p in packs)


@given(networks=WIDTHS, compile_seconds=st.floats(0, 1000))
def test_every_network_is_in_one_program_that_holds_it(networks, compile_seconds):
    packs = pack(networks, area, compile_seconds)
    assert sorted(place for p in packs for place in p.networks) == list(range(len(networks)))
    for p in packs:
        own = [networks[place] for place in p.networks]
        assert p.widths == tuple(map(max, zip(*own, strict=True)))  # and no wider than need be
    apart = sum(compile_seconds + networks.count(w) * area(w) for w in set(networks))
    assert cost(packs, compile_seconds) <= apart + 1e-6


def test_compilation_decides_how_much_is_padded():
    networks = [(10,), (11,), (1000,)]
    assert len(pack(networks, area, 0)) == 3
    assert [p.widths for p in pack(networks, area, 10)] == [(11,), (1000,)]
    assert [p.widths for p in pack(networks, area, 1e9)] == [(1000,)]
    assert len(pack(networks, area, 0, most=1)) == 1


def test_depths_never_share_and_no_more_than_most_programs():
    networks = [tuple(choice.overrides["model.widths"]) for choice in families.dnn()]
    packs = pack(networks, area, 0, most=12)
    assert len(packs) == 12
    assert all(len({len(networks[place]) for place in p.networks}) == 1 for p in packs)
    assert len(pack(networks, area, 0, most=2)) == 4  # one a depth at least
