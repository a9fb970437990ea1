"""All findings of a study."""

from __future__ import annotations

import msgspec
import numpy as np

from minjax.findings.study import findings
from minjax.records.finding import Findings
from tests.findings.synthetic import history, point, pruning, quantization


def study():
    rng = np.random.default_rng(0)
    means = [0.3, 0.5, 0.8, 0.93, 0.95, 0.95, 0.95, 0.95]
    members = []
    for i, mean in enumerate(means):
        members += point(
            f"p{i}",
            100 * 2**i,
            mean + 0.002 * rng.standard_normal(5),
            history=history(np.exp(-np.arange(20) / 3), np.ones(20)),
            curves={"pruning": pruning(0.5), "quantization": quantization(3)},
        )
    return members


def test_findings_are_complete_and_survive_the_disk():
    found = findings(study())
    assert msgspec.json.decode(msgspec.json.encode(found), type=Findings) == found
    for part in ("regimes", "convergence", "redundancy", "minimal_bits"):
        assert [one.point for one in getattr(found, part)] == [f"p{i}" for i in range(8)]
    assert found.minimal.num_params == 1600
    assert found.minimal.grid == [100 * 2**i for i in range(8)]
    assert found.answers == [found]
    assert found.minimal == found.near_best
    assert found.most_accurate.network.num_params >= 1600
    assert [one.num_params for one in found.staircase][-1] is None
    assert [one.num_params for one in found.envelope][:3] == [0, 100, 200]
    assert [claim.number for claim in found.claims] == [1, 2, 3, 4, 5, 5, 6, 7]
    assert [one.minimal for one in found.certificates] == [found.minimal]


def test_findings_depend_on_the_records_and_not_on_their_order():
    members = study()
    assert findings(members) == findings(members[::-1])
