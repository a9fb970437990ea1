"""Which candidates are screened, wave by wave, of networks whose accuracies are known functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from minjax.findings.choice import Wanted
from minjax.records.compression import Measurement, Version
from minjax.tasks.compress.forecast import Work
from minjax.tasks.compress.screening import Screening
from tests.findings.test_compression import measurement

WANTED = Wanted(target=None, tolerance=0.01, chance=0.1)
METHODS = {"global_l1": (), "l1": (), "l1_structured": ("conv/kernel",)}
SCREENING = Screening(METHODS, (0.5, 0.7, 0.9), (8, 4, 3, 2), "symmetric_channel_minmax", WANTED, True)


def screen(accuracy: Callable[[Version], float], screening: Screening = SCREENING) -> list[Measurement]:
    """Screen until nothing is left; a version's size follows from what is kept and its bits."""
    measurements: list[Measurement] = []
    while wave := screening.next(measurements):
        assert len(set(wave)) == len(wave)
        for version in wave:
            size = round(400 * (1 - (version.amount or 0)) * (version.bits or 32) / 32)
            fields = {name: getattr(version, name) for name in Version.__struct_fields__ if name != "curve"}
            found = measurement("candidate", accuracy(version), bytes_theoretical=size, **fields)
            assert found.version not in {m.version for m in measurements}
            measurements.append(found)
    assert len(measurements) <= screening.most() + 3 * 3  # a structured method that pays comes on top
    return measurements


def gentle(version: Version) -> float:
    """Pruning costs from 90 % on, structured pruning at once; 2 bits cost 5 points.

    Of random images re-estimated statistics lose half a point; of pruned networks the trained ones lose two.
    """
    loss = 0.05 if version.bits == 2 else 0.0
    if version.method == "l1_structured":
        loss += 0.3
    elif version.amount == 0.9:
        loss += 0.02 if version.method == "global_l1" else 0.015
    heavy = version.amount in (0.7, 0.9)
    stale = heavy if version.batch_norm == "trained" else not heavy
    return 0.95 - loss - (0.005 if stale else 0.0)


def test_the_better_methods_are_quantized_from_where_pruning_begins_to_cost():
    measurements = screen(gentle)
    assert measurements[0].version == Version(curve="candidate")
    joint = {(m.method, m.amount, m.bits) for m in measurements if m.method and m.bits}
    assert joint == {
        (method, amount, bits) for method in ("global_l1", "l1") for amount in (0.7, 0.9) for bits in (2, 3, 4)
    }
    structured = {(m.amount, m.bits, m.exclude) for m in measurements if m.method == "l1_structured"}
    assert structured == {(0.5, None, ("conv/kernel",))}  # it fails at once


def test_statistics_are_re_estimated_from_where_that_helps():
    statistics: dict[tuple, list[str]] = {}
    for m in screen(gentle)[1:]:
        statistics.setdefault((m.method, m.amount, m.bits), []).append(m.batch_norm)
    both = ["trained", "re-estimated"]
    assert statistics[None, None, 4] == statistics["l1", 0.5, None] == statistics["l1", 0.7, None] == both
    assert statistics["l1", 0.9, None] == statistics["l1", 0.9, 4] == ["re-estimated"]
    without = screen(gentle, replace(SCREENING, has_statistics=False))
    assert {m.batch_norm for m in without} == {"trained"}


def test_a_method_that_is_never_the_best_is_not_quantized():
    measurements = screen(lambda version: gentle(version) - 0.01 * (version.method == "l1"))
    assert {m.method for m in measurements if m.method and m.bits} == {"global_l1"}


def test_structured_pruning_is_quantized_too_where_it_pays():
    measurements = screen(lambda version: 0.95)
    joint = {(m.method, m.bits) for m in measurements if m.method and m.bits}
    assert joint == {(method, bits) for method in ("global_l1", "l1_structured") for bits in (2, 3, 4)}


def test_a_network_that_bears_nothing_is_soon_done():
    measurements = screen(lambda version: 0.95 if version.method is None and version.bits is None else 0.1)
    assert len(measurements) == 1 + 2 * (4 + 3) + 1  # the dense one, bits and methods, the best at the most bits


def test_every_prefix_of_the_records_goes_on_to_the_same_end():
    whole = screen(gentle)
    versions = {m.version: m for m in whole}
    for count in range(len(whole)):
        measurements = whole[:count]
        while wave := SCREENING.next(measurements):
            measurements = [*measurements, *(versions[version] for version in wave)]
        assert set(measurements) == set(whole)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_forecast_says_what_it_will_do(split):
    work = Work(
        seconds_per_image=0.001,
        compile_seconds=10,
        candidates=50,
        screening_images=1000,
        calibration_images=1000,
        retrainings=4,
        steps=50,
        batch=128,
        images=5000,
        test_images=10000,
        split=split,
    )
    assert work.total() == pytest.approx(20 + 25 * 2 + 4 * 50 * 128 * 0.003 + 20 + 20)
    assert str(work).startswith(f"about 3 min 07 s: up to 50 candidates on 1,000 {split} images, 4 of them")
    assert ("two of them on 10,000 test images" in str(work)) == (split == "validation")
