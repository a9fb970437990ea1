"""Answers in words: each sentence, and that none of them is without a reason."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings import sentences
from minjax.findings.answers import Asked
from minjax.findings.grids import Images
from minjax.findings.samples import Aim, Limits
from minjax.findings.study import findings
from minjax.records.answer import Demand
from minjax.records.finding import CertificateBytes, OnTest
from tests.findings.synthetic import changed, member, point
from tests.findings.test_certificate import certify, study

IMAGES = Images.unknown(2000, 10)


def found(members, target=None, seeds=5, limits=None):
    asked = {"digits": Asked(Aim(target), seeds, IMAGES)}
    return findings(members, limits or Limits(), asked=asked)


def test_a_relative_answer_reads_like_this():
    assert sentences.sentences(found(study()).minimal) == [
        "digits: p400 with 400 parameters is the smallest network that is as good as the best found (95.00 %), within "
        "1 point (95 % interval 400).",
        "Its validation accuracy is 95.00 % (the mean of the 5 seeds that it was chosen by, so somewhat too high; "
        "standard deviation over seeds 0.158 points); 5 of 5 seeds reach 94 %.",
        "It is itself the best found.",
        "The most accurate smaller network, p200 with 200 parameters, falls short: its mean accuracy, 50.00 %, is "
        "below 94.00 %.",
        "This is a statement about 6 networks of 6 sizes from 100 to 3,200 parameters (dnn), on 2,000 validation "
        "images; the answer is one of those with at least 5 seeds.",
        "Which images each network classifies correctly is not at hand: how alike their mistakes are is assumed.",
    ]


def test_an_absolute_answer_says_reliably():
    said = sentences.answer(found(study(), target=0.9).minimal)
    assert (
        said
        == "digits: p400 with 400 parameters is the smallest network that reliably reaches 90 % (95 % interval 400)."
    )


def test_what_the_network_asks_of_a_device_is_said():
    def demand(sample):
        return Demand(bytes=4 * sample.num_params, bits=6, ram_bytes=70, macs=sample.num_params)

    asked = {"digits": Asked(Aim(), 5, IMAGES, demand)}
    minimal = findings(study(), Limits(), asked=asked).minimal
    assert (minimal.winner.demand.bytes, minimal.best.demand.macs) == (1600, 400)
    assert sentences.details(minimal)[1] == (
        "It takes 1,600 bytes packed at 6 bits per weight, 70 bytes of RAM for activations at 8 bits, and 400 "
        "multiply-adds per image (predicted)."
    )


def test_not_reached_means_that():
    minimal = found(study(), target=0.99).minimal
    assert sentences.answer(minimal) == "digits: no network of the grid reaches 99 %; the best has 95.00 %, p400."
    assert sentences.short(minimal) == "not reached"
    assert sentences.basis(minimal) == "the best, p400, has 95.00 %"


def test_accurate_enough_but_not_steady():
    members = [one for size in (100, 200) for one in point(f"p{size}", size, [0.99, 0.9, 0.99, 0.9, 0.99])]
    said = sentences.answer(found(members, target=0.95).minimal)
    assert said.endswith("the best has 95.40 %, p100, but its standard deviation over seeds is 4.93 %, above 2.00 %.")
    failed = [one for size in (100, 200) for one in point(f"p{size}", size, [0.99, 0.99, 0.99, 0.99, 0.1])]
    said = sentences.answer(found(failed, target=0.8).minimal)
    assert said.endswith("p100, but 1 of 5 seeds diverged or stayed near chance.")
    assert "no network trains stably" in sentences.answer(found(failed).minimal)


def test_fresh_seeds_are_said():
    more = [m for m in point("p400", 400, [0.0] * 5 + [0.96, 0.94, 0.93, 0.95], fresh=True) if m.seed >= 5]
    said = sentences.details(found([*study(), *more], target=0.94).minimal)[0]
    assert said.startswith("Its validation accuracy is 94.50 % (the mean of 4 fresh seeds, trained after the choice;")
    assert said.endswith("8 of 9 seeds reach 94 %.")


def test_what_the_data_cannot_decide_is_said():
    noise = np.linspace(-0.01, 0.01, 5)
    members = [
        one
        for size, mean in ((100, 0.5), (200, 0.938), (400, 0.942), (800, 0.952))
        for one in point(f"p{size}", size, mean + noise)
    ]
    minimal = found(members, target=0.94).minimal
    text = " ".join(sentences.details(minimal))
    assert minimal.below.judgement == "undecided"
    assert "p200 with 200 parameters, may be enough too: its mean accuracy, 93.80 %, is below 94.00 %" in text
    assert "Undecided: the data do not exclude that 200 or 800 parameters are the minimal size." in text


@pytest.mark.parametrize(
    ("small", "says"),
    [
        ([0.95] * 2, "it was left after 2 seeds"),
        ([0.95, 0.95, 0.95, 0.95, 0.1], "1 of 5 seeds diverged or stayed near chance"),
        ([0.99, 0.9, 0.99, 0.9, 0.99], "its standard deviation over seeds, 4.9"),
        ([0.94 - 1e-7] * 5, "its mean accuracy, 93.99999 %, is below 94.00000 %"),
    ],
)
def test_the_reason_is_never_empty(small, says):
    """Nothing smaller is rejected without a word, whatever it is rejected for, ties of rounded numbers among them."""
    members = [*point("small", 100, small), *point("large", 200, [0.95, 0.951, 0.949, 0.95, 0.95])]
    minimal = found(members, target=0.94).minimal
    assert minimal.winner.name == "large"
    assert says in minimal.why_below


def test_hyperparameters_are_named_where_they_differ():
    rates = [
        one
        for rate, mean in ((0.1, 0.9), (0.3, 0.95))
        for one in point(
            f"a-learning_rate={rate}", 100, [mean] * 5, settings={"optimizer.learning_rate": rate, "epochs": 9}
        )
    ]
    assert sentences.answer(found(rates, target=0.92).minimal).startswith("digits: a (learning_rate=0.3) with 100 ")


def on_test(role, name, accuracy, num_params):
    return OnTest(
        role=role, point=name, name=name, num_params=num_params, accuracy=accuracy, interval=(0.92, 0.97), images=360,
        seeds=5, validation_accuracy=0.95,
    )  # fmt: skip


def test_the_test_split_is_spoken_of_once():
    first = on_test("minimal", "p400", 0.951, 400)
    one = changed(certify(study()), tested=(first,))
    text = " ".join(sentences.certificate(one))
    assert (
        "Test accuracy, measured once, after all choices: 95.10 % (mean over 5 seeds; 95 % interval 92.00 % to 97.00 % "
        "for 360 images)."
    ) in text
    assert "On the same" not in text
    others = on_test("below", "p200", 0.5, 200), on_test("best", "p1600", 0.96, 1600)
    text = " ".join(sentences.certificate(changed(one, tested=(first, *others))))
    assert (
        "On the same images the most accurate smaller network (p200, 200 parameters) reaches 50.00 % and the best "
        "network (p1600, 1,600 parameters) reaches 96.00 %."
    ) in text
    uneven = [changed(record, balanced=record.accuracy - 0.1) for record in (first, *others)]
    text = " ".join(sentences.certificate(changed(one, tested=tuple(uneven))))
    assert "95.10 % (mean over 5 seeds; 95 % interval 92.00 % to 97.00 % for 360 images), 85.10 % balanced." in text
    assert "(p200, 200 parameters) reaches 40.00 % (balanced) and" in text
    none = changed(certify(study(lambda size: 0.1)), tested=(on_test("best", "p200", 0.9, 200),))
    assert "Test accuracy of the best network, p200, measured once" in " ".join(sentences.certificate(none))


def test_a_certificate_says_how_far_it_can_be_compressed():
    sizes = lambda sample, redundancy, bits: CertificateBytes(  # noqa: E731
        float32=4 * sample.num_params, quantized=bits * 50, pruned=round(redundancy * 1000)
    )
    said = sentences.certificate(certify(study(), sizes=sizes))
    assert said[0].startswith("dnn on digits: p400 with 400 parameters is the smallest network that")
    assert said[-3:] == [
        "60 % of its kernel weights can be pruned while the accuracy stays within 1 point (95 % interval 60 to 60 %).",
        "5 bits per weight are enough for every seed.",
        "Its parameters take 1,600 bytes as float32, 250 bytes quantized to 5 bits and 600 bytes pruned and kept as "
        "float32 (computed, not measured).",
    ]
    assert sentences.certificate(certify(study(measured=False)))[-1] == "It was neither pruned nor quantized."
    one = " ".join(sentences.certificate(changed(certify(study()), bits=1)))
    assert "1 bit per weight is enough for every seed." in one


@pytest.mark.parametrize(("tolerance", "words"), [(0.01, "within 1 point "), (0.005, "within 0.5 points "),
                                                  (0.02, "within 2 points ")])  # fmt: skip
def test_the_tolerance_is_the_one_that_was_used(tolerance, words):
    assert words in " ".join(sentences.certificate(certify(study(), Limits(tolerance=tolerance))))


def test_nobody_knows_how_many_images_there_were():
    (one,) = findings([member(f"p{size}", size, seed, 0.9) for size in (10, 20) for seed in (0, 1)]).certificates
    assert "How many images there were is not recorded: 1,000 are assumed." in sentences.certificate(one)


def test_the_most_accurate_network_is_the_answer_where_it_is_asked_for():
    asked = {"digits": Asked(Aim(goal="most_accurate"), 5, IMAGES)}
    both = findings([*study(), *point("big", 9000, [0.97, 0.971, 0.969, 0.97, 0.97])], asked=asked)
    assert both.chosen.name == "big"
    said = sentences.headline(both)
    assert said.startswith("digits: big with 9,000 parameters is the most accurate network within the limits, at 97.00")
    assert findings(study()).chosen.name == "p400"
    assert found(study(), target=0.99).chosen.name == "p400"  # the best found, where none is enough
