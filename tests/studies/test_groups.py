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

WORK = Workload(images={None: 1150, 100: 100}, validation_images=287, evaluations=0, image_shape=(8, 8, 1), classes=10)


def made(*axes, family, **overrides):
    """The groups of a family with further axes."""
    config = get_config()
    for field, value in overrides.items():
        config.model[field] = value
    asked = settings.settle(config)
    choices = grid.product(family, grid.sweep(axes)) if axes else family
    found = points(choices, asked, image_shape=(8, 8, 1), num_classes=10, resolve=resolve_fields)
    machine = nominal("cpu")
    return groups(found, WORK, machine, 5, 16, machine)


def grouped(*axes, family):
    """The names of the points of each group."""
    return [{point.name for point in group.points} for group in made(*axes, family=family)]


@pytest.mark.parametrize("field", ["optimizer.learning_rate", "optimizer.weight_decay"])
@pytest.mark.parametrize(
    "family",
    [families.dnn(widths=(4, 5), depths=(1,)), families.cnn(channels=(2,), depths=(1,)), families.vit(dims=(8,))],
    ids=["dnn", "cnn", "vit"],
)
def test_learning_rates_and_weight_decays_cost_no_program(family, field):
    for names in grouped((field, (0.1, 0.01, 0.0)), family=family):
        assert len(names) % 3 == 0


def test_another_optimizer_or_momentum_has_its_own():
    one = families.cnn(channels=(2,), depths=(1,))
    assert len(grouped(("optimizer.momentum", (0.9, 0.5)), family=one)) == 2
    assert len(grouped(("optimizer.name", ("sgdm", "adam")), family=one)) == 2
    assert len(grouped(("epochs", (1, 2)), family=one)) == 2
    assert len(grouped(("dataset.limit_train", (100, None)), family=one)) == 2


SEPARABLE = {"blocks": ("separable",), "paddings": ("SAME",), "heads": ("average",), "batch_norms": (True,)}


@pytest.mark.parametrize(
    ("family", "wide"),
    [
        (families.dnn(depths=(2,), widths=(3, 5)), {"widths": [5, 5]}),
        (families.cnn(channels=(2, 3), depths=(2,)), {"channels": [3, 3]}),
        (families.cnn(channels=(2, 5, 3), depths=(2,), **SEPARABLE, stems=("half",)), {"channels": [2, 5]}),
        (families.resnet(depths=(8,), widths=(2, 3)), {"width": 3}),
    ],
    ids=["dnn", "cnn", "separable", "resnet"],
)
def test_small_networks_of_a_kind_share_the_program_of_the_widest(family, wide):
    (group,) = made(family=family)
    assert group.padded
    assert len(group.points) == len(family)
    assert {field: group.config["model"][field] for field in wide} == wide


def test_networks_of_other_kinds_do_not_share():
    kinds = families.cnn(channels=(2, 3), depths=(1, 2), batch_norms=(False, True))
    found = made(family=kinds)
    assert sorted(len(group.points) for group in found) == [2, 2, 2, 2]
    for group in found:
        assert len({len(point.fields["channels"]) for point in group.points}) == 1
        assert len({bool(point.fields.get("batch_norm")) for point in group.points}) == 1


def test_what_is_alone_or_has_dropout_is_not_padded():
    (alone,) = made(family=families.cnn(channels=(2,), depths=(1,)))
    assert not alone.padded
    dropout = made(family=families.dnn(widths=(3, 5), depths=(1,)), dropout=0.5)
    assert [group.padded for group in dropout] == [False, False]


def test_networks_whose_training_costs_more_than_a_compilation_are_not_padded_to():
    found = made(family=families.dnn(depths=(1,), widths=(1, 2, 9000)))
    assert [{point.labels["width"] for point in group.points} for group in found] == [{1, 2}, {9000}]
