"""Stochastic gradient descent with momentum, as in PyTorch's SGD with dampening 0."""

from __future__ import annotations

import optax
from jax.typing import ArrayLike

from minjax.optim.weight_decay import descend


def sgdm(
    learning_rate: optax.ScalarOrSchedule,
    weight_decay: ArrayLike = 0.0,
    *,
    momentum: ArrayLike = 0.9,
    nesterov: bool = False,
    decoupled: bool = False,
) -> optax.GradientTransformation:
    """SGD with momentum: v = momentum v + g, then p -= lr v, or p -= lr (g + momentum v) for Nesterov.

    The learning rate is outside the velocity, so a change acts at once on everything accumulated so far.

    Args:
        learning_rate: a number, a traced scalar or an optax schedule over steps.
        weight_decay: times the parameters, is added to the gradient, or with `decoupled` to v.
        momentum: the velocity's decay, at least 0 and below 1.
        nesterov: look ahead (Sutskever et al., On the importance of initialization and momentum, ICML 2013).
        decoupled: keep weight decay out of the velocity.

    >>> import jax.numpy as jnp, optax
    >>> optimizer = sgdm(0.1, momentum=0.5)
    >>> params = jnp.array([1.0, -2.0])
    >>> state = optimizer.init(params)
    >>> for _ in range(2):
    ...     updates, state = optimizer.update(params, state, params)  # the gradient of |params|^2 / 2
    ...     params = optax.apply_updates(params, updates)
    >>> print([round(float(p), 3) for p in params])
    [0.76, -1.52]
    """
    return descend(optax.trace(decay=momentum, nesterov=nesterov), learning_rate, weight_decay, decoupled)
