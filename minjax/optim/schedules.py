"""Learning-rate schedules: constant, multistep and cosine, each with a linear warm-up.

As in optax, a schedule is a function of the step, counted from 0: `schedule(0)` is the learning rate of the first
gradient step. Each is a learning rate times a factor that depends on the step, so the learning rate may be a traced
scalar, and one compiled program serves a whole population of learning rates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from minjax.config.kinds import Each, Integer
from minjax.errors import unknown
from minjax.optim.numbers import check

Factor = Callable[[jax.Array], jax.Array]


@dataclass(frozen=True, eq=False)
class Schedule:
    """`schedule(step) = base_lr * factor(step)`; the factor is at most 1 if the decay factor is.

    `base_lr` is the learning rate without warm-up and decay. AdaBound uses it, because its bounds are relative to it
    and `schedule(0)` is only a fraction of it during a warm-up.
    """

    base_lr: ArrayLike
    factor: Factor

    def __call__(self, step: ArrayLike) -> jax.Array:
        """The learning rate (a scalar) of gradient step `step` (an integer scalar, from 0)."""
        return jnp.multiply(self.base_lr, self.factor(jnp.asarray(step)))


def build(
    kind: str,
    learning_rate: ArrayLike,
    *,
    total_steps: int,
    warmup_steps: int = 0,
    milestones: Sequence[int] = (),
    decay_factor: ArrayLike = 0.1,
) -> Schedule:
    """Build the learning rate as a function of the step.

    Args:
        kind: ``constant``; ``multistep``: multiplied by `decay_factor` at each milestone, as in PyTorch's MultiStepLR;
            ``cosine``: half a cosine from the end of the warm-up to 0 at `total_steps` (Loshchilov and Hutter,
            SGDR, 2017, equation 5, one period).
        learning_rate: the learning rate without warm-up and decay; a number or a traced scalar.
        total_steps: gradient steps in the whole run. The last one is `total_steps - 1`, so its rate is above 0.
        warmup_steps: for any kind, the rate rises linearly over this many steps, including the first: step s <
            warmup_steps has (s + 1) / warmup_steps of it. So no step is wasted at a rate of 0, and the first step after
            the warm-up has the full rate. A run that is shorter than its warm-up ends during it.
        milestones: multistep: the first steps with each lower rate (counted from 0, including the warm-up).
        decay_factor: multistep: the factor that a milestone multiplies the rate by.

    Returns:
        A `Schedule`, called with an integer step (which may be traced), returning a scalar of JAX's default float type.

    Raises:
        UserError: an unknown kind, a number out of range, or a number of steps that is not whole.

    >>> schedule = build("multistep", 0.1, total_steps=30, milestones=(10, 20), warmup_steps=2)
    >>> [round(float(schedule(step)), 4) for step in (0, 1, 9, 10, 20)]
    [0.05, 0.1, 0.1, 0.01, 0.001]
    """
    if kind not in FACTORS:
        raise unknown("schedule", kind, FACTORS)
    check("schedule", learning_rate=learning_rate, decay_factor=decay_factor)
    total_steps = Integer(1).check("total_steps", total_steps)
    warmup_steps = Integer(0).check("warmup_steps", warmup_steps)
    milestones = Each(Integer(0)).check("milestones", milestones)
    factor = FACTORS[kind](total_steps, warmup_steps, milestones, decay_factor)
    return Schedule(learning_rate, _warm_up(factor, warmup_steps) if warmup_steps else factor)


def _warm_up(factor: Factor, warmup_steps: int) -> Factor:
    return lambda step: jnp.minimum((_float(step) + 1) / warmup_steps, 1.0) * factor(step)


def _float(step: jax.Array) -> jax.Array:
    return step.astype(float)  # float64 under JAX_ENABLE_X64; float32 holds every step up to 2^24 exactly


def _constant(total_steps: int, warmup_steps: int, milestones: Sequence[int], decay_factor: ArrayLike) -> Factor:
    return lambda step: jnp.ones_like(_float(step))


def _multistep(total_steps: int, warmup_steps: int, milestones: Sequence[int], decay_factor: ArrayLike) -> Factor:
    def factor(step: jax.Array) -> jax.Array:
        value = jnp.ones_like(_float(step))
        for milestone in milestones:
            value = jnp.where(step >= milestone, value * decay_factor, value)
        return value

    return factor


def _cosine(total_steps: int, warmup_steps: int, milestones: Sequence[int], decay_factor: ArrayLike) -> Factor:
    length = max(total_steps - warmup_steps, 1)  # a run that ends during its warm-up never reaches the cosine

    def factor(step: jax.Array) -> jax.Array:
        left = jnp.clip(_float(total_steps - step) / length, 0.0, 1.0)
        return jnp.sin(0.5 * jnp.pi * left) ** 2  # (1 + cos(pi (1 - left))) / 2, exact to the last step in float32

    return factor


FACTORS: dict[str, Callable[[int, int, Sequence[int], ArrayLike], Factor]] = {
    "constant": _constant,
    "multistep": _multistep,
    "cosine": _cosine,
}
