"""A member's curves are those of `NetworkCurves` on the network alone, padded or not, one device or many."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

from minjax import models, optim, tree
from minjax.curves import versions
from minjax.curves.network import NetworkCurves
from minjax.curves.population import PopulationCurves
from minjax.errors import UserError
from minjax.models import padded
from minjax.train import state as train_state
from minjax.train.pace import Pace
from minjax.train.population import Population
from tests.train.populations import BATCH, IMAGES, NEVER, SHAPE, TRAIN, inputs, network, partition, partitions

AMOUNTS = versions.amounts(6)
BITS = (8, 4, 3, 2, 1)
SCHEME = "symmetric_channel_minmax"
WIDE = (9, 6)
MEMBERS = [((9, 6), 1), ((4, 5), 2), ((1, 1), 3), ((3, 3), 1)]
SEEDS = [seed for _, seed in MEMBERS]


@pytest.fixture(scope="module")
def trained():
    """A padded population with what it was trained to."""
    model, transformation = models.build("dnn", 3, widths=WIDE), optim.build("sgdm", 0.05)

    def initial(seed, live):
        draw = lambda key: padded.initial(model, live, SHAPE, key)  # noqa: E731
        return train_state.begin(draw, transformation, seed)

    many = Population(
        model.apply, lambda traits: transformation, initial, TRAIN, inputs(), images=IMAGES, epochs=1,
        batch_size=BATCH, capacity=5, together=False,
    )  # fmt: skip
    many.pace = Pace(fixed=10**6)
    lives = jax.tree.map(lambda *x: np.stack(x), *[padded.live(network(w), SHAPE) for w, _ in MEMBERS])
    (result,) = many.train(np.array(SEEDS), lives, partitions(SEEDS), stop=NEVER)
    return model, many, result


def member_curves(trained, method, scheme=SCHEME):
    model, many, _ = trained
    return PopulationCurves(
        model.apply, many, inputs(), images=IMAGES[1], method=method, amounts=AMOUNTS, bits=BITS, scheme=scheme,
        live=lambda live: padded.where_live(model, live, SHAPE), batch_size=20,
    )  # fmt: skip


def real(widths):
    shapes = models.parameter_shapes("dnn", 3, SHAPE, widths=widths)["params"]
    return {name: math.prod(leaf.shape) for name, leaf in tree.leaves(shapes).items()}


def by_curves(trained, place, method, scheme):
    """The same versions of the narrow network on its own validation images, by the program of task=compress."""
    widths, seed = MEMBERS[place]
    part = partition(seed)
    narrow = models.build("dnn", 3, widths=widths)
    wide = jax.tree.map(lambda x: np.asarray(x[place]), trained[2].carry.state.params)
    params = padded.cut(wide, trained[0], narrow, SHAPE)
    curves = NetworkCurves(
        narrow, params, {}, part.inputs(inputs()), TRAIN.take(part.validation), TRAIN.images[:20],
        schemes=[scheme], include="*kernel", key=jax.random.key(0), batch_size=20,
    )  # fmt: skip
    asked = versions.pruning([method], AMOUNTS, ["trained"])
    asked += versions.quantization(BITS, [scheme], ["trained"])[1:]
    lines = [line for some in curves.measure(asked, stop=NEVER) for line in some]
    return (
        [(line.amount, line.accuracy) for line in lines if line.curve == "pruning"],
        [(line.bits, line.accuracy) for line in lines if line.curve == "quantization"],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "scheme"), [("global_l1", SCHEME), ("l1", SCHEME), ("global_l1", "asymmetric_tensor_percentile")]
)
def test_a_padded_member_has_the_curves_of_the_network_alone(trained, method, scheme):
    _, _, result = trained
    curves = member_curves(trained, method, scheme)
    state = result.carry.state
    sizes = [real(widths) for widths, _ in MEMBERS]
    found = curves.measure(state.params, state.model_state, result.traits, partitions(SEEDS), sizes, 0, stop=NEVER)
    assert curves.program.compilations == 1
    for place, mine in enumerate(found):
        pruning, quantization = by_curves(trained, place, method, scheme)
        assert mine.pruning == pruning
        assert mine.quantization == quantization
    assert len({tuple(map(tuple, mine.pruning)) for mine in found}) > 1


def test_only_what_is_wanted_is_measured_and_cuts_change_nothing(trained):
    _, _, result = trained
    curves = member_curves(trained, "global_l1")
    curves.pace.fixed = 3
    state = result.carry.state
    sizes = [real(widths) for widths, _ in MEMBERS]
    arguments = (state.params, state.model_state, result.traits)
    every = curves.measure(*arguments, partitions(SEEDS), sizes, 0, stop=NEVER)
    dispatches = []
    few = curves.measure(
        *arguments, partitions(SEEDS[1:]), sizes[1:], 1, stop=lambda: dispatches.append(1) is not None,
        wanted=[True, False, True],
    )  # fmt: skip
    assert len(dispatches) == 2 * math.ceil((len(AMOUNTS) + len(BITS)) / 3)
    assert few == [every[1], None, every[3]]
    assert curves.measure(*arguments, partitions(SEEDS), sizes, 0, stop=lambda: True) is None


def test_other_methods_are_refused(trained):
    with pytest.raises(UserError, match="global_l1"):
        member_curves(trained, "random")
