"""Which points share a program."""

from __future__ import annotations

import pytest

from configs.studies.base import get_config
from minjax.config.resolving import resolve_fields
from minjax.studies import families, grid
from minjax.studies.cost import nominal
from minjax.studies.groups import Workload, groups
from minjax.studies.points import points
from minjax.tasks.study import settings

WORK = Workload(images=1150, validation_images=287, evaluations=0, image_shape=(8, 8, 1), classes=10)


def grouped(*axes, family):
    """The names of the points of each group."""
    asked = settings.settle(get_config())
    choices = grid.product(family, grid.sweep(axes))
    found = points(choices, asked, image_shape=(8, 8, 1), num_classes=10, resolve=resolve_fields)
    machine = nominal("cpu")
    return [{point.name for point in group.points} for group in groups(found, WORK, machine, 5, 16, machine)]


@pytest.mark.parametrize("field", ["optimizer.learning_rate", "optimizer.weight_decay"])
@pytest.mark.parametrize(
    "family",
    [families.dnn(widths=(4, 5), depths=(1,)), families.cnn(channels=(2,), depths=(1,))],
    ids=["padded", "alone"],
)
def test_learning_rates_and_weight_decays_cost_no_program(family, field):
    (names,) = grouped((field, (0.1, 0.01, 0.0)), family=family)
    assert len(names) == 3 * len(family)


def test_another_optimizer_or_momentum_has_its_own():
    one = families.cnn(channels=(2,), depths=(1,))
    assert len(grouped(("optimizer.momentum", (0.9, 0.5)), family=one)) == 2
    assert len(grouped(("optimizer.name", ("sgdm", "adam")), family=one)) == 2
    assert len(grouped(("epochs", (1, 2)), family=one)) == 2


def test_networks_that_cannot_be_padded_have_their_own():
    several = families.cnn(channels=(2, 3), depths=(1,))
    assert len(grouped(("optimizer.learning_rate", (0.1, 0.01)), family=several)) == 2
