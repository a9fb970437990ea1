"""The seven claims on studies whose answers are known, and how often each is supported where it is not true.

The false alarms are counted over simulated studies at the null (or at the margin, where a claim has one); 5 of 100
and what chance adds to it are allowed: 9 of 80 and more have a probability of 2 % at 5 %.
"""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.claims import (
    at_their_best,
    claims,
    deeper_prunes,
    deeper_quantizes,
    distinct_phases,
    invariance,
    minimal_exists,
    quantization_hurts,
    redundancy_reached,
    three_regimes,
)
from minjax.findings.samples import samples
from tests.findings.synthetic import (
    AMOUNTS,
    changed,
    curves,
    depths,
    final,
    history,
    member,
    point,
    pruning,
    quantization,
)

SIMULATIONS = 80
ALLOWED = 8
SIZES = np.geomspace(100, 100_000, 16).astype(int)
FALLING = history(np.exp(-np.arange(30) / 3), np.ones(30))
LINEAR = history(np.linspace(2, 1, 30), np.ones(30))


def count(verdict, claim, study):
    """In how many simulated studies a claim gets a verdict."""
    return sum(claim(study(seed)).verdict == verdict for seed in range(SIMULATIONS))


def accuracies(means, rng=None, noise=0.003, sizes=SIZES, **fields):
    rng = rng or np.random.default_rng(0)
    members = []
    for size, mean in zip(sizes, means, strict=True):
        values = mean + noise * rng.standard_normal(5)
        members += point(f"{fields.get('family', 'dnn')}{fields.get('dataset', '')}{size}", int(size), values, **fields)
    return members


# 1


def families(offset, seed=0, scatter=0.01):
    rng = np.random.default_rng(seed)
    means = 0.9 + scatter * rng.standard_normal((2, len(SIZES)))
    return samples([*accuracies(means[0], rng), *accuracies(means[1] - offset, rng, family="cnn")])


def test_families_alike_and_not():
    assert invariance(families(0.01)).verdict == "supported"
    found = invariance(families(0.15))
    assert found.verdict == "contradicted"
    assert found.interval[0] <= 0.15 <= found.interval[1]


def sweep(offset, seed=0, scatter=0.01, **more):
    """One family in two shapes at each size, the second less accurate by `offset`."""
    rng = np.random.default_rng(seed)
    members = []
    for shape, below in (("equal", 0.0), ("increasing", offset)):
        for width, size in enumerate(SIZES):
            mean = 0.9 - below + scatter * rng.standard_normal()
            labels = {"depth": 2, "shape": shape, "width": width}
            values = mean + 0.003 * rng.standard_normal(5)
            members += point(f"{shape}{width}", int(size), values, labels=labels, fields=labels, **more)
    return samples(members)


def test_shapes_of_one_family_alike_and_not():
    found = invariance(sweep(0.01))
    assert found.verdict == "supported"
    assert "between 2 architectures at similar size" in found.statistic.text
    found = invariance(sweep(0.15))
    assert found.verdict == "contradicted"
    assert found.interval[0] <= 0.15 <= found.interval[1]


@pytest.mark.slow  # simulations
def test_false_alarms_of_invariance_within_a_family():
    assert count("supported", invariance, lambda seed: sweep(0.051, seed)) <= ALLOWED
    assert count("contradicted", invariance, lambda seed: sweep(0.049, seed)) <= ALLOWED


def test_sizes_of_one_kind_are_no_pairs():
    """Widths of one shape are networks of one architecture, and so are learning rates of one network."""
    sizes = np.geomspace(100, 300, 16).astype(int)
    of_width = [{"depth": 1, "shape": "equal", "width": n} for n in range(16)]
    members = [one for n, size in enumerate(sizes) for one in point(f"a{n}", int(size), [0.9] * 5, labels=of_width[n])]
    found = invariance(samples(members))
    assert (found.verdict, found.statistic.value) == ("inconclusive", None)
    assert "0 stable points of similar size and different architecture" in found.why
    rates = [
        one
        for n, size in enumerate(sizes)
        for one in point(
            f"a{n}", int(size), [0.9] * 5, labels={"learning_rate": n}, settings={"optimizer.learning_rate": n}
        )
    ]
    assert invariance(samples(rates)).statistic.value is None


def test_between_families_and_within_them_are_answered_together():
    rng = np.random.default_rng(0)
    other = accuracies(np.full(16, 0.75), rng, family="cnn")
    found = invariance(samples([*(one for sample in sweep(0.0) for one in sample.members), *other]))
    assert found.verdict == "inconclusive"
    assert "digits: contradicted" in found.why
    assert "within dnn on digits: supported" in found.why
    assert "within cnn on digits: inconclusive" in found.why


