"""The record of a member: completed, diverged, failed; what JSON does not have is None."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from minjax.records.member import MemberSeconds
from minjax.records.study import MemberRecord
from minjax.studies.points import Member, Point
from minjax.tasks.study.members import failed, trained
from minjax.train.population import History

DATA = SimpleNamespace(name="digits", num_classes=10)
IMAGES = {"train": 100, "validation": 50}
SECONDS = MemberSeconds(train=1.0, curves=0.5)
POINT = Point(
    id="0123456789ab", name="dnn-1-equal-8", family="dnn", fields={"widths": [8]}, labels={"width": 8}, num_params=610,
    overrides={"model.name": "dnn", "model.widths": [8], "model.init": "paper", "optimizer.learning_rate": 0.01},
    config={}, names=("dnn-1-equal-8", "widths=8"),
)  # fmt: skip
MEMBER = Member(POINT, 3)


def history(loss=(230.0, 115.0), bad_step=-1):
    return History(
        train_loss=np.array(loss, np.float32),
        train_correct=np.array([10, 90], np.int32),
        validation_loss=np.array([100.0, 1 / 3], np.float32),
        validation_correct=np.array([5, 40], np.int32),
        bad_step=np.int32(bad_step),
        images=np.packbits(np.arange(50) < 40),
    )


def test_a_completed_member():
    record = trained(MEMBER, DATA, history(), IMAGES, None, SECONDS, chance=0.1)
    assert (record.point, record.seed, record.status) == ("0123456789ab", 3, "completed")
    assert record.names == ["dnn-1-equal-8", "widths=8"]
    assert record.settings == {"model.init": "paper", "optimizer.learning_rate": 0.01}  # not the architecture
    assert record.chance == pytest.approx(0.1)
    assert record.final.train_loss == pytest.approx(1.15)
    assert (record.final.train_accuracy, record.final.validation_accuracy) == (0.9, 0.8)
    assert record.history.validation_loss == [2.0, 0.00666667]  # to six digits
    assert record.final.validation_loss != 0.00666667  # in full
    assert np.unpackbits(np.frombuffer(record.correct, np.uint8), count=50).tolist() == [1] * 40 + [0] * 10
    assert not record.fresh
    assert trained(Member(POINT, 3, fresh=True), DATA, history(), IMAGES, None, SECONDS, chance=0.1).fresh
    assert msgspec.json.decode(msgspec.json.encode(record), type=MemberRecord) == record


def test_balanced_accuracy_counts_classes_alike():
    labels = np.r_[np.zeros(40, int), np.ones(10, int)]  # all of the first are right and none of the second
    record = trained(MEMBER, DATA, history(), IMAGES, None, SECONDS, chance=0.5, labels=labels)
    assert (record.final.balanced_accuracy, record.final.validation_accuracy) == (0.5, 0.8)
    assert (record.final.accuracy, record.final.share_correct, record.chance) == (0.5, 0.8, 0.5)
    plain = trained(MEMBER, DATA, history(), IMAGES, None, SECONDS, chance=0.1)
    assert (plain.final.balanced_accuracy, plain.final.accuracy) == (None, 0.8)
    assert msgspec.json.decode(msgspec.json.encode(record), type=MemberRecord) == record


def test_a_diverged_member_has_a_history_and_no_end():
    record = trained(MEMBER, DATA, history((230.0, np.nan), bad_step=12), IMAGES, None, SECONDS, chance=0.1)
    assert (record.status, record.diverged_step, record.final) == ("diverged", 12, None)
    assert record.correct is None
    assert record.history.train_loss == [2.3, None]


def test_a_failed_member_has_a_reason():
    record = failed(MEMBER, DATA, "RESOURCE_EXHAUSTED: out of memory", chance=0.3)
    assert (record.status, record.error, record.history) == ("failed", "RESOURCE_EXHAUSTED: out of memory", None)
    assert (record.seconds.train, record.chance) == (0, 0.3)
