"""Fine-tuning keeps zeros zero under every optimizer, momentum and decay included, and trains the rest."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minjax import optim
from minjax.errors import UserError

PARAMS = {"conv": {"kernel": jnp.arange(1.0, 9.0).reshape(2, 4), "bias": jnp.zeros(4)}}
MASKS = {"conv": {"kernel": jnp.array([[True, False, True, False]] * 2), "bias": jnp.ones(4, bool)}}
ALL = jax.tree.map(jnp.ones_like, MASKS)


def steps(optimizer, params, state, count=20):
    def step(carry, key):
        params, state = carry
        gradients = jax.tree.map(lambda x: jax.random.normal(key, x.shape), params)
        updates, state = optimizer.update(gradients, state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, state), jax.random.split(jax.random.key(0), count))[0]


@pytest.mark.parametrize("name", optim.NAMES)
@pytest.mark.parametrize("decoupled", [False, True])
def test_pruned_weights_stay_zero_and_the_others_train(name, decoupled):
    inner = optim.build(name, 0.01, weight_decay=0.01, decoupled=decoupled)
    optimizer = optax.chain(inner, optim.keep_zeros(MASKS))
    warm, state = steps(optax.chain(inner, optim.keep_zeros(ALL, hold=MASKS_HELD)), PARAMS, _state(inner))
    pruned = jax.tree.map(lambda x, mask: x * mask, warm, MASKS)
    after, _ = steps(optimizer, pruned, optim.with_masks(state, MASKS))  # with the momentum of before
    assert (np.asarray(after["conv"]["kernel"])[~np.asarray(MASKS["conv"]["kernel"])] == 0).all()
    assert (after["conv"]["kernel"] != pruned["conv"]["kernel"])[MASKS["conv"]["kernel"]].all()
    assert (after["conv"]["bias"] != 0).all()  # zero at the start, and not pruned


MASKS_HELD = {"conv": {"kernel": True, "bias": False}}


def _state(inner):
    return optax.chain(inner, optim.keep_zeros(ALL, hold=MASKS_HELD)).init(PARAMS)


def test_only_pruned_leaves_are_held_and_levels_share_a_structure():
    held = optim.keep_zeros(MASKS).init(PARAMS)
    assert list(held.masks) == ["conv/kernel"]
    assert optim.keep_zeros(ALL).init(PARAMS).masks == {}
    state = _state(optim.build("sgdm", 0.1))
    other = optim.with_masks(state, MASKS)
    assert jax.tree.structure(state) == jax.tree.structure(other)
    assert (other[-1].masks["conv/kernel"] == MASKS["conv"]["kernel"]).all()


def test_weights_that_were_never_zeroed_become_zero():
    optimizer = optax.chain(optax.sgd(0.1), optim.keep_zeros(MASKS))
    after, _ = steps(optimizer, PARAMS, optimizer.init(PARAMS), count=1)
    assert (np.asarray(after["conv"]["kernel"])[~np.asarray(MASKS["conv"]["kernel"])] == 0).all()


def test_mistakes():
    optimizer = optim.keep_zeros(MASKS)
    with pytest.raises(UserError, match="names or shapes differ"):
        optimizer.init({"conv": {"kernel": jnp.ones((3, 4)), "bias": jnp.zeros(4)}})
    with pytest.raises(UserError, match="needs the parameters"):
        optimizer.update(PARAMS, optimizer.init(PARAMS))
