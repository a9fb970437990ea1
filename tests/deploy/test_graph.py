"""The graph: what is alive at once, what is folded, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.deploy import building
from minjax.deploy.graph import PIXELS, Flatten, Graph, Linear, Normalize, Sum, peak_activations
from minjax.errors import UserError
from tests.deploy.networks import EVERY, network


def built(family: str) -> Graph:
    made = network(family)
    return building.build(made.model, made.variables, made.image_shape, mean=made.mean, std=made.std)


def linear(name: str, source: str, inputs: int, outputs: int) -> Linear:
    return Linear(name=name, inputs=(source,), shape=(outputs,), kernel=np.zeros((inputs, outputs)), bias=None)


def chain(*layers) -> Graph:
    ones = np.ones(1, np.float32)
    first = Normalize(name="input", inputs=(PIXELS,), shape=(2, 2, 1), scale=ones, shift=ones)
    return Graph("dnn", (2, 2, 1), (first, *layers))


def test_peak_of_a_chain_is_its_largest_pair_of_neighbours():
    flat = Flatten(name="flatten", inputs=("input",), shape=(4,))
    # 4 + 10, 10 + 3: the flattened image is the image.
    assert peak_activations(chain(flat, linear("a", "flatten", 4, 10), linear("b", "a", 10, 3))) == 14


def test_what_a_later_layer_reads_stays_alive():
    flat = Flatten(name="flatten", inputs=("input",), shape=(4,))
    first, second = linear("a", "flatten", 4, 4), linear("b", "a", 4, 7)
    third, total = linear("c", "b", 7, 4), Sum(name="sum", inputs=("flatten", "c"), shape=(4,))
    assert peak_activations(chain(flat, first, second, third, total)) == 4 + 7 + 4  # the image waits for the sum


@pytest.mark.parametrize("family", EVERY)
def test_every_layer_reads_earlier_ones_and_the_last_gives_the_classes(family):
    graph = built(family)
    known = {PIXELS}
    for layer in graph.layers:
        assert set(layer.inputs) <= known
        known.add(layer.name)
    assert len(known) == len(graph.layers) + 1  # no name twice
    assert graph.layers[-1].shape == (5,)
    assert graph.normalize.shape == graph.image_shape


def test_weights_that_are_not_numbers_are_refused():
    made = network("dnn")
    made.variables["params"]["head"]["bias"][0] = np.nan
    with pytest.raises(UserError, match="head: its bias holds NaN or infinity"):
        building.build(made.model, made.variables, made.image_shape, mean=made.mean, std=made.std)


def test_a_module_of_another_kind_is_refused():
    with pytest.raises(UserError, match="type int cannot be exported; known: DNN, CNN, ResNet, SmallResNet, VGG, ViT"):
        building.build(3, {}, (2, 2, 1), mean=(0,), std=(1,))
