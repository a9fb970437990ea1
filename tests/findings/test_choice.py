"""What is screened, trained again, confirmed and recommended, from candidates whose true accuracies are known."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec.structs import replace

from minjax.findings import choice
from minjax.findings.choice import Wanted
from minjax.records.compression import Measurement, Version
from tests.findings.test_compression import measurement

SCREENED, ALL = 1000, 5000
WITHIN = Wanted(target=None, tolerance=0.01, chance=0.1)


def candidate(accuracy: float, size: int, **fields: Any) -> Measurement:
    """A candidate of `size` bytes; a smaller one has fewer bits unless told otherwise."""
    fields = {"bits": 4, "scheme": "s", "method": "l1", "amount": size / 1000} | fields
    return measurement("candidate", accuracy, bytes_theoretical=size, images=SCREENED, split="validation", **fields)


def dense(accuracy: float, images: int = ALL) -> list[Measurement]:
    """The dense network, screened and confirmed."""
    known = measurement("candidate", accuracy, images=SCREENED, split="validation")
    return [known, replace(known, curve="confirmed", images=images, lost=0, gained=0)]


def confirmed(m: Measurement, loss: float, of: float = 0.95, changed: float = 0.004, images: int = ALL) -> Measurement:
    """A candidate on all images: it loses `loss` against a dense network of `of`; some images change both ways."""
    gained = round(changed * images)
    lost = gained + round(loss * images)
    accuracy = (round(of * images) - lost + gained) / images
    size = (m.bytes_theoretical or 0) + 500
    return replace(m, curve="confirmed", images=images, accuracy=accuracy, lost=lost, gained=gained, bytes_file=size)


def decide(candidates: list[Measurement], losses: dict[int, float], wanted: Wanted = WITHIN) -> list[Measurement]:
    """Confirm whatever is asked for; size -> true loss. The measurements at the end."""
    measurements = [*dense(0.95), *candidates]
    while version := choice.next_confirmed(measurements, wanted):
        known = next(m for m in candidates if m.version == version)
        measurements.append(confirmed(known, losses[known.bytes_theoretical or 0]))
        assert len(measurements) < 100
    return measurements


def sizes(measurements: list[Measurement]) -> list[int]:
    """The candidates that were confirmed, in their order."""
    return [m.bytes_theoretical or 0 for m in measurements if m.curve == "confirmed" and m.bytes_file]


def test_the_smallest_that_keeps_the_accuracy_and_the_next():
    candidates = [candidate(a, size) for a, size in ((0.9, 100), (0.941, 200), (0.945, 300), (0.95, 400), (0.95, 500))]
    measurements = decide(candidates, {100: 0.05, 200: 0.009, 300: 0.002, 400: 0.0, 500: 0.0})
    assert sizes(measurements) == [200, 300, 400]  # 100 bytes are hopeless; 200 lose 0.9 points give or take 0.15
    recommended, runner_up = choice.chosen(measurements, WITHIN)
    assert (recommended.bytes_theoretical, runner_up.bytes_theoretical) == (300, 400)


def test_a_candidate_that_was_lucky_on_a_thousand_images_is_not_recommended():
    measurements = decide([candidate(0.955, 100), candidate(0.948, 300)], {100: 0.03, 300: 0.001})
    recommended, runner_up = choice.chosen(measurements, WITHIN)
    assert recommended.bytes_theoretical == 300
    assert runner_up.bytes_theoretical == 100  # it does not keep the accuracy, but there is no other


def test_two_files_are_confirmed_even_if_one_alone_may_do():
    candidates = [candidate(0.3, 100), candidate(0.8, 200), candidate(0.95, 300)]
    measurements = decide(candidates, {100: 0.65, 200: 0.15, 300: 0.0})
    assert sizes(measurements) == [300, 200]
    assert [m.bytes_theoretical for m in choice.chosen(measurements, WITHIN)] == [300, 200]
    assert sizes(decide([candidate(0.95, 300)], {300: 0.0})) == [300]


def test_an_unlucky_one_within_a_standard_error_is_looked_at():
    measurements = decide([candidate(0.936, 100), candidate(0.95, 300)], {100: 0.0, 300: 0.0})
    assert sizes(measurements)[0] == 100
    assert choice.chosen(measurements, WITHIN)[0].bytes_theoretical == 100


def test_ties_go_to_the_smaller_file():
    candidates = [candidate(0.95, 300), candidate(0.95, 200), candidate(0.95, 250, bits=8)]
    recommended, runner_up = choice.chosen(decide(candidates, {200: 0.0, 300: 0.0, 250: 0.0}), WITHIN)
    assert (recommended.bytes_theoretical, runner_up.bytes_theoretical) == (200, 250)
    equal = [candidate(0.95, 200), candidate(0.95, 200, bits=8, amount=0.7)]
    recommended, runner_up = choice.chosen(decide(equal, {200: 0.0}), WITHIN)
    assert recommended.bytes_file == runner_up.bytes_file if runner_up else True


@pytest.mark.parametrize("target", [0.96, 0.99])
def test_none_reaches_the_target_and_the_closest_is_the_runner_up(target):
    wanted = Wanted(target=target, tolerance=0.01, chance=0.1)
    candidates = [candidate(0.9, 100), candidate(0.94, 200), candidate(0.95, 300)]
    measurements = decide(candidates, {100: 0.05, 200: 0.01, 300: 0.0}, wanted)
    recommended, runner_up = choice.chosen(measurements, wanted)
    assert recommended is None
    assert runner_up.bytes_theoretical == 300
    assert not choice.keeps(runner_up, target)


def test_an_absolute_target_may_be_far_below_the_dense_network():
    wanted = Wanted(target=0.9, tolerance=0.01, chance=0.1)
    measurements = decide([candidate(0.92, 100), candidate(0.95, 200)], {100: 0.03, 200: 0.0}, wanted)
    assert choice.chosen(measurements, wanted)[0].bytes_theoretical == 100


def test_no_candidates_at_all():
    measurements = dense(0.95)
    assert choice.next_confirmed(measurements, WITHIN) is None
    assert choice.next_retraining(measurements, WITHIN, 4) is None
    assert choice.chosen(measurements, WITHIN) == (None, None)


def retrain(candidates: list[Measurement], accuracy: dict[int, float], count: int = 4) -> list[int]:
    """Which sizes are trained again, in their order; size -> accuracy afterwards."""
    measurements, order = [*dense(0.95), *candidates], []
    while version := choice.next_retraining(measurements, WITHIN, count):
        assert isinstance(version, Version)
        known = next(m for m in candidates if m.version == version)
        size = known.bytes_theoretical or 0
        order.append(size)
        measurements.append(replace(known, retrained=True, accuracy=accuracy[size]))
        assert len(order) <= count
    return order


def test_training_again_bisects_the_front_below_what_does_without():
    candidates = [candidate(0.2 + 0.1 * i, 100 * i) for i in range(1, 8)]  # 700 bytes have 0.9 and do not keep it
    candidates.append(candidate(0.95, 800))
    reached = dict.fromkeys(range(100, 900, 100), 0.0) | {600: 0.95, 700: 0.95, 500: 0.95}
    assert retrain(candidates, reached) == [400, 600, 500]
    assert retrain(candidates, dict.fromkeys(reached, 0.95)) == [400, 200, 100]
    assert retrain(candidates, dict.fromkeys(reached, 0.3)) == [400, 600, 700]
    assert retrain(candidates, reached, count=2) == [400, 600]
    assert retrain(candidates, reached, count=0) == []


def test_networks_at_chance_are_not_trained_again():
    assert retrain([candidate(0.12, 100), candidate(0.95, 200)], {100: 0.95}) == []


def test_simulated_choices_keep_the_accuracy():
    """Of 200 compressions with many near misses, few recommend a file that truly loses more than is allowed."""
    draw = random.Random(0)
    worse, bytes_of = 0, []
    for _ in range(200):
        true = {100 * i: 0.03 - 0.0015 * i for i in range(1, 21)}  # loss falls with size; 1 point at 1,333 bytes
        candidates = [candidate(0.95 - loss + draw.gauss(0, 0.007), size) for size, loss in true.items()]
        measurements = [*dense(0.95), *candidates]
        while version := choice.next_confirmed(measurements, WITHIN):
            known = next(m for m in candidates if m.version == version)
            noise = draw.gauss(0, (0.008 / ALL) ** 0.5)
            measurements.append(confirmed(known, true[known.bytes_theoretical or 0] + noise))
        recommended, _ = choice.chosen(measurements, WITHIN)
        if recommended is None:
            continue
        worse += true[recommended.bytes_theoretical or 0] > 0.0115
        bytes_of.append(recommended.bytes_theoretical or 0)
    assert worse <= 10
    assert len(bytes_of) >= 190
    assert sum(bytes_of) / len(bytes_of) < 1800


def test_the_order_in_which_candidates_were_screened_makes_no_difference():
    equal = [candidate(0.95, 200, method=method, amount=0.5) for method in ("l1", "global_l1", "random")]
    others = [candidate(0.5, 100), candidate(0.7, 150, method="random")]
    for order in (equal + others, [*reversed(equal), *others], [*others, *equal]):
        measurements = [*dense(0.95), *order]
        assert choice.next_confirmed(measurements, WITHIN).method == "global_l1"
        assert choice.next_retraining(measurements, WITHIN, 4).method == "random"


def test_balanced_accuracy_decides_where_it_is_asked_for():
    """Of two candidates the smaller loses a rare class: as accurate by images, but not by classes."""

    def known(size: int, balanced: float) -> Measurement:
        return candidate(0.949, size, balanced=balanced, error=0.004)

    candidates = [known(100, 0.80), known(200, 0.944)]
    reference = [replace(m, balanced=0.95) for m in dense(0.95)]
    measurements = [*reference, *candidates]
    while version := choice.next_confirmed(measurements, WITHIN):
        m = next(m for m in candidates if m.version == version)
        measurements.append(replace(confirmed(m, 0.001), balanced=m.balanced, error=0.002))
    recommended, _ = choice.chosen(measurements, WITHIN)
    assert recommended.bytes_theoretical == 200
    plain = [replace(m, balanced=None, error=None) for m in [*reference, *candidates]]
    assert choice.next_confirmed(plain, WITHIN) == candidates[0].version
    assert choice.standard_error(measurements[-1]) == 0.002
    # Screened 0.2 points below the floor, with an error of 0.4: it may keep the accuracy on all images.
    assert choice.next_confirmed([*reference, known(100, 0.938), known(200, 0.95)], WITHIN) == candidates[0].version
    assert choice.next_confirmed([*reference, known(100, 0.935), known(200, 0.95)], WITHIN) == candidates[1].version
