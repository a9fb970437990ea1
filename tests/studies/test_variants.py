"""Variants of points: their ids, settings and names, and how records are told apart."""

from __future__ import annotations

import pytest

from minjax.config.resolving import resolve_fields
from minjax.errors import UserError
from minjax.studies import families
from minjax.studies.points import points
from minjax.studies.variants import Variants
from tests.findings.synthetic import changed, member
from tests.studies.grids import CONFIG, digits

SHAPE = (8, 8, 1)


@pytest.fixture(name="study")
def _study():
    grid = digits(families.dnn((1,), (4, 8), ("equal",)), resolve=resolve_fields)
    return grid, Variants(CONFIG, SHAPE, 10, resolve_fields)


def test_a_variant_is_a_point_of_its_own(study):
    (point, _), variants = study
    found = variants(point, {"optimizer.learning_rate": 0.316, "epochs": 60})
    assert found.id != point.id
    assert (found.grid_id, found.root, point.root) == (point.id, point.id, point.id)
    assert (found.name, found.num_params, found.fields) == (point.name, point.num_params, point.fields)
    assert found.settings == {"optimizer.learning_rate": 0.316, "epochs": 60}
    assert (found.config["optimizer"]["learning_rate"], found.config["epochs"]) == (0.316, 60)
    assert point.config["epochs"] != 60
    assert variants(point, {"epochs": 60, "optimizer.learning_rate": 0.316}) is found


def test_it_is_the_point_that_a_grid_with_these_values_has(study):
    (point, _), variants = study
    found = variants(point, {"optimizer.learning_rate": 0.01})
    config = {**CONFIG, "optimizer": {**CONFIG["optimizer"], "learning_rate": 0.01}}
    (same, *_) = points(
        families.dnn((1,), (4, 8), ("equal",)), config, image_shape=SHAPE, num_classes=10, resolve=resolve_fields
    )
    assert found.id == same.id


def test_at_its_own_values_it_is_the_same_network(study):
    (point, _), variants = study
    assert variants(point, {}) is point
    found = variants(point, {"optimizer.learning_rate": point.config["optimizer"]["learning_rate"]})
    assert found.id == point.id
    assert found.settings == {"optimizer.learning_rate": 0.1}


def test_a_record_finds_its_variant(study):
    grid, variants = study
    found = variants(grid[1], {"epochs": 60})
    record = member(found.id, found.num_params, 42, 0.9, name=found.name, settings=found.settings)
    assert variants.of(record, grid) is found
    assert variants.of(changed(record, settings={"epochs": 90}), grid) is None
    assert variants.of(changed(record, name="dnn-1-equal-5"), grid) is None
    assert variants.of(changed(record, point=grid[1].id, settings={}), grid) is grid[1]


def test_a_value_that_cannot_be_is_refused(study):
    (point, _), variants = study
    with pytest.raises(UserError, match="learning_rate"):
        variants(point, {"optimizer.learning_rate": -1.0})
