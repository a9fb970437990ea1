"""The certificate of a family: its answer, the worst seed's bits, and what is tested."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings.certificate import chosen
from minjax.findings.samples import LIMITS, samples
from minjax.findings.study import findings
from tests.findings.synthetic import point, pruning, quantization

SIZES = [100, 200, 400, 800, 1600, 3200]
FEWEST_BITS = [4, 4, 5, 4, 4]  # of the seeds


def study(accuracy=lambda size: {100: 0.4, 200: 0.5}.get(size, 0.95), measured=True, **fields):
    noise = np.linspace(-0.002, 0.002, 5)
    return [
        member
        for size in SIZES
        for member in point(
            f"p{size}",
            size,
            [accuracy(size) + x for x in noise],
            fields={"widths": [size]},
            curves=lambda seed: (
                {"pruning": pruning(0.6), "quantization": quantization(FEWEST_BITS[seed])} if measured else None
            ),
            **fields,
        )
    ]


def certify(members, limits=LIMITS, sizes=None):
    (one,) = findings(members, limits, sizes).certificates
    return one


def test_it_has_what_was_found():
    one = certify(study())
    assert (one.minimal.num_params, one.minimal.winner.name, one.fields) == (400, "p400", {"widths": [400]})
    assert one.minimal.interval == (400, 400)
    assert one.minimal.below.num_params == 200
    assert one.stable.num_params == 100
    assert one.redundancy == pytest.approx(0.6)
    assert len(one.redundancy_interval) == 2
    assert one.bits == 5  # enough for every seed
    assert one.bytes is None  # nobody said


def test_each_family_has_its_own():
    members = study() + [
        m for size in (50, 300) for m in point(f"c{size}", size, [0.97] * 5 if size == 300 else [0.3] * 5, family="cnn")
    ]
    found = findings(members)
    assert {one.family: one.minimal.winner.name for one in found.certificates} == {"cnn": "c300", "dnn": "p400"}
    assert found.minimal.winner.name == "c300"
    assert found.minimal.families == ["cnn", "dnn"]


def test_fresh_seeds_without_curves_do_not_take_the_bits_away():
    members = study() + [
        one for one in point("p400", 400, [0.0] * 5 + [0.95] * 3, fields={"widths": [400]}, fresh=True) if one.seed >= 5
    ]
    one = certify(members)
    assert (one.minimal.winner.fresh, one.bits) == (3, 5)


def test_what_is_tested_is_what_was_chosen():
    members = study(lambda size: {100: 0.3, 200: 0.5, 1600: 0.955}.get(size, 0.95))
    found = samples(members)
    assert {role: one.name for role, one in chosen(certify(members).minimal, found).items()} == {
        "minimal": "p400", "below": "p200", "best": "p1600",
    }  # fmt: skip
    unstable = study(lambda size: 0.1)
    assert [*chosen(certify(unstable).minimal, samples(unstable))] == ["best"]
    same = study(lambda size: {100: 0.4, 200: 0.5, 400: 0.96}.get(size, 0.95))
    assert [*chosen(certify(same).minimal, samples(same))] == ["minimal", "below"]  # each once


def test_without_a_minimal_size():
    one = certify(study(lambda size: 0.1))
    assert (one.minimal.num_params, one.bytes, one.fields, one.bits) == (None, None, None, None)


def test_without_curves():
    one = certify(study(measured=False))
    assert (one.redundancy, one.redundancy_interval, one.bits) == (None, None, None)
