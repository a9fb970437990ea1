"""What the test split says of the networks that a study chose: known answers, without training."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from minjax import data
from minjax.data.dataset import Split
from minjax.tasks.study import testing
from minjax.tasks.study.partitions import Partitions
from tests.findings.synthetic import point

IMAGES = np.zeros((10, 2, 2, 1), np.uint8)
LABELS = np.array([0] * 8 + [1] * 2, np.int32)
TEST = Split(IMAGES, LABELS)
TRAIN = Split(np.zeros((100, 2, 2, 1), np.uint8), np.tile(LABELS, 10))
DATASET = data.Dataset(
    name="uneven", train=TRAIN, test=TEST, validation=None, class_names=("common", "rare"), mean=(0.5,), std=(0.5,),
    augment="none",
)  # fmt: skip


def outcome_of(monkeypatch, metric):
    """The record of a network with two seeds: one is right about the common class alone, the other diverged."""
    config = {
        "dataset": {"validation_fraction": 0.2, "limit_train": None, "normalize": "none"},
        "study": {"metric": metric, "curve_images": None},
    }
    own = Partitions(DATASET, config, [1, 2])
    common = own.labels(1) == 0
    plan = SimpleNamespace(
        dataset=DATASET, partitions=own, point_of=lambda member: member.point, group=lambda member: "group"
    )
    outcomes = [testing.Outcome(LABELS == 0, common), None]
    monkeypatch.setattr(testing, "outcomes", lambda program, members, test, stop: outcomes[: len(members)])
    sample = SimpleNamespace(members=[point("p", 10, [0.5, 0.5])[0]], seeds=(1, 2), point="p", name="p", num_params=10)
    record = testing._tested(plan, {"group": None}, "minimal", sample, lambda: False)
    return record, common.mean()


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy"])
def test_a_diverged_member_counts_as_guessing_and_balanced_accuracy_is_given_where_it_chose(monkeypatch, metric):
    record, common = outcome_of(monkeypatch, metric)
    assert record.accuracy == pytest.approx(np.mean([0.8, 0.8]))  # always the common class is right for 8 of 10
    assert (record.images, record.seeds) == (10, 2)
    if metric == "accuracy":
        assert record.balanced is None
        assert record.validation_accuracy == pytest.approx(np.mean([common, 0.8]))
    else:
        assert record.balanced == record.validation_accuracy == pytest.approx(0.5)
