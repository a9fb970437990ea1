"""What networks ask of a device: as the file that is written, as counted by hand; and the limits of a study."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from configs.studies import base
from minjax import data, models
from minjax.compress import save_packed
from minjax.config.resolving import resolve_fields
from minjax.errors import UserError
from minjax.findings.samples import samples
from minjax.records.answer import Demand
from minjax.studies import families
from minjax.studies.points import points
from minjax.tasks.assembly import about
from minjax.tasks.study import settings
from minjax.tasks.study.demands import KERNELS, LIMITS, Demands, of_samples, said, within
from minjax.tasks.study.partitions import Partitions
from tests.findings.synthetic import changed, member

SEEDS = (42, 43, 44)
NETWORKS = [
    *families.dnn((0, 2), (7,), ("increasing",)),
    *families.cnn((6,), (3,), blocks=("separable",), heads=("average",), batch_norms=(True,), paddings=("SAME",)),
    *families.resnet((8,), (3,)),
    *families.vit((1,), (12,), (3,), (7,)),
]


@pytest.fixture(scope="module", name="digits")
def _digits():
    return data.load("digits")


@pytest.fixture(scope="module", name="config")
def _config():
    config = base.get_config()
    config.dataset.name = "digits"
    return settings.settle(config)


def grid(choices, config):
    return points(choices, config, image_shape=(8, 8, 1), num_classes=10, resolve=resolve_fields, skip=True)


def demands(digits, config, bits=8, seeds=SEEDS):
    return Demands(digits, Partitions(digits, config, seeds), seeds, bits)


@pytest.mark.parametrize("choice", NETWORKS, ids=lambda choice: choice.name)
@pytest.mark.parametrize("bits", [8, 1])
def test_the_bytes_are_those_of_the_file_that_a_run_writes(choice, bits, digits, config, tmp_path):
    (point,) = grid([choice], config)
    fields = {field: tuple(value) if isinstance(value, list) else value for field, value in point.fields.items()}
    shapes = models.parameter_shapes(point.family, 10, image_shape=(8, 8, 1), **fields)
    variables = jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), shapes)
    sizes = []
    for seed in SEEDS:
        dataset = data.load("digits", validation_fraction=0.2, seed=seed)  # as task=train does
        path = tmp_path / f"{seed}.mjx"
        save_packed(path, variables, bits=bits, include=KERNELS, about=about(point.config, dataset))
        sizes.append(path.stat().st_size)
        assert demands(digits, config, bits, (seed,))(point).bytes == sizes[-1]
    assert demands(digits, config, bits)(point).bytes == max(sizes)


def test_ram_and_multiply_adds_counted_by_hand(digits, config):
    dnn, cnn = grid([*families.dnn((1,), (5,)), *families.cnn((2,), (1,))], config)
    asks = demands(digits, config)
    assert (asks(dnn).ram_bytes, asks(dnn).macs) == (64 + 5, 64 * 5 + 5 * 10)
    assert (asks(cnn).ram_bytes, asks(cnn).macs) == (64 + 6 * 6 * 2, 6 * 6 * 9 * 2 + 72 * 10)


def test_one_architecture_is_counted_once(digits, config, monkeypatch):
    choices = families.dnn((1,), (5, 6))
    rates = [dataclasses.replace(one, name=f"{one.name}-slow") for one in choices]
    for one in rates:
        one.overrides["optimizer.learning_rate"] = 0.01
    asks, counted = demands(digits, config), []
    monkeypatch.setattr(asks, "_of", lambda point: counted.append(point.name) or Demand(bytes=1, ram_bytes=1, macs=1))
    for point in grid([*choices, *rates], config):
        asks(point)
    assert len(counted) == 2


@pytest.fixture(name="three")
def _three(config):
    return grid(families.dnn((1,), (2, 4, 8)), config)  # 160, 310 and 610 parameters


def limited(three, **limits):
    asked = []

    def demand(point):
        asked.append(point.num_params)
        size = point.num_params
        return Demand(bytes=10 * size, ram_bytes=1000 - size, macs=size)  # the largest has the least RAM

    study = {name: limits.get(name) for name in LIMITS}
    kept, left_out = within(three, demand, study)
    return [point.num_params for point in kept], said(left_out), asked


def test_without_limits_nothing_is_left_out_and_nothing_computed(three):
    assert limited(three) == ([160, 310, 610], "", [])


def test_networks_beyond_a_limit_are_left_out_and_counted(three):
    assert limited(three, max_params=310) == ([160, 310], "left out: 1 network above study.max_params=310", [])
    kept, text, asked = limited(three, max_params=310, max_bytes=1600)
    assert (kept, sorted(set(asked))) == ([160], [160, 310])
    assert text == "left out: 1 network above study.max_params=310 and 1 network above study.max_bytes=1,600"
    assert limited(three, max_ram_bytes=690)[0] == [310, 610]
    assert limited(three, max_macs=609)[0] == [160, 310]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_params": 159}, "study.max_params is 159; the smallest of the grid, dnn-1-equal-2, has 160 parameters"),
        (
            {"max_bytes": 9},
            "study.max_bytes is 9; the one with the smallest file of the grid, dnn-1-equal-2, takes 1,600",
        ),
        (
            {"max_params": 310, "max_ram_bytes": 600},
            "study.max_ram_bytes is 600; the one with the least RAM of the networks within study.max_params=310, "
            "dnn-1-equal-4, takes 690 bytes",
        ),
    ],
)
def test_limits_that_no_network_meets_are_refused(three, limits, message):
    with pytest.raises(UserError, match="study") as caught:
        limited(three, **limits)
    assert message in str(caught.value)


def test_a_sample_asks_for_what_its_architecture_does_however_it_was_trained(three):
    demand = of_samples(lambda point: Demand(bytes=point.num_params, ram_bytes=1, macs=1), three)
    tuned = member("id", 310, 0, 0.9, fields=three[1].fields, settings={"optimizer.learning_rate": 0.3})
    other = member("other", 999, 0, 0.9, fields={"widths": [77]})
    (sample,), (unknown,) = (samples([one, changed(one, seed=1)]) for one in (tuned, other))
    assert (demand(sample).bytes, demand(unknown)) == (310, None)
