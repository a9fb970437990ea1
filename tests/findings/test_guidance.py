"""Guidance: size, depth, bits and pruning at a few accuracies, and nothing that the records do not hold."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings import tables
from minjax.findings.guidance import LEVELS, guidance
from minjax.findings.samples import samples
from minjax.findings.study import findings
from tests.findings.synthetic import point, pruning, quantization

NOISE = np.linspace(-0.002, 0.002, 5)
BITS = [4, 4, 5, 4, 4]  # the fewest that each seed bears


def network(name, size, accuracy, depth=1, measured=True, noise=NOISE, **fields):
    curves = (
        (lambda seed: {"pruning": pruning(0.6, accuracy), "quantization": quantization(BITS[seed], accuracy)})
        if measured
        else None
    )
    about = {"fields": {"widths": [size] * depth}, "labels": {"depth": depth}, "curves": curves}
    return point(name, size, accuracy + noise, **about, **fields)


def advise(members):
    return guidance(findings(members), samples(members))


def study():
    sizes = {100: 0.31, 200: 0.62, 400: 0.83, 800: 0.91, 1600: 0.945, 3200: 0.965}
    return [m for size, accuracy in sizes.items() for m in network(f"p{size}", size, accuracy)]


def test_few_levels_spread_over_the_sizes_and_the_first_that_is_out_of_reach():
    found = advise(study())
    assert len(found) == LEVELS + 1
    assert [one.stair.num_params for one in found] == [100, 400, 800, 3200, None]
    assert [one.stair.accuracy for one in found] == [0.3, 0.8, 0.9, 0.96, 0.97]


def test_what_the_network_bears_is_that_of_its_own_curves():
    (*_, best, nothing) = advise(study())
    assert best.enough_bits == 5
    assert best.bits.bits == np.mean(BITS)
    assert best.redundancy.redundancy == pytest.approx(0.6)
    assert best.redundancy.seeds == 5
    assert (nothing.family, nothing.depth, nothing.bits, nothing.redundancy) == (None, None, None, None)


def test_what_was_not_measured_is_not_said():
    members = [m for size, a in {100: 0.31, 200: 0.95}.items() for m in network(f"p{size}", size, a, measured=False)]
    for advice in advise(members):
        assert advice.bits is None
        assert advice.enough_bits is None
        assert advice.redundancy is None
    rows = tables.guidance(advise(members))
    assert rows[1][-3:] == ("not measured", "not measured", "")


def test_a_seed_that_learned_nothing_does_not_count_as_robust():
    flat = {"pruning": [[a, 0.1] for a in (0, 0.5, 1)], "quantization": [[16, 0.1], [1, 0.1]]}
    members = network("p", 100, 0.95)
    members += network("small", 50, 0.5)
    members[0] = point("p", 100, [0.95], fields={"widths": [100]}, labels={"depth": 1}, curves=flat)[0]
    advice = advise(members)[-2]
    assert advice.stair.num_params == 100
    assert (advice.bits.seeds, advice.bits.left_out) == (4, 1)
    assert tables.guidance([advice])[0][7] == "5 (mean 4.2, 4 of 5 seeds)"


def test_other_depths_have_their_own_smallest_size():
    members = network("shallow", 400, 0.95)
    members += network("small", 100, 0.5)
    members += network("deep", 900, 0.951, depth=2) + network("deeper", 1200, 0.952, depth=2)
    members += network("poor", 300, 0.80, depth=3)
    members += network("unsteady", 250, 0.95, depth=4, noise=np.array([-0.04, 0.04, 0.0, 0.04, -0.04]))
    members += network("other", 500, 0.95, depth=5, family="cnn")
    advice = next(one for one in advise(members) if one.stair.accuracy == 0.95)
    assert (advice.family, advice.depth, advice.stair.num_params) == ("dnn", 1, 400)
    assert advice.others == ((2, 900), (3, None), (4, None))


def test_fresh_seeds_speak_for_another_depth_where_there_are_some():
    members = network("shallow", 400, 0.95) + network("small", 100, 0.5)
    members += network("deep", 900, 0.95, depth=2)
    lower = point("deep", 900, [0.0] * 5 + [0.93] * 5, fields={"widths": [900] * 2}, labels={"depth": 2}, fresh=True)
    advice = next(one for one in advise([*members, *lower[5:]]) if one.stair.accuracy == 0.95)
    assert advice.others == ((2, None),)
    higher = point("deep", 900, [0.0] * 5 + [0.953] * 5, fields={"widths": [900] * 2}, labels={"depth": 2}, fresh=True)
    advice = next(one for one in advise([*members, *higher[5:]]) if one.stair.accuracy == 0.95)
    assert advice.others == ((2, 900),)


def test_rows_say_intervals_and_seeds():
    rows = tables.guidance(advise(study()))
    assert all(len(row) == len(tables.GUIDANCE_HEADINGS) for row in rows)
    assert rows[-2] == (
        *("96 %", "3,200", "3,200 or more", "dnn", "1", "p3200", "96.50 % (5 seeds, as chosen)"),
        *("5 (mean 4.2, 5 seeds)", "60 % (60 to 60 %, 5 seeds)", ""),
    )
    assert rows[-1][:2] == ("97 %", "not reached")
    assert rows[-1][6] == "best 96.50 %"


def test_only_the_samples_of_the_data_set_count():
    members = [*study(), *network("elsewhere", 50, 0.99, depth=2, dataset="mnist")]
    found = findings(members)
    assert [one.dataset for one in found.answers] == ["digits", "mnist"]
    assert all(not advice.others for advice in guidance(found, samples(members)))
