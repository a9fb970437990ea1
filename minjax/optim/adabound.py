"""AdaBound and AMSBound: Adam with step sizes clipped to a band that narrows to those of SGD."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from minjax.errors import UserError
from minjax.optim.schedules import Schedule
from minjax.optim.weight_decay import descend


class ScaleByAdaboundState(NamedTuple):
    """Steps taken, the raw moments and, for AMSBound only, the largest raw second moment so far (else None)."""

    count: jax.Array  # type: ignore[assignment]  # int32 scalar, named as in optax's states
    mu: optax.Updates
    nu: optax.Updates
    nu_max: optax.Updates | None


def bounds(step: jax.Array, final_scale: ArrayLike, gamma: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """The smallest and largest step size after `step` gradient steps (from 1), as multiples of the learning rate.

    In Luo et al. they are final_scale (1 - 1 / (gamma t + 1)) and final_scale (1 + 1 / (gamma t)). The first is written
    as gamma t / (gamma t + 1) here, because in float32 the difference loses four digits at t = 1.
    """
    progress = jnp.multiply(gamma, step.astype(float))
    return jnp.multiply(final_scale, progress / (progress + 1)), jnp.multiply(final_scale, 1 + 1 / progress)


def scale_by_adabound(
    final_scale: ArrayLike,
    gamma: ArrayLike = 1e-3,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    *,
    amsbound: bool = False,
) -> optax.GradientTransformation:
    """Rescale updates as AdaBound does, except for the factor of the learning rate.

    The step size lr / (sqrt(v_hat) + eps) and the band it is clipped to, final_lr lr / base_lr (1 -+ ...), share the
    factor lr, which is left to the end of the chain, where a schedule scales both.

    Args:
        final_scale: final_lr / base_lr, to which both bounds converge.
        gamma: how fast they converge; 0 never clips, which is Adam.
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the square root of the raw second moment, before its bias is corrected.
        amsbound: use the largest raw second moment so far instead of the current one.

    Returns:
        A transformation with state `ScaleByAdaboundState`; its moments have the types of the parameters.
    """

    def init_fn(params: optax.Params) -> ScaleByAdaboundState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return ScaleByAdaboundState(jnp.zeros([], jnp.int32), zeros, zeros, zeros if amsbound else None)

    def update_fn(
        updates: optax.Updates, state: ScaleByAdaboundState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, ScaleByAdaboundState]:
        del params
        mu = optax.tree.update_moment(updates, state.mu, b1, 1)
        nu = optax.tree.update_moment_per_elem_norm(updates, state.nu, b2, 2)
        nu_max = jax.tree.map(jnp.maximum, state.nu_max, nu) if amsbound else None
        count = optax.safe_increment(state.count)
        step = count.astype(float)
        correction = jnp.sqrt(1 - b2**step) / (1 - b1**step)
        lower, upper = bounds(count, final_scale, gamma)

        def scaled(m: jax.Array, v: jax.Array) -> jax.Array:
            step_size = jnp.clip(correction / (jnp.sqrt(v) + eps), lower, upper)
            return (step_size * m).astype(m.dtype)

        scaled_updates = jax.tree.map(scaled, mu, nu_max if amsbound else nu)
        return scaled_updates, ScaleByAdaboundState(count, mu, nu, nu_max)

    return optax.GradientTransformation(init_fn, update_fn)


def adabound(
    learning_rate: optax.ScalarOrSchedule,
    weight_decay: ArrayLike = 0.0,
    *,
    final_lr: ArrayLike = 0.1,
    gamma: ArrayLike = 1e-3,
    b1: ArrayLike = 0.9,
    b2: ArrayLike = 0.999,
    eps: ArrayLike = 1e-8,
    base_lr: ArrayLike | None = None,
    decoupled: bool = False,
    amsbound: bool = False,
) -> optax.GradientTransformation:
    """AdaBound: Adam at first, SGD with momentum and learning rate `final_lr` in the end.

    Args:
        learning_rate: a number, a traced scalar or an optax schedule over steps, which scales the bounds too.
        weight_decay: times the parameters, is added to the gradient, or with `decoupled` to the direction.
        final_lr: the learning rate of SGD to which the bounds converge, while the learning rate is `base_lr`.
        gamma: how fast they converge: after t steps they are within 1 / (gamma t) of it, relatively.
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the square root of the second moment.
        base_lr: the learning rate that `final_lr` belongs to. By default the learning rate if it is a number, the
            `base_lr` of a schedule from `minjax.optim.schedules`, or the first value of another schedule.
        decoupled: keep weight decay out of the moments.
        amsbound: use AMSBound, which takes the largest second moment so far.

    Raises:
        UserError: the base learning rate is 0, for instance because a schedule starts at 0 and none was given.

    >>> import jax.numpy as jnp, optax
    >>> optimizer = adabound(0.1, final_lr=0.5)
    >>> params = jnp.array([1.0, -2.0])
    >>> state = optimizer.init(params)
    >>> for _ in range(3):
    ...     updates, state = optimizer.update(params, state, params)  # the gradient of |params|^2 / 2
    ...     params = optax.apply_updates(params, updates)
    >>> print([round(float(p), 3) for p in params])
    [0.702, -1.701]

    References:
        Luo, Xiong, Liu and Sun, `Adaptive Gradient Methods with Dynamic Bound of Learning Rate
        <https://arxiv.org/abs/1902.09843>`_, ICLR 2019, algorithms 2 and 3; the bounds and the scaling by
        lr / base_lr are those of their code.
    """
    final_scale = final_lr / _base_lr(learning_rate, base_lr)
    direction = scale_by_adabound(final_scale, gamma, b1, b2, eps, amsbound=amsbound)
    return descend(direction, learning_rate, weight_decay, decoupled)


def _base_lr(learning_rate: optax.ScalarOrSchedule, base_lr: ArrayLike | None) -> ArrayLike:
    if base_lr is not None:
        return base_lr
    if isinstance(learning_rate, Schedule):
        base_lr = learning_rate.base_lr
    elif callable(learning_rate):
        base_lr = learning_rate(0)
    else:
        base_lr = learning_rate
    try:
        zero = float(jnp.asarray(base_lr)) == 0
    except TypeError:  # traced, or an array of several
        return base_lr
    if zero:
        raise UserError(
            "adabound: its bounds are relative to the learning rate of the first step, which is 0 here; "
            "give base_lr, the learning rate that final_lr belongs to"
        )
    return base_lr
