"""Records of studies: measured on validation images, or as minjax 0.1 did on the test split."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from minjax.errors import UserError
from minjax.findings import sentences
from minjax.findings.study import findings
from minjax.records import record
from minjax.records.member import MemberFinal
from minjax.records.study import MEMBERS, MemberRecord, read_studies, read_study
from tests.findings.synthetic import changed, history, member, on_test, point
from tests.report.studies import dnn, make_study

NEW = member("p", 100, 0, 0.9, train_accuracy=0.95, history=history([1.0, 0.5], [0.5, 0.9]))
OLD = on_test(NEW)


def test_a_member_says_what_it_was_measured_on():
    assert (NEW.selection, OLD.selection) == ("validation", "test")
    for one in (NEW, OLD):
        assert one.final.accuracy == 0.9
        assert one.history.accuracy == [0.5, 0.9]
    assert "test_accuracy" not in record.builtins(NEW)["final"]
    assert set(record.builtins(OLD)["history"]) == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}


@pytest.mark.parametrize("one", [NEW, OLD], ids=["validation", "test"])
def test_both_are_read_as_they_were_written(one, tmp_path):
    record.append(tmp_path / MEMBERS, one)
    assert record.read_lines(tmp_path / MEMBERS, MemberRecord) == [one]


@pytest.mark.parametrize("more", [{}, {"validation_accuracy": 0.5, "test_accuracy": 0.5}], ids=["neither", "both"])
def test_it_is_one_or_the_other(more):
    text = json.dumps({"train_loss": 0.1, "train_accuracy": 0.5, **more})
    with pytest.raises(msgspec.ValidationError, match="either validation_accuracy or test_accuracy"):
        msgspec.json.decode(text, type=MemberFinal)


RIGHT = np.array([True] * 9 + [False])


def test_correct_images_are_written_as_base64_and_read_back(tmp_path):
    one = changed(NEW, correct=np.packbits(RIGHT).tobytes())
    record.append(tmp_path / MEMBERS, one)
    assert json.loads((tmp_path / MEMBERS).read_text())["correct"] == "/4A="
    assert record.read_lines(tmp_path / MEMBERS, MemberRecord) == [one]


def with_bits(accuracy, bits):
    return lambda: member("p", 100, 0, accuracy, correct=np.packbits(np.array(bits, bool)).tobytes())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (with_bits(0.8, RIGHT), "9 correct images in 2 bytes are not an accuracy of 0.8"),  # popcount
        (with_bits(0.9, [True] * 9 + [False] * 20), "9 correct images in 4 bytes"),  # too many bytes
        (with_bits(0.9, [True] * 8 + [False] * 3 + [True]), "9 correct images in 2 bytes"),  # beyond the last image
        (with_bits(0.0, RIGHT), "9 correct images"),
        (lambda: changed(with_bits(0.9, RIGHT)(), final=None, status="diverged"), "no validation accuracy"),
        (lambda: changed(OLD, correct=b"\xff"), "no validation accuracy"),
    ],
)
def test_damaged_correct_images_are_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_none_correct_is_an_accuracy_of_zero():
    with_bits(0.0, [False] * 10)()


def test_damaged_base64_is_one_clear_line(tmp_path):
    record.append(tmp_path / MEMBERS, changed(NEW, correct=np.packbits(RIGHT).tobytes()))
    text = (tmp_path / MEMBERS).read_text()
    for bad, says in (("/4*=", "line 1: correct: "), ("/8A=", "line 1: 10 correct images")):
        (tmp_path / MEMBERS).write_text(text.replace("/4A=", bad))
        with pytest.raises(UserError, match=says):
            record.read_lines(tmp_path / MEMBERS, MemberRecord)


def test_an_old_study_is_read_and_called_chosen_on_test():
    members = [m for size in (100, 200, 400, 800) for m in point(f"p{size}", size, [0.9] * 5)]
    (new,) = findings(members).certificates
    (old,) = findings([on_test(one) for one in members]).certificates
    assert (new.minimal.selection, old.minimal.selection) == ("validation", "test")
    assert new.minimal.num_params == old.minimal.num_params
    assert sentences.certificate(new)[1].startswith("Its validation accuracy is 90.00 % (the mean of the 5 seeds")
    said = sentences.certificate(old)[1]
    assert said.startswith("Its test accuracy is 90.00 %")
    assert "chosen on test" in said


def test_old_and_new_are_not_mixed(tmp_path):
    members = dnn(widths=(3, 10), depths=(1,))
    new, old = make_study(tmp_path / "new", members), make_study(tmp_path / "old", [on_test(one) for one in members])
    assert {one.selection for one in read_study(old).members} == {"test"}
    with pytest.raises(UserError, match="measured on different images, one on validation images"):
        read_studies([new, old])
