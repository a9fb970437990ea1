"""The certificate: numbers of the findings, the worst seed's bits, bytes by the packed format's arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from minjax import compress, models
from minjax.findings.certificate import certificates, text
from minjax.findings.findings import findings
from tests.findings.synthetic import point, pruning, quantization

WIDTHS = [2, 4, 8, 16, 32, 64]
FEWEST_BITS = [4, 4, 5, 4, 4]  # of the seeds


def study(accuracy=lambda width: 0.95 if width >= 8 else 0.5):
    members = []
    for width in WIDTHS:
        size = models.param_count("dnn", 10, image_shape=(8, 8, 1), widths=(width,))
        noise = np.linspace(-0.002, 0.002, 5)
        members += point(
            f"w{width}",
            size,
            [accuracy(width) + x for x in noise],
            fields={"widths": [width]},
            labels={"depth": 1},
            curves=lambda seed: {"pruning": pruning(0.6), "quantization": quantization(FEWEST_BITS[seed])},
        )
    return members


def certify(members):
    (one,) = certificates(findings(members), members, image_shape=(8, 8, 1), num_classes=10)
    return one


def test_it_says_what_was_found():
    one = certify(study())
    size = models.param_count("dnn", 10, image_shape=(8, 8, 1), widths=(8,))
    assert one["num_params"] == size
    assert one["name"] == "w8"
    assert one["fields"] == {"widths": [8]}
    assert one["interval"][0] <= size <= one["interval"][1]
    assert one["seeds"] == 5
    assert abs(one["accuracy"] - 0.95) < 1e-9
    assert one["sigma"] > 0
    assert one["below"]["num_params"] < size
    assert "below" in one["below"]["why"]
    assert 0.5 <= one["redundancy"] <= 0.65
    assert len(one["redundancy_interval"]) == 2
    assert one["bits"] == 5  # every seed bears it
    lines = "\n".join(text(one))
    for said in (f"{size:,} parameters", "95.00 %", "does not do", "5 bits", "can be pruned", "float32"):
        assert said in lines


@pytest.mark.parametrize(
    ("accuracy", "said"), [(lambda width: 0.95, "at most"), (lambda width: width / 70, "at least")]
)
def test_at_an_end_of_the_grid_it_is_a_bound(accuracy, said):
    one = certify(study(accuracy))
    assert one["num_params"] == one["grid"][0 if said == "at most" else -1]
    assert f"reliably has {said} {one['num_params']:,} parameters" in text(one)[0]


def test_bytes_are_those_of_the_packed_format():
    one = certify(study())
    params = models.parameter_shapes("dnn", 10, (8, 8, 1), widths=(8,))["params"]
    layout = compress.sizes.layout(params, include="*kernel")
    assert one["bytes"]["float32"] == 4 * one["num_params"]
    assert one["bytes"]["quantized"] == int(layout.theoretical_bytes(bits=5))
    assert one["bytes"]["quantized"] < one["bytes"]["pruned"] < one["bytes"]["float32"]


def test_without_a_minimal_size_it_says_why():
    one = certify(study(lambda width: 0.1))
    assert one["num_params"] is None
    assert one["bytes"] is None
    assert text(one) == [f"dnn on digits: no minimal size: {one['reason']}"]


def test_without_curves_it_says_nothing_of_them():
    members = [dict(m, curves=None) for m in study()]
    one = certify(members)
    assert one["redundancy"] is None
    assert one["bits"] is None
    assert set(one["bytes"]) == {"float32"}
    assert "pruned" not in "\n".join(text(one))
