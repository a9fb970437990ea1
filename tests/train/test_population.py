"""A member of a population is the run trained alone; padded is unpadded; company and cuts change nothing."""

from __future__ import annotations

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest

from minjax import models, optim
from minjax.models import padded
from minjax.train import state as train_state
from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.pace import Pace
from minjax.train.population import Population
from tests.train.populations import (
    BATCH,
    EPOCHS,
    IMAGES,
    NEVER,
    SHAPE,
    TRAIN,
    alone,
    beginning,
    classified,
    inputs,
    network,
    optimizer,
    partition,
    partitions,
    population,
    right,
    same,
    train,
    train_traits,
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "together"), [("sgdm", False), ("sgdm", True), ("adam", False), ("adabound", True)])
def test_a_padded_member_is_the_run_alone_in_float64(name, together):
    members = [((3, 5), 4), ((5, 2), 1)]
    with jax.enable_x64(True):
        histories, params = train(population((8, 8), name=name, dtype="float64", together=together), members)
        for (widths, seed), history, mine in zip(members, histories, params, strict=True):
            losses, own = alone(widths, seed, name, "float64")
            held = history.validation_loss, history.validation_correct / IMAGES[1]
            measured = (history.train_loss, history.train_correct, *held)
            np.testing.assert_allclose(np.stack(measured, 1), losses, rtol=1e-9)
            np.testing.assert_array_equal(right(history), classified(widths, own, seed, "float64"))
            assert right(history).sum() == history.validation_correct[-1]
            jax.tree.map(
                partial(np.testing.assert_allclose, atol=1e-9),
                dict(own),
                padded.cut(mine, network((8, 8)), network(widths), SHAPE),
            )
            dead = sum(map(np.count_nonzero, jax.tree.leaves(mine))) - sum(map(np.size, jax.tree.leaves(own)))
            assert dead <= 0  # what is not live stays zero


def test_a_linear_classifier_is_a_padded_network_without_hidden_layers():
    with jax.enable_x64(True):
        (history,), (mine,) = train(population((), dtype="float64"), [((), 4)])
        losses, own = alone((), 4, "sgdm", "float64")
        np.testing.assert_allclose(history.train_loss, [loss for loss, *_ in losses], rtol=1e-9)
        np.testing.assert_array_equal(right(history), classified((), own, 4, "float64"))
        jax.tree.map(
            partial(np.testing.assert_allclose, atol=1e-9), dict(own), padded.cut(mine, network(()), network(()), SHAPE)
        )


@pytest.mark.slow
def test_the_first_step_agrees_to_float32_rounding():
    members = [((3, 5), 4), ((5, 2), 9)]
    many = population((8, 8))
    many.pace = Pace(fixed=1)  # a step a dispatch
    seeds = np.array([seed for _, seed in members])
    lives = jax.tree.map(lambda *x: np.stack(x), *[padded.live(network(w), SHAPE) for w, _ in members])
    members_on = many.spread((seeds.astype(np.int32), lives, partitions(seeds)))
    carry = many._spread_some(many._like(*members_on[:2]), [])
    for place, (widths, seed) in enumerate(members):
        span = map(np.int32, (place, place + 1, 0, 1))
        carry = many.program(carry, *members_on, many.images, many.labels, *span)
        model, transformation, part = network(widths), optimizer(), partition(seed)
        own = TRAIN.take(part.train)
        engine = Engine(model, transformation, own, part.inputs(inputs()), batch_size=BATCH)
        start = engine.place(jax.jit(beginning(model, transformation, "float32", live=False))(seed, ()))
        after, totals = engine.run(start, engine.place(Totals.zero()), 1, 0, 1)
        assert abs(float(carry.totals.loss[place]) / float(totals.loss) - 1) < 1e-6
        wide = jax.tree.map(lambda x: np.asarray(x[place]), carry.state.params)  # noqa: B023
        mine = padded.cut(wide, network((8, 8)), network(widths), SHAPE)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), dict(after.params), mine)


@pytest.mark.slow
def test_one_by_one_neither_company_nor_cuts_change_a_bit():
    members = [((3, 5), 4), ((8, 8), 1), ((5, 2), 4), ((1, 1), 0)]
    whole, params = train(population((8, 8)), members)
    cut = population((8, 8))
    cut.pace = Pace(fixed=3)
    histories, again = train(cut, members)
    same((whole, params), (histories, again))
    few, mine = train(population((8, 8)), members[1:3])
    same((whole[1:3], params[1:3]), (few, mine))
    assert cut.program.compilations == 1


@pytest.mark.slow
def test_together_a_cut_changes_no_bit():
    members = [((3, 5), 4), ((8, 8), 1)]
    cut = population((8, 8), together=True)
    cut.pace = Pace(fixed=3)
    same(train(population((8, 8), together=True), members), train(cut, members))