def test_sizes_that_are_not_alike_cannot_say():
    rng = np.random.default_rng(0)
    small, large = (
        accuracies(np.full(16, 0.9), rng),
        accuracies(np.full(16, 0.9), rng, sizes=SIZES * 5000, family="cnn"),
    )
    assert invariance(samples([*small, *large])).statistic.value is None


@pytest.mark.slow  # simulations
def test_false_alarms_of_invariance_at_the_margin():
    assert count("supported", invariance, lambda seed: families(0.051, seed)) <= ALLOWED
    assert count("contradicted", invariance, lambda seed: families(0.049, seed)) <= ALLOWED


# 2


def three(seed=0):
    """Unstable, rising, flat with a gap."""
    rng = np.random.default_rng(seed)
    members = []
    for i, size in enumerate(SIZES):
        mean, noise, gap = (0.3, 0.1, 0) if i < 4 else (min(0.5 + 0.1 * (i - 4), 0.9), 0.003, 0.02 if i < 10 else 0.09)
        for run in range(5):
            value = mean + noise * rng.standard_normal()
            members.append(member(f"p{i}", int(size), run, value, train_accuracy=value + gap))
    return members


def shuffled(seed):
    """The same networks with their sizes shuffled: the regimes have nothing to do with size."""
    sizes = dict(zip([f"p{i}" for i in range(16)], np.random.default_rng(seed).permutation(SIZES), strict=True))
    return samples([changed(one, num_params=int(sizes[one.point])) for one in three(seed)])


def test_three_regimes_in_order():
    found = three_regimes(samples(three()))
    assert found.verdict == "supported"
    assert found.interval[0] > 0.8


def test_regimes_against_size_are_contradicted():
    turned = [changed(one, num_params=int(1e7 / one.num_params)) for one in three()]
    assert three_regimes(samples(turned)).verdict == "contradicted"


def test_a_regime_that_is_not_there():
    wide = three_regimes(samples(accuracies(np.linspace(0.5, 0.9, 16))))
    assert wide.verdict == "contradicted"
    assert "unstable or overfitting" in wide.why
    narrow = three_regimes(samples(accuracies(np.linspace(0.5, 0.9, 16), sizes=np.arange(100, 116))))
    assert narrow.verdict == "inconclusive"


def test_false_alarms_of_regimes():
    assert count("supported", three_regimes, shuffled) <= ALLOWED


def curved(members, rising):
    """The same members with learning curves whose validation loss rises from its lowest value where asked for."""
    epochs = np.arange(10)
    found = []
    for one in members:
        held = np.r_[np.linspace(2, 0.5, 6), 0.5 + (0.05 if rising(one) else 0.0) * epochs[1:5]]
        losses = history(np.linspace(2, 0.1, 10), np.full(10, 0.9))
        found.append(changed(one, history=changed(losses, validation_loss=held.tolist())))
    return found


def test_both_readings_of_overfitting_that_agree_and_that_differ():
    agree = three_regimes(samples(curved(three(), lambda one: int(one.point[1:]) >= 10)))
    assert (agree.verdict, "the same by the loss" in agree.why) == ("supported", True)
    differ = three_regimes(samples(curved(three(), lambda one: False)))
    assert differ.verdict == "inconclusive"
    assert "by the gap it is supported: all three regimes occur" in differ.why
    assert "by the loss it is contradicted: no point is overfitting" in differ.why


# 3


def test_a_minimal_size_exists():
    found = minimal_exists(samples(accuracies(np.r_[np.linspace(0.3, 0.9, 8), np.full(8, 0.95)])))
    assert found.verdict == "supported"
    assert found.statistic.value == SIZES[8]


def test_no_stable_size_contradicts():
    assert minimal_exists(samples(accuracies(np.full(16, 0.7), noise=0.1))).verdict == "contradicted"


def test_rising_to_the_end_cannot_say():
    assert minimal_exists(samples(accuracies(np.linspace(0.3, 0.9, 16)))).verdict == "inconclusive"


@pytest.mark.parametrize("noise", [0.003, 0.015])
def test_false_alarms_of_a_minimal_size(noise):
    def flat(seed):
        return samples(accuracies(np.full(16, 0.9), np.random.default_rng(seed), noise))

    assert count("supported", minimal_exists, flat) <= ALLOWED


