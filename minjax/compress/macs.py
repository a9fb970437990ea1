"""Multiply-adds for one image, counted in the program that JAX traces: nothing is computed and no layer is listed.

All multiply-adds of these networks are in convolutions and matrix products. The trace tells which leaf of the
parameters each takes its kernel from; those that take none are products of activations, like queries x keys and weights
x values in attention. As is usual in the literature, elementwise work (biases, normalisation, activations, pooling) is
not counted, while a convolution's multiplications by zeros in the padding are.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from minjax import tree

ACTIVATIONS = ""  # stands for the kernel where both factors are activations


@dataclasses.dataclass(frozen=True)
class MultiplyAdds:
    """Multiply-adds for one image.

    Attributes:
        total: those of the whole dense network.
        kernels: leaf name -> multiply-adds with it, for every leaf used in a convolution or a matrix product.
        activations: products of activations with each other (attention), which pruning weights does not change.
    """

    total: int
    kernels: dict[str, int]
    activations: int

    def sparse(self, nonzero: Mapping[str, int], counts: Mapping[str, int]) -> int:
        """Multiply-adds without those of pruned weights; each weight of a kernel takes part in the same number.

        Args:
            nonzero: leaf name -> how many weights are left; leaves that are not listed are dense.
            counts: leaf name -> how many weights there are, for the leaves in `nonzero`.
        """
        pruned = sum(
            dense * (counts[name] - nonzero[name]) // counts[name]
            for name, dense in self.kernels.items()
            if name in nonzero
        )
        return self.total - pruned


def multiply_adds(
    apply: Callable[..., Any], variables: Mapping[str, Any], image_shape: tuple[int, int, int]
) -> MultiplyAdds:
    """Count the multiply-adds for one image.

    Args:
        apply: (variables, images [1,H,W,C] float32) -> logits, such as ``partial(model.apply, train=False)``.
        variables: {"params": ..., ...}, arrays or `jax.ShapeDtypeStruct`; leaf names are those of "params".
        image_shape: height, width, channels.

    Raises:
        UserError: `apply` cannot take images of this shape.
        ValueError: a loop of unknown length.
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    traced = jax.make_jaxpr(apply)(variables, images)
    names = [name.partition("/")[2] if name.startswith("params/") else None for name in tree.leaves(variables)]
    found, _ = _walk(traced.jaxpr, [*names, None])
    activations = found.pop(ACTIVATIONS, 0)
    return MultiplyAdds(sum(found.values()) + activations, dict(found), activations)


def _walk(jaxpr: Any, sources: Sequence[str | None]) -> tuple[Counter[str], list[str | None]]:
    """The multiply-adds of a program by kernel, and the leaf that each of its results comes from.

    Args:
        jaxpr: the program.
        sources: the leaf that each argument comes from; None: no single leaf.
    """
    found: Counter[str] = Counter()
    source: dict[Any, str | None] = dict(zip(jaxpr.invars, sources, strict=True))
    for equation in jaxpr.eqns:
        inputs = [None if isinstance(v, core.Literal) else source.get(v) for v in equation.invars]
        inner = list(core.jaxprs_in_params(equation.params))
        outputs: list[str | None] = [None] * len(equation.outvars)
        if equation.primitive.name in _PRODUCTS:
            kernel = next((name for name in inputs if name is not None), ACTIVATIONS)
            found[kernel] += _PRODUCTS[equation.primitive.name](equation)
        elif inner:
            walks = [_walk(program, inputs[-len(program.invars) :]) for program in inner]
            if equation.primitive.name == "cond":
                # A convolution is written differently for each platform. The last branch is the plain one; others may
                # multiply by zeros.
                counted, outputs = walks[-1]
            else:
                counted, outputs = max(walks, key=lambda walk: walk[0].total())
            times = _repetitions(equation) if counted else 1
            found.update({name: times * count for name, count in counted.items()})
        elif len(inputs) == 1:
            outputs = inputs * len(outputs)  # a kernel cast or reshaped is still that kernel
        source.update(zip(equation.outvars, outputs, strict=True))
    return found, [None if isinstance(v, core.Literal) else source.get(v) for v in jaxpr.outvars]


def _repetitions(equation: Any) -> int:
    if equation.primitive.name == "while":
        raise ValueError("multiply-adds in a loop of unknown length cannot be counted; use lax.scan")
    return equation.params["length"] if equation.primitive.name == "scan" else 1


def _of_dot(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = equation.invars[0].aval.shape
    return equation.outvars[0].aval.size * math.prod(left[axis] for axis in contracted)


def _of_convolution(equation: Any) -> int:
    kernel = equation.invars[1].aval
    outputs = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    return equation.outvars[0].aval.size * kernel.size // outputs


_PRODUCTS = {"dot_general": _of_dot, "conv_general_dilated": _of_convolution}
