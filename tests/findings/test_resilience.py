"""Redundancy, minimal bits and differences at equal size, where they are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from minjax.findings.resilience import (
    at_equal_size,
    depth_effect,
    fewest_bits,
    measured,
    minimal_bits,
    quantization_losses,
    redundancies,
    redundancy,
)
from minjax.findings.samples import samples
from tests.findings.synthetic import AMOUNTS, BITS, changed, depths, point, pruning, quantization


def test_redundancy_over_seeds():
    ends = [0.5, 0.55, 0.6, 0.55, 0.55]
    (found,) = redundancy(samples(point("a", 10, [0.95] * 5, curves=lambda i: {"pruning": pruning(ends[i])})))
    assert found.redundancy == pytest.approx(0.55)
    assert found.interval == pytest.approx([0.5, 0.6], abs=0.015)
    assert found.collapse == pytest.approx(0.75, abs=0.06)
    assert (found.seeds, found.left_out) == (5, 0)


def test_bits_in_any_order():
    curve = quantization(4)[::-1]
    (found,) = minimal_bits(samples(point("a", 10, [0.95] * 3, curves={"quantization": curve})))
    assert (found.bits, found.interval) == (4, (4, 4))


def test_what_learned_nothing_has_no_redundancy():
    flat = [[float(a), 0.1] for a in AMOUNTS]
    curves = [flat, pruning(0.5), pruning(0.5)]
    (found,) = redundancy(samples(point("a", 10, [0.1, 0.95, 0.95], curves=lambda i: {"pruning": curves[i]})))
    assert found.redundancy == pytest.approx(0.5)
    assert found.left_out == 1
    assert redundancy(samples(point("a", 10, [0.1, 0.1], curves={"pruning": flat}))) == []


def test_points_without_curves_are_not_there():
    members = [*point("a", 10, [0.9, 0.9]), *point("b", 20, [0.9, 0.9], curves={"pruning": None})]
    assert redundancy(samples(members)) == []
    assert np.isnan(redundancies(samples(members)[0])).all()


def test_loss_by_quantization():
    steps = [[bits, 0.9 if bits > 2 else 0.1] for bits in BITS]  # two of the seven of 8 bits and fewer lose all
    sample = samples(point("a", 10, [0.9, 0.9], curves={"quantization": steps}))[0]
    assert quantization_losses(sample) == pytest.approx([2 / 7] * 2)
    assert list(fewest_bits(sample)) == [3, 3]


def test_the_effect_of_depth_is_found_at_equal_size():
    found = depth_effect(depths(0.15), redundancies)
    assert found is not None
    assert found.estimate.low > 0.1
    assert found.estimate.low <= 0.15 <= found.estimate.high
    assert found.seeds == 5
    assert found.pairs == 21  # of the 24 deeper points, the largest of each depth lies beyond the shallow sizes


def test_size_is_no_effect_of_depth():
    # deeper ones are larger here, and larger ones more redundant: nothing is left at equal size
    found = depth_effect(depths(0.0), redundancies)
    assert found is not None
    assert found.estimate.low < 0 < found.estimate.high
    assert found.estimate.high - found.estimate.low < 0.06


def test_other_shapes_and_one_depth_have_no_effect_to_show():
    one = [sample for sample in depths(0.15) if sample.depth == 1]
    assert depth_effect(one, redundancies) is None
    members = [changed(m, labels={"depth": 2, "shape": "increasing"}) for s in one for m in s.members]
    others = samples([changed(m, point="x" + m.point) for m in members])
    assert depth_effect([*one, *others], redundancies) is None


def test_nothing_is_extrapolated_nor_interpolated_over_a_gap():
    found = depths(0.15, n=12)
    shallow = [sample for sample in found if sample.depth == 1]
    deep = [sample for sample in found if sample.depth == 4]
    largest = max(sample.num_params for sample in shallow[:6])
    values = measured(found, redundancies)
    some = at_equal_size(shallow[:6], deep, values)
    assert some is not None
    assert some.pairs == sum(sample.num_params <= largest for sample in deep)
    assert at_equal_size([shallow[0], shallow[-1]], deep, values) is None


def test_points_without_seeds_in_common_are_not_compared():
    found = depths(0.15)
    shallow = [sample for sample in found if sample.depth == 1]
    deep = [dataclasses.replace(one, seeds=tuple(seed + 100 for seed in one.seeds)) for one in found if one.depth != 1]
    values = measured([*shallow, *deep], redundancies)
    assert at_equal_size(shallow, deep, values) is None
