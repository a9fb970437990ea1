"""The certificate: numbers of the findings, the worst seed's bits, and each sentence."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings import minimal
from minjax.findings.certificate import answer, basis, chosen, sentences
from minjax.findings.samples import LIMITS, Limits, samples
from minjax.findings.study import findings
from minjax.records.finding import Below, CertificateBytes, OnTest
from tests.findings.synthetic import changed, point, pruning, quantization

SIZES = [100, 200, 400, 800, 1600, 3200]
FEWEST_BITS = [4, 4, 5, 4, 4]  # of the seeds


def study(accuracy=lambda size: 0.95 if size >= 400 else 0.5, measured=True):
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
        )
    ]


def certify(members, limits=LIMITS, sizes=None):
    (one,) = findings(members, limits, sizes).certificates
    return one


def test_it_has_what_was_found():
    one = certify(study())
    assert (one.num_params, one.name, one.fields) == (400, "p400", {"widths": [400]})
    assert one.interval == (400, 400)
    assert one.seeds == 5
    assert one.accuracy == pytest.approx(0.95)
    assert one.sigma > 0
    assert one.below.num_params == 200
    assert one.redundancy == pytest.approx(0.6)
    assert len(one.redundancy_interval) == 2
    assert one.bits == 5  # enough for every seed
    assert one.bytes is None  # nobody said


def test_what_is_tested_is_what_was_chosen():
    members = study(lambda size: {100: 0.3, 200: 0.5, 1600: 0.955}.get(size, 0.95))
    found = samples(members)
    assert {role: one.name for role, one in chosen(certify(members), found).items()} == {
        "minimal": "p400", "below": "p200", "best": "p1600",
    }  # fmt: skip
    few = samples(study()[:10])  # two sizes: no minimal size, so the best alone
    assert [*chosen(certify(study()[:10]), few)] == ["best"]
    same = samples(study(lambda size: 0.96 if size == 400 else 0.95 if size > 400 else 0.5))
    assert [*chosen(certify([m for s in same for m in s.members]), same)] == ["minimal", "below"]  # each once


def on_test(role, name, accuracy, num_params):
    return OnTest(
        role=role, point=name, name=name, num_params=num_params, accuracy=accuracy, interval=(0.92, 0.97), images=360,
        seeds=5, validation_accuracy=0.95,
    )  # fmt: skip


def test_the_test_split_is_spoken_of_once():
    first = on_test("minimal", "p400", 0.951, 400)
    one = changed(certify(study()), tested=(first,))
    assert sentences(one)[3] == (
        "Test accuracy, looked at once: 95.10 % (mean over 5 seeds; 95 % interval 92.00 % to 97.00 % for 360 images)."
    )
    assert "On the same" not in " ".join(sentences(one))
    others = on_test("below", "p200", 0.5, 200), on_test("best", "p1600", 0.96, 1600)
    one = changed(one, tested=(first, *others))
    assert sentences(one)[4] == (
        "On the same images the next smaller size (p200, 200 parameters) reaches 50.00 % and the best network (p1600, "
        "1,600 parameters) reaches 96.00 %."
    )
    none = changed(certify(study()[:10]), tested=(on_test("best", "p200", 0.9, 200),))
    assert sentences(none)[1].startswith("Test accuracy of the best network, p200, looked at once: 90.00 %")


def test_it_reads_like_this():
    sizes = lambda sample, redundancy, bits: CertificateBytes(  # noqa: E731
        float32=4 * sample.num_params, quantized=bits * 50, pruned=round(redundancy * 1000)
    )
    assert sentences(certify(study(), sizes=sizes)) == [
        "dnn on digits: 400 parameters are enough for stable learning (p400; 95 % interval 400 to 400).",
        "This is a statement about 6 sizes from 100 to 3,200 parameters, each with at least 5 seeds.",
        "Its validation accuracy is 95.00 ± 0.16 % (mean and standard deviation over seeds); the target was 94.00 %.",
        "The next smaller size, 200 parameters, is not enough: its fitted accuracy, 50.00 %, is below the target of "
        "94.00 %.",
        "60 % of its kernel weights can be pruned while the accuracy stays within 1 point (95 % interval 60 to 60 %).",
        "5 bits per weight are enough for every seed.",
        "Its parameters take 1,600 bytes as float32, 250 bytes quantized to 5 bits and 600 bytes pruned and kept as "
        "float32 (computed, not measured).",
    ]
    assert answer(certify(study())) == "400 parameters"
    assert basis(certify(study())) == "95 % interval 400 to 400; 95.00 ± 0.16 % over 5 seeds"


@pytest.mark.parametrize(("tolerance", "words"), [(0.01, "within 1 point "), (0.005, "within 0.5 points "),
                                                  (0.02, "within 2 points ")])  # fmt: skip
def test_the_tolerance_is_the_one_that_was_used(tolerance, words):
    assert words in " ".join(sentences(certify(study(), Limits(tolerance=tolerance))))


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        (lambda size: 0.95, "stable learning needs at most 100 parameters, the smallest size of the grid"),
        (lambda size: size / 3500, "stable learning needs at least 3,200 parameters, the largest size of the grid"),
    ],
)
def test_at_an_end_of_the_grid_it_is_a_bound(accuracy, said):
    assert said in sentences(certify(study(accuracy)))[0]


def test_the_reason_is_never_empty():
    """A fit that equals the target where the running sums say that it is below, by their last digit."""
    tie = Below(num_params=200, accuracy=0.94, sigma=0.001, why="")
    located = minimal.Located(index=1, low=1, high=1, target=0.94, noise=0.001, fit=np.array([0.94, 0.95]), none=0.0)
    below = minimal._below(1, [200, 400], np.array([0.001, 0.001]), located, LIMITS)
    assert changed(below, why="") == tie
    said = sentences(changed(certify(study()), below=below))[3]
    assert said == (
        "The next smaller size, 200 parameters, is not enough: its fitted accuracy, 94.00 %, is below the target by no "
        "more than a rounding error."
    )


def test_without_a_minimal_size_it_says_why():
    one = certify(study(lambda size: 0.1))
    assert (one.num_params, one.bytes, one.fields) == (None, None, None)
    assert (
        sentences(one)[0]
        == "dnn on digits: no minimal size was found, because nothing learns: the largest sizes reach 10.0 %."
    )
    assert (answer(one), basis(one)) == ("no minimal size", one.reason)


def test_without_curves_it_says_nothing_of_them():
    one = certify(study(measured=False))
    assert (one.redundancy, one.redundancy_interval, one.bits) == (None, None, None)
    text = " ".join(sentences(one))
    assert "It was neither pruned nor quantized." in text
    assert "can be pruned" not in text


def test_one_bit_is_singular():
    assert "1 bit per weight is enough for every seed." in sentences(changed(certify(study()), bits=1))
