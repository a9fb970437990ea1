"""The minimal size on curves where it is known, and how often its interval holds it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from minjax.findings import minimal as sizes
from minjax.findings.coverage import SHAPES, coverage
from minjax.findings.minimal import isotonic, locate
from minjax.findings.samples import LIMITS, samples
from tests.findings.synthetic import point

SIZES = [10, 20, 40, 80, 160, 320, 640, 1280]
MEANS = [0.3, 0.5, 0.8, 0.93, 0.95, 0.95, 0.95, 0.95]
NOISE = np.array([-0.002, -0.001, 0.0, 0.001, 0.002])


def minimal(members):
    return sizes.minimal(samples(members))


def study(means=MEANS, sizes=SIZES, noise=1.0, **fields):
    return [
        one
        for size, mean in zip(sizes, means, strict=True)
        for one in point(f"p{size}", size, mean + noise * NOISE, **fields)
    ]


def test_the_first_size_that_reaches_the_top_less_the_tolerance():
    found = minimal(study())
    assert (found.num_params, found.interval, found.grid) == (160, (160, 160), SIZES)
    assert found.target == pytest.approx(0.94)
    assert found.accuracy == pytest.approx(0.95)
    assert found.seeds == 5
    assert found.below is not None
    assert found.below.num_params == 80
    assert found.below.why == "its fitted accuracy, 93.00 %, is below the target of 94.00 %"
    assert found.notes == ()


def test_one_low_mean_among_the_large_does_not_move_it():
    means = [*MEANS[:6], 0.938, 0.952]
    assert minimal(study(means)).num_params == 160


def test_seeds_that_disagree_do_not_qualify():
    members = [one for one in study() if one.num_params != 160]
    members += point("wild", 160, [0.99, 0.99, 0.99, 0.99, 0.79])
    found = minimal(members)
    assert found.num_params == 320
    assert found.below is not None
    assert found.below.why == "its standard deviation over seeds, 8.94 %, is above 2.00 %"


def test_no_stable_size_is_no_answer_with_a_reason():
    found = minimal(study(noise=20.0))
    assert (found.num_params, found.interval) == (None, None)
    assert "at no size is the standard deviation over seeds at most 2.00 %" in found.reason


def test_chance_is_not_learning():
    found = minimal(study(np.full(8, 0.1)))
    assert found.num_params is None
    assert "nothing learns" in found.reason


def test_too_few_seeds_or_sizes_is_no_answer_with_a_reason():
    few = [one for one in study() if one.seed < 4]
    assert "at least 5 seeds" in minimal(few).reason
    assert "3 sizes" in minimal(study(MEANS[:3], SIZES[:3])).reason


def test_only_equal_shapes_count():
    other = point("bottleneck", 30, 0.95 + NOISE, fields={"widths": [9, 3]})
    assert minimal([*study(fields={"widths": [5, 5]}), *other]).grid == SIZES


def test_the_ends_of_the_grid_are_told():
    flat = minimal(study(np.full(8, 0.95)))
    assert (flat.num_params, flat.below) == (10, None)
    assert "may be smaller" in flat.notes[0]
    rising = minimal(study(np.linspace(0.3, 0.9, 8)))
    assert any("largest quarter" in note for note in rising.notes)


def test_the_same_records_in_any_order_give_the_same_answer():
    rng = np.random.default_rng(0)
    members = study(MEANS + 0.01 * rng.standard_normal(8), noise=5.0)
    shuffled = [members[i] for i in rng.permutation(len(members))]
    assert minimal(members) == minimal(shuffled)


def test_two_families_are_two_questions():
    with pytest.raises(ValueError, match="one family"):
        minimal([*study(), *point("c", 10, [0.9] * 5, family="cnn")])


def test_the_fit_is_isotonic_and_reaches_its_level_where_locate_says():
    rng = np.random.default_rng(2)
    for _ in range(100):
        n = int(rng.integers(4, 30))
        means, counts = np.sort(rng.random(n)) + 0.3 * rng.standard_normal(n), rng.integers(5, 9, n)
        fit = isotonic(means, counts)
        np.testing.assert_allclose(fit, isotonic_regression(means, sample_weight=counts), atol=1e-12)
        found = locate(means, np.zeros(n), counts, LIMITS, replicates=10)
        assert found.index == np.argmax(fit >= found.target)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sizes", [12, 40, 120])
@pytest.mark.parametrize("noise", [0.003, 0.015])
def test_the_interval_holds_the_true_size(shape, sizes, noise):
    # 200 simulations of each, at every noise and with 1000 replicates: `python benchmarks/coverage.py`
    found = coverage(shape, sizes, noise, simulations=100, replicates=400)
    assert found.covered >= 0.9
    assert found.width <= 1.2  # decades; an interval of the whole grid would hold the truth too


def test_it_holds_where_small_networks_fail_for_some_seeds():
    found = coverage("logistic", 40, 0.007, dying=0.1, simulations=100, replicates=400)
    assert found.covered >= 0.9
    assert found.width <= 0.5
