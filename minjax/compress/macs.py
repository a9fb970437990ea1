"""Multiply-adds of one image, counted in the program that JAX traces: nothing is computed and no layer is named.

Every multiply-add of these networks is in a convolution or a matrix product. The trace says which leaf of the
parameters each of them takes its kernel from; those that take none are products of activations, as attention's
queries x keys and weights x values. Elementwise work (biases, normalisation, activations, pooling) is not counted,
and a convolution's multiplications by the zeros of its padding are, as in the literature's counts.
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

ACTIVATIONS = ""  # stands for a kernel where both factors are activations


@dataclasses.dataclass(frozen=True)
class MultiplyAdds:
    """Multiply-adds of one image.

    Attributes:
        total: of the whole network, dense.
        kernels: leaf name -> its share, for every leaf that is a factor of a convolution or a matrix product.
        activations: products of activations with one another (attention); pruning weights does not change them.
    """

    total: int
    kernels: dict[str, int]
    activations: int

    def sparse(self, nonzero: Mapping[str, int], counts: Mapping[str, int]) -> int:
        """Multiply-adds without those of pruned weights: every weight of a kernel takes part in equally many.

        Args:
            nonzero: leaf name -> weights that are left; a leaf that is not named is dense.
            counts: leaf name -> weights, for the leaves in `nonzero`.
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
    """Count the multiply-adds of one image.

    Args:
        apply: (variables, images [1,H,W,C] float32) -> logits, such as ``partial(model.apply, train=False)``.
        variables: {"params": ..., ...}, arrays or `jax.ShapeDtypeStruct`. Names in the result are those of "params".
        image_shape: height, width, channels.

    Raises:
        UserError: whatever `apply` says of images that it cannot take.
        ValueError: a loop of unknown length.
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
    traced = jax.make_jaxpr(apply)(variables, images)
    names = [name.partition("/")[2] if name.startswith("params/") else None for name in tree.leaves(variables)]
    found, _ = _walk(traced.jaxpr, [*names, None])
    activations = found.pop(ACTIVATIONS, 0)
    return MultiplyAdds(sum(found.values()) + activations, dict(found), activations)


def _walk(jaxpr: Any, sources: Sequence[str | None]) -> tuple[Counter[str], list[str | None]]:
    """The products of a program by kernel, and which leaf each of its results is made of.

    Args:
        jaxpr: the program.
        sources: the leaf that each argument is made of; None: no one leaf.
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
            # Of several programs one runs: a convolution is written in a way of its own for each platform.
            walks = [_walk(program, inputs[-len(program.invars) :]) for program in inner]
            counted, outputs = max(walks, key=lambda walk: walk[0].total())
            times = _repetitions(equation) if counted else 1
            found.update({name: times * count for name, count in counted.items()})
        elif len(inputs) == 1:
            outputs = inputs * len(outputs)  # a kernel in another type or shape is still that kernel
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