# 4


def phased(chance_of_phases, seed=0, n=16):
    rng = np.random.default_rng(seed)
    members = []
    for i in range(n):
        has = rng.random() < chance_of_phases
        curves = {"pruning": pruning(0.5) if has else [[float(a), 0.95 - 0.85 * float(a)] for a in AMOUNTS]}
        members += point(f"p{i}", 100 + i, [0.95] * 3, curves=curves, history=FALLING)
    return samples(members)


def test_phases_there_and_not():
    assert distinct_phases(phased(1.0)).verdict == "supported"
    assert distinct_phases(phased(0.0)).verdict == "contradicted"
    no_bend = [changed(m, history=LINEAR) for sample in phased(1.0) for m in sample.members]
    assert distinct_phases(samples(no_bend)).verdict == "contradicted"
    assert distinct_phases(phased(1.0, n=4)).verdict == "inconclusive"  # four of four are no majority yet
    assert distinct_phases(samples(accuracies(np.full(16, 0.9)))).statistic.value is None


def with_curves(study, pruned=None, learned=None, every=2):
    """The same points; every other one with a pruning curve or a learning curve instead."""
    members = []
    for number, sample in enumerate(study):
        for one in sample.members:
            if number % every == 0:
                one = changed(one, history=learned or one.history, curves=curves(pruned) if pruned else one.curves)
            members.append(one)
    return samples(members)


COARSE = [[0.0, 0.95], [0.25, 0.5], [0.5, 0.1], [0.75, 0.1], [1.0, 0.1]]  # may hide a plateau of 20 %


@pytest.mark.parametrize(
    "unknown",
    [
        {"learned": history([2, 1, 0.5, 0.4], np.ones(4))},  # too few epochs
        {"learned": history([2.0, 1.99, 1.97, 1.9, 1.6, 1.0, 0.2], np.ones(7))},  # ends while it falls fast
        {"pruned": COARSE},
        {"pruned": [[0.0, 0.95], [0.25, 0.95], [0.5, 0.1], [0.75, 0.1], [1.0, 0.1]]},  # may hide a decline
    ],
    ids=["few epochs", "unfinished", "coarse plateau", "coarse decline"],
)
def test_what_cannot_be_judged_counts_for_neither_side(unknown):
    found = distinct_phases(with_curves(phased(1.0, n=24), **unknown))
    assert (found.verdict, found.statistic.value) == ("supported", 1.0)
    assert "12 of 12 stable points" in found.statistic.text
    assert "12 stable points left out that cannot be judged" in found.why
    against = distinct_phases(with_curves(phased(0.0, n=24), **unknown))
    assert (against.verdict, against.statistic.value) == ("contradicted", 0.0)
    assert distinct_phases(with_curves(phased(1.0), every=1, **unknown)).statistic.value is None


def test_false_alarms_of_phases_at_a_half():
    assert count("supported", distinct_phases, lambda seed: phased(0.5, seed)) <= ALLOWED


# 5


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


# 6


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


# 7


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


# all


def test_all_seven_are_answered_on_one_study():
    found = claims(samples(three()))
    assert [one.number for one in found] == [1, 2, 3, 4, 5, 5, 6, 7]
    assert {one.verdict for one in found} <= {"supported", "contradicted", "inconclusive"}
    assert all(one.why and one.statement for one in found)


def test_an_architecture_is_judged_by_the_best_way_in_which_it_was_trained():
    """A learning rate that was tried with two seeds and left counts for nothing."""
    tuned = samples(sweep_at_two_rates())
    assert [sample.name for sample in at_their_best(tuned)] == [one.name for one in sweep(0.01)]
    assert claims(tuned) == claims(sweep(0.01))


def sweep_at_two_rates():
    members = [one for sample in sweep(0.01) for one in sample.members]
    for one in [one for one in members if one.seed < 2]:
        accuracy = 0.3 + 0.4 * one.seed
        members.append(
            changed(
                one,
                point=one.point + "-fast",
                name=one.name + "-fast",
                settings={"optimizer.learning_rate": 10.0},
                final=final(accuracy, accuracy),
            )
        )
    return members


def test_groups_that_disagree_are_inconclusive():
    good = accuracies(np.r_[np.linspace(0.3, 0.9, 8), np.full(8, 0.95)])
    bad = accuracies(np.full(16, 0.7), noise=0.1, family="cnn")
    found = minimal_exists(samples([*good, *bad]))
    assert found.verdict == "inconclusive"
    assert "digits cnn: contradicted" in found.why
