"""Claims 5 to 7: depth, redundancy, and what quantization costs."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.claims import deeper_prunes, deeper_quantizes, quantization_hurts, redundancy_reached
from minjax.findings.samples import samples
from tests.findings.claims.simulated import ALLOWED, SIMULATIONS, SIZES, accuracies, count
from tests.findings.synthetic import changed, depths, final, point, pruning, quantization


def test_deeper_is_more_resilient_to_pruning_or_less_or_not_measured():
    found = deeper_prunes(depths(0.15, bits_effect=-1.0))  # whatever the bits say
    assert (found.number, found.part, found.verdict) == (5, "pruning", "supported")
    assert found.statement == "Deeper networks are more resilient to pruning than shallower ones."
    assert found.interval[0] <= 0.15 <= found.interval[1]
    assert "digits dnn at equal size: redundancy of deeper" in found.statistic.text
    assert "digits dnn at equal width: redundancy of deeper" in found.statistic.text
    assert deeper_prunes(depths(-0.15, bits_effect=1.0)).verdict == "contradicted"
    assert deeper_prunes(samples(accuracies(np.full(16, 0.9)))).statistic.value is None


def test_deeper_is_more_resilient_to_quantization_or_less_or_not_measured():
    found = deeper_quantizes(depths(-0.15, bits_effect=1.0))
    assert (found.number, found.part, found.verdict) == (5, "quantization", "supported")
    assert found.interval[0] <= -1.0 <= found.interval[1]
    assert deeper_quantizes(depths(0.15, bits_effect=-1.5)).verdict == "contradicted"
    assert deeper_quantizes(depths(0.15, bits_effect=0.0)).verdict == "inconclusive"
    assert deeper_quantizes(samples(accuracies(np.full(16, 0.9)))).statistic.value is None


def test_equal_size_and_equal_width_may_differ():
    """Redundancy by width alone, as if depth only added parameters: at equal size deeper networks have less of it."""
    members = []
    for depth in (1, 2, 3):
        for width in range(8):
            ends = 0.2 + 0.08 * width
            labels = {"depth": depth, "shape": "equal", "width": width + 1}
            members += point(
                f"d{depth}-{width}",
                int(200 * 2**width * 1.5 ** (depth - 1)),
                [0.95] * 5,
                labels=labels,
                curves=lambda i, ends=ends: {"pruning": pruning(ends + 0.01 * i)},
            )
    found = deeper_prunes(samples(members))
    assert "digits dnn at equal size: contradicted" in found.why
    assert "digits dnn at equal width: inconclusive" in found.why


@pytest.mark.slow  # simulations
@pytest.mark.parametrize("scatter", [0.0, 0.05])
def test_false_alarms_of_depth(scatter):
    for claim in (deeper_prunes, deeper_quantizes):
        # without growth deeper networks of equal width, which are larger, have nothing more either
        found = [claim(depths(0.0, scatter=scatter, seed=seed, n=6, growth=0.0)) for seed in range(60)]
        assert sum(one.verdict == "supported" for one in found) <= 6
        assert sum(one.verdict == "contradicted" for one in found) <= 7


def redundant(true, seed=0, noise=0.05):
    rng = np.random.default_rng(seed)
    members = []
    for i, size in enumerate(SIZES):
        ends = true + noise * rng.standard_normal(5)
        members += point(f"p{i}", int(size), [0.95] * 5, curves=lambda j, e=ends: {"pruning": pruning(e[j])})
    return samples(members)


def test_redundancy_above_and_below():
    assert redundancy_reached(redundant(0.8)).verdict == "supported"
    assert redundancy_reached(redundant(0.3)).verdict == "contradicted"
    assert redundancy_reached(samples(accuracies(np.full(16, 0.9)))).statistic.value is None


def test_what_learned_little_has_no_redundancy_to_show():
    """At 30 % accuracy everything can be pruned, and a family that never gets farther is judged by its best."""
    poor = [
        one for n in range(4) for one in point(f"poor{n}", 50 + n, [0.3] * 5, curves={"pruning": pruning(0.9, 0.3)})
    ]
    good = [one for sample in redundant(0.3) for one in sample.members]
    found = redundancy_reached(samples([*poor, *good]))
    assert found.verdict == "contradicted"
    assert "which is 95.0 % accurate, among 16 networks that learned" in found.statistic.text
    alone = redundancy_reached(samples(poor))
    assert alone.verdict == "supported"
    assert "that of poor" in alone.statistic.text
    near = [changed(one, name=one.name.replace("poor", "near"), point="n" + one.point,
                    final=final(0.54, 0.54)) for one in poor]  # fmt: skip
    assert redundancy_reached(samples([*near, *good])).verdict == "contradicted"
    above = [changed(one, final=final(0.56, 0.56)) for one in near]
    assert redundancy_reached(samples([*above, *good])).verdict == "supported"


def test_false_alarms_of_the_largest_of_many():
    # all sixteen just below: the largest mean is above in nearly every study
    studies = [redundancy_reached(redundant(0.615, seed)) for seed in range(SIMULATIONS)]  # 0.59 after rounding down
    assert sum(one.statistic.value >= 0.6 for one in studies) > SIMULATIONS / 2
    assert sum(one.verdict == "supported" for one in studies) <= ALLOWED


def quantized(slope, harder, seed=0, sets=3, accuracies=(0.95, 0.8, 0.65)):
    """Bits needed fall by `slope` a decade; each harder set, lower in accuracy, needs `harder` more."""
    rng = np.random.default_rng(seed)
    members = []
    for name, accuracy, steps in zip(("easy", "fair", "hard")[:sets], accuracies, range(3), strict=False):
        for size in SIZES:
            own = 4 - slope * np.log10(size / 3000) + steps * harder
            own = own + 0.2 * rng.standard_normal(5) + 0.2 * rng.standard_normal()
            members += point(
                f"{name}{size}",
                int(size),
                [accuracy] * 5,
                dataset=name,
                curves=lambda i, own=own, accuracy=accuracy: {"quantization": quantization(own[i], accuracy)},
            )
    return samples(members)


def test_small_and_hard_lose_more_or_not():
    assert quantization_hurts(quantized(1.0, 0.7)).verdict == "supported"
    assert quantization_hurts(quantized(-1.0, 0.7)).verdict == "contradicted"
    assert quantization_hurts(quantized(1.0, -0.7)).verdict == "contradicted"
    assert quantization_hurts(samples(accuracies(np.full(16, 0.9)))).statistic.value is None


@pytest.mark.parametrize("sets", [1, 2])
def test_fewer_than_three_data_sets_cannot_say_that_harder_ones_lose_more(sets):
    found = quantization_hurts(quantized(1.0, -1.0, sets=sets))
    assert (found.verdict, found.interval[1] < 0) == ("inconclusive", True)
    assert "it takes 3 data sets" in found.why
    against = quantization_hurts(quantized(-1.0, 0.0, sets=sets))
    assert against.verdict == "inconclusive"
    assert "certainly the other way round: easy dnn" in against.why


def test_harder_is_where_the_best_network_found_is_less_accurate():
    """Of any family: the transformers are worse on the set that is easier for the others."""
    turned = [one for sample in quantized(1.0, -0.7, accuracies=(0.65, 0.8, 0.95)) for one in sample.members]
    best = [
        changed(one, family="vit", point="v" + one.point, num_params=10**7 + one.seed, curves=None, final=final(a, a))
        for one in turned
        for a in [{"easy": 0.99, "fair": 0.97, "hard": 0.95}[one.dataset]]
    ]
    alone = quantization_hurts(samples(turned))
    assert (alone.verdict, "easy minus fair, dnn" in alone.statistic.text) == ("supported", True)
    best = [changed(one, num_params=10**7) for one in best if one.point in ("veasy100", "vfair100", "vhard100")]
    found = quantization_hurts(samples([*turned, *best]))
    assert (found.verdict, "fair minus easy, dnn" in found.statistic.text) == ("contradicted", True)


def test_data_sets_that_are_equally_hard_are_not_compared():
    found = quantization_hurts(quantized(1.0, 0.7, accuracies=(0.95, 0.95, 0.95)))
    assert (found.verdict, "no family has similar sizes" in found.why) == ("inconclusive", True)


@pytest.mark.slow  # simulations
def test_false_alarms_of_quantization():
    found = [quantization_hurts(quantized(1.0, 0.0, seed)).verdict for seed in range(SIMULATIONS)]
    assert found.count("supported") <= ALLOWED
    assert found.count("contradicted") <= ALLOWED
    assert count("supported", quantization_hurts, lambda seed: quantized(0.0, 0.0, seed)) <= 2
