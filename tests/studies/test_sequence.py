"""What a study trains next: a function of the records, the same however often it was interrupted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from minjax.studies.points import Point
from minjax.studies.sequence import guess_of, stage
from tests.findings.synthetic import changed, final, member

SEEDS = [0, 1, 2, 3, 4]
SIZES = [100 * 2**k for k in range(12)]
MINIMAL = SIZES[6]


def grid(sizes=SIZES, family="dnn"):
    return [
        Point(f"{family}{size:06d}", f"{family}-1-equal-{size}", family, {"widths": [size]},
              {"depth": 1, "shape": "equal", "width": size}, size, {"model.widths": [size]}, {})
        for size in sizes
    ]  # fmt: skip


def accuracy(size, seed):
    """A curve that rises up to the minimal size."""
    draw = np.random.default_rng([size, seed])
    return 0.95 - 0.08 * max(0.0, np.log2(MINIMAL / size)) + 0.002 * draw.standard_normal()


def trained(points, seeds=SEEDS):
    return [
        member(p.id, p.num_params, s, accuracy(p.num_params, s), family=p.family, labels=p.labels, fields=p.fields)
        for p in points
        for s in seeds
    ]


def play(points, **how):
    """The stages of a whole study, each recorded before the next is asked for."""
    records, stages = [], []
    while (now := stage(points, records, SEEDS, **how)) is not None:
        stages.append((now.name, [p.num_params for p in now.points]))
        records += trained(now.points)
    return stages, records


def test_coarse_then_refinement_then_rest():
    stages, records = play(grid(), every=3)
    assert stages[0] == ("coarse", [100, 800, 6400, 51200, SIZES[-1]])
    assert {name for name, _ in stages[1:-1]} == {"refinement"}
    assert stages[-1][0] == "rest"
    assert sorted(r.num_params for r in records) == sorted(SIZES * 5)


def test_knee_asks_for_less_and_finds_the_same():
    whole, everything = play(grid(), every=3)
    stages, records = play(grid(), every=3, extent="knee")
    assert stages == whole[:-1]
    assert guess_of(records) == guess_of(everything) == MINIMAL
    around = SIZES.index(MINIMAL)
    assert {SIZES[around - 1], SIZES[around + 1]} <= {r.num_params for r in records}


@pytest.mark.parametrize("cut", [1, 7, 24, 26, 33, 38])
def test_an_interruption_changes_nothing(cut):
    """Members arrive one by one; after any of them what is asked for next is what would have been."""
    points = grid()
    _, records = play(points, every=3, extent="knee")
    known = records[:cut]
    while (now := stage(points, known, SEEDS, every=3, extent="knee")) is not None:
        known = known + trained(now.points[:1])  # a part of what is asked for: as much as a killed run may have done
        unique = {(r.point, r.seed): r for r in known}
        known = list(unique.values())
    assert {(r.point, r.seed) for r in known} == {(r.point, r.seed) for r in records}


def test_a_point_with_a_seed_missing_is_asked_for_again():
    points = grid()
    _, records = play(points)
    now = stage(points, records[:-1], SEEDS)
    assert now is not None
    assert [p.id for p in now.points] == [records[-1].point]
    assert stage(points, records, [*SEEDS, 5]) is not None  # other seeds are another study's


def test_families_are_refined_apart():
    points = grid() + grid(family="cnn")
    _stages, records = play(points, every=3, extent="knee")
    per_family = {f: {r.num_params for r in records if r.family == f} for f in ("dnn", "cnn")}
    assert per_family["dnn"] == per_family["cnn"]


def test_where_nothing_qualifies_the_largest_sizes_are_asked_for():
    noisy = [changed(r, final=final(0.5 + 0.1 * r.seed, 0.5)) for r in trained(grid())]
    assert guess_of(noisy) == -1
    coarse = stage(grid(), [], SEEDS, every=4)
    assert coarse is not None
    few = [r for r in noisy if r.num_params in {p.num_params for p in coarse.points}]
    now = stage(grid(), few, SEEDS, every=4)
    assert now is not None
    assert now.name == "refinement"
    assert now.points[0].num_params > SIZES[7]


def test_failed_members_count_as_done():
    points = grid()
    records = [changed(r, status="failed", final=None) if r.num_params == 100 else r for r in trained(points)]
    assert stage(points, records, SEEDS) is None


def test_points_without_widths_and_depth():
    points = [dataclasses.replace(p, fields={}, labels={"rate": i}) for i, p in enumerate(grid())]
    assert play(points)[0][-1][0] in ("rest", "refinement")