@pytest.mark.slow
def test_networks_of_other_families_have_members_too():
    model, transformation = models.build("cnn", 3, channels=(4,), batch_norm=True), optimizer()
    initial = lambda seed, traits: train_state.init(model, transformation, SHAPE, seed)  # noqa: E731
    make = partial(
        Population, model.apply, lambda traits: transformation, initial, TRAIN, inputs(),
        images=IMAGES, epochs=1, batch_size=BATCH, evaluation_batch=20,
    )  # fmt: skip
    both, _ = train(make(capacity=2, together=False), [((), 3), ((), 5)], live=False)
    for seed, history in zip((3, 5), both, strict=True):
        one, _ = train(make(capacity=1, together=False), [((), seed)], live=False)
        same(one[0], history)
    assert float(both[0].train_loss[0]) != float(both[1].train_loss[0])


@pytest.mark.parametrize("together", [False, True])
def test_a_member_that_diverges_takes_no_other_down(together):
    model = network((8,))

    def initial(seed, traits):
        state = train_state.init(model, optimizer(), SHAPE, seed)
        return dataclasses.replace(state, params=jax.tree.map(lambda x: x * traits, state.params))

    transformation = optimizer()
    many = Population(
        model.apply, lambda traits: transformation, initial, TRAIN, inputs(), images=IMAGES, epochs=EPOCHS,
        batch_size=BATCH, capacity=3, together=together,
    )  # fmt: skip
    scale = np.array([1.0, np.inf, 1.0], np.float32)
    (trained, *others) = list(many.train(np.array([1, 1, 2]), scale, partitions((1, 1, 2)), stop=NEVER))
    histories = [jax.tree.map(lambda x: x[i], t.history) for t in (trained, *others) for i in range(t.count)]  # noqa: B023
    assert [int(h.bad_step) for h in histories] == [-1, 0, -1]
    assert np.isfinite(histories[2].validation_loss).all()
    assert not np.isfinite(histories[1].train_loss).any()


def test_members_differ_in_the_images_that_they_see():
    """One network, one seed of its own randomness, three divisions of the images: three results."""
    many, seeds = population((8, 8)), np.array([4, 4, 4])
    lives = jax.tree.map(lambda x: np.stack([x] * 3), padded.live(network((8, 8)), SHAPE))
    many.pace = Pace(fixed=10**6)
    (trained,) = many.train(seeds, lives, partitions([4, 5, 4]), stop=NEVER)
    first, other, again = (jax.tree.map(lambda x: x[i], trained.history) for i in range(3))  # noqa: B023
    same(first, again)
    assert (first.train_loss != other.train_loss).all()
    assert not set(partition(4).train) & set(partition(4).validation)


RATES = [(0.2, 0.0), (0.01, 0.1)]  # learning rate and weight decay of each member


@pytest.mark.slow
@pytest.mark.parametrize(("name", "together"), [("sgdm", True), ("adam", False), ("adabound", False)])
def test_learning_rates_and_weight_decays_share_a_program(name, together):
    """Each member is the run that its own optimizer trains, with its numbers compiled in."""

    def optimizer_of(traits):
        rate, decay = traits
        schedule = optim.schedules.build("cosine", rate, total_steps=EPOCHS * (IMAGES[0] // BATCH), warmup_steps=2)
        more = {"base_lr": rate} if name == "adabound" else {}
        return optim.build(name, schedule, weight_decay=decay, **more)

    def histories(traits, of):
        model = network((6,), "float64")
        initial = lambda seed, own: train_state.in_float64(train_state.init(model, of(own), SHAPE, seed))  # noqa: E731
        many = Population(
            model.apply, of, initial, TRAIN, inputs("float64"), images=IMAGES, epochs=EPOCHS, batch_size=BATCH,
            capacity=len(traits[0]), together=together,
        )  # fmt: skip
        found, _ = train_traits(many, [7] * len(traits[0]), traits)
        assert many.program.compilations == 1
        return found

    with jax.enable_x64(True):
        every = histories(tuple(np.array(column) for column in zip(*RATES, strict=True)), optimizer_of)
        for mine, fixed in zip(every, RATES, strict=True):
            (own,) = histories((np.zeros(1), np.zeros(1)), lambda traits: optimizer_of(fixed))  # noqa: B023
            np.testing.assert_allclose(mine.train_loss, own.train_loss, rtol=1e-9)
            np.testing.assert_allclose(mine.validation_loss, own.validation_loss, rtol=1e-9)
        assert len({float(one.validation_loss[-1]) for one in every}) == 2


def test_stop_ends_between_dispatches():
    asked = []
    many = population((8, 8))
    many.pace = Pace(fixed=2)

    def stop():
        asked.append(1)
        return len(asked) > 3

    lives = jax.tree.map(lambda x: x[None], padded.live(network((3, 5)), SHAPE))
    assert list(many.train(np.array([1]), lives, partitions([1]), stop=stop)) == []
    assert len(asked) == 4


def test_more_members_than_the_capacity_are_refused():
    with pytest.raises(ValueError, match="takes 1 to 2"):
        list(population((8, 8), capacity=2).train(np.arange(3), (), partitions(range(3)), stop=NEVER))
