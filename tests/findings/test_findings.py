"""The whole record of a study."""

from __future__ import annotations

import json

import numpy as np

from minjax.findings.findings import findings
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


def test_findings_are_json_and_complete():
    found = findings(study())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert [len(found[key]) for key in ("regimes", "convergence", "redundancy", "minimal_bits", "claims")] == [
        8,
        8,
        8,
        8,
        7,
    ]
    assert found["minimal"]["num_params"] == 1600
    assert found["minimal"]["grid"] == [100 * 2**i for i in range(8)]
    assert found["minimals"] == [found["minimal"]]
    assert set(found["claims"][0]) == {"number", "statement", "verdict", "statistic", "interval", "why"}
    assert set(found["claims"][0]["statistic"]) == {"text", "value"}


def test_findings_are_of_the_records_and_not_of_their_order():
    members = study()
    assert findings(members) == findings(members[::-1])
