"""Is a pruned large network better than a small dense one of as many nonzero weights?"""

from __future__ import annotations

import pytest

from minjax.findings.equal_size import Crossing, Pruned, Way, answer, compare, crossings, curves
from minjax.findings.intervals import difference
from minjax.records.compression import Measurement

LIMIT = 1_000_000


def line(amount: float, accuracy: float, **fields) -> Measurement:
    """A pruned network of which 11 million weights are prunable and 14,000 are not."""
    known = {
        "curve": "pruning",
        "method": "global_l1",
        "amount": amount,
        "loss": 1.0,
        "accuracy": accuracy,
        "nonzero": round(11_000_000 * (1 - amount)) + 14_000,
        "sparsity": amount,
        "bytes_theoretical": None,
        "bytes_dense": 1,
        "multiply_adds": 1,
        "multiply_adds_sparse": 1,
    }
    return Measurement(**known | fields)


SEED = [line(amount, accuracy) for amount, accuracy in ((0.0, 0.95), (0.8, 0.93), (0.9, 0.53), (0.95, 0.2))]
GLOBAL = Way("global_l1")


def test_a_curve_is_over_the_seeds_that_have_it():
    other = [line(0.9, 0.55), line(0.95, 0.3), line(0.95, 0.8, method="l1")]
    found = curves([SEED, other])
    assert list(found) == [GLOBAL]
    assert found[GLOBAL] == [Pruned(0.9, 1_114_000, (0.53, 0.55)), Pruned(0.95, 564_000, (0.2, 0.3))]


def test_what_is_no_pruned_network_on_all_test_images_is_passed_over():
    others = [
        line(0.95, 0.9, images=1000),
        line(0.95, 0.9, split="validation"),
        line(0.95, 0.9, bits=8),
        line(0.95, 0.9, activation_bits=8),
        line(0.95, 0.9, layer="stem/kernel", curve="sensitivity"),
        line(0.95, 0.9, curve="candidate"),
    ]
    assert curves([others]) == {}
    assert curves([]) == {}


def test_each_way_crosses_the_size_between_two_amounts():
    again = [line(0.93, 0.94, curve="rounds", series="iterative", round=1, sparsity=0.925)]
    found = crossings(curves([[*SEED, *again]]), LIMIT)
    assert found == [
        Crossing(GLOBAL, Pruned(0.9, 1_114_000, (0.53,)), Pruned(0.95, 564_000, (0.2,))),
        Crossing(Way("global_l1", series="iterative"), None, Pruned(0.925, 784_000, (0.94,))),
    ]
    assert [crossing.below for crossing in crossings(curves([SEED[:3]]), LIMIT)] == [None]


def test_seeds_are_compared_where_both_have_several():
    pruned, dense = (0.90, 0.91, 0.92), (0.95, 0.96)
    found = compare(pruned, dense, 10_000)
    assert (found.over, found.outcome) == ("seeds", "worse")
    assert found.difference == pytest.approx(difference(pruned, dense))
    assert compare(dense, pruned, 10_000).outcome == "better"
    assert compare((0.9, 0.92), (0.905, 0.93), 10_000).outcome == "no difference found"


def test_one_seed_is_compared_over_images():
    assert compare((0.2,), (0.9172,), 10_000).over == "images"
    assert compare((0.91,), (0.912, 0.914), 10_000).outcome == "no difference found"
    assert compare((0.90,), (0.912, 0.914), 10_000).outcome == "worse"


def test_the_answer_names_the_best_network_and_what_is_not_known():
    (crossing,) = crossings(curves([SEED]), LIMIT)
    said = answer([(crossing, compare((0.2,), (0.9172,), 10_000))], "ResNet18", "ResNet18_S", LIMIT)
    assert said.startswith("No: in every way that was measured, pruned ResNet18 is worse than dense ResNet18_S.")
    assert "(global_l1 at 95 %, without training afterwards; 1 seed) has 564,000 nonzero weights and 20.00 %" in said
    assert "71.7 points less" in said
    assert "leaves out how much seeds differ" in said
    assert said.endswith("Training after pruning was not tried.")


def test_the_best_way_decides():
    again = line(0.95, 0.94, curve="rounds", series="one_shot", round=1)
    found = crossings(curves([[*SEED, again]]), LIMIT)
    pairs = [(one, compare(one.below.accuracies, (0.9172,), 10_000)) for one in found]
    said = answer(pairs, "ResNet18", "ResNet18_S", LIMIT)
    assert said.startswith("Yes: pruned ResNet18 is better than dense ResNet18_S.")
    assert "2.28 points more" in said
    assert "not tried" not in said


def test_without_a_network_below_the_size_the_question_is_open():
    (crossing,) = crossings(curves([SEED[:2]]), LIMIT)
    assert "the question is open" in answer([(crossing, None)], "ResNet18", "ResNet18_S", LIMIT)
