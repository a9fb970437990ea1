"""Adam with weight decay in the gradient, as in PyTorch's Adam, or decoupled from it, as in AdamW."""

from __future__ import annotations

import optax
from jax.typing import ArrayLike

from minjax.optim.weight_decay import descend


def adam(
    learning_rate: optax.ScalarOrSchedule,
    weight_decay: ArrayLike = 0.0,
    *,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    decoupled: bool = False,
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1): p -= lr m_hat / (sqrt(v_hat) + eps).

    Args:
        learning_rate: a number, a traced scalar or an optax schedule over steps.
        weight_decay: times the parameters, is added to the gradient (L2), or with `decoupled` to the direction.
        b1: decay of the first moment, at least 0 and below 1.
        b2: decay of the second moment, at least 0 and below 1.
        eps: added outside the square root.
        decoupled: use AdamW.

    >>> import jax.numpy as jnp, optax
    >>> optimizer = adam(0.1)
    >>> params = jnp.array([1.0, -2.0])
    >>> updates, state = optimizer.update(params, optimizer.init(params), params)
    >>> print(updates.round(3))  # the first step has the size of the learning rate, whatever the gradient
    [-0.1  0.1]
    """
    return descend(optax.scale_by_adam(b1=b1, b2=b2, eps=eps), learning_rate, weight_decay, decoupled)
