"""Convolutions of a population on an accelerator, in one of two forms (`members_as`).

*groups*: the members' channels become the groups of one convolution, which cuDNN has kernels for. `vmap` of a
convolution whose kernels differ between members does that too, but not of its gradient for the weights: differentiating
first and batching then makes a forward convolution of it whose window is the whole image. So members are folded into
groups before the gradients are formed, and all three convolutions of a layer are grouped ones of the layer's own
window.

*products*: each convolution is a product of the kernels with the patches of the images, batched over the members. It
writes every pixel as often as the kernel has elements, but needs no kernel for groups.

By the programs compiled for an H200 (docs/programs.md) 16 members of ResNet18_S move 13.1 GB a step as groups and 32.7
as products; so it is groups, until a device has measured both (benchmarks/accelerator.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from minjax.errors import unknown
from minjax.models import patches

LAYOUT = ("NHWC", "HWIO", "NHWC")
FORMS = ("groups", "products")
Pairs = tuple[tuple[int, int], tuple[int, int]]

_form: ContextVar[str] = ContextVar("form", default="groups")


@contextlib.contextmanager
def members_as(form: str) -> Iterator[None]:
    """Trace the convolutions of populations in one of `FORMS`.

    Raises:
        UserError: an unknown form.
    """
    if form not in FORMS:
        raise unknown("form of members' convolutions", form, FORMS)
    token = _form.set(form)
    try:
        yield
    finally:
        _form.reset(token)


def convolution(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Images [N,H,W,in] and kernel [h,w,in,out] -> [N,H',W',out]; with `vmap`, one for all members."""

    def products(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        return (patches.convolution(strides, pads, *arrays),)

    return _folded(partial(_convolve, strides, pads), products, (_images, _kernel), (_unfold_images,), x, kernel)[0]


def gradients(
    strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array, g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The gradients of the images and of the kernel from that of the result, [N,H',W',out]."""

    def both(groups: int, x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
        return jax.vjp(lambda *args: _convolve(strides, pads, groups, *args)[0], x, kernel)[1](g)

    products = partial(patches.gradients, strides, pads)
    found = _folded(both, products, (_images, _kernel, _images), (_unfold_images, _unfold_kernel), x, kernel, g)
    return found[0], found[1]


def _convolve(strides, pads: Pairs, groups: int, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
    return (lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT, feature_group_count=groups),)


def _folded(
    function: Callable[..., Any], products: Callable[..., Any], folds: tuple, unfolds: tuple, *arrays: jax.Array
) -> tuple[jax.Array, ...]:
    """A function of arrays whose batching rule folds the new axis into groups, or batches products.

    Args:
        function: (number of groups, *arrays) -> results.
        products: arrays -> results, by matrix products.
        folds: for each array, how its leading axis of members is folded into its channels.
        unfolds: for each result, the way back.
        *arrays: its arguments.
    """

    @custom_vmap
    def run(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        return function(1, *arrays)

    @run.def_vmap
    def rule(size: int, batched: list[bool], *arrays: jax.Array) -> tuple[tuple[jax.Array, ...], tuple[bool, ...]]:
        whole = [
            array if has else jnp.broadcast_to(array, (size, *array.shape))
            for array, has in zip(arrays, batched, strict=True)
        ]
        if _form.get() == "products":
            return jax.vmap(products)(*whole), (True,) * len(unfolds)
        results = function(size, *(fold(array) for fold, array in zip(folds, whole, strict=True)))
        return tuple(back(size, result) for back, result in zip(unfolds, results, strict=True)), (True,) * len(results)

    return run(*arrays)


def _images(x: jax.Array) -> jax.Array:
    """[M,N,H,W,C] -> [N,H,W,M*C]."""
    members, *rest, channels = x.shape
    return jnp.moveaxis(x, 0, 3).reshape(*rest, members * channels)


def _unfold_images(members: int, x: jax.Array) -> jax.Array:
    return jnp.moveaxis(x.reshape(*x.shape[:-1], members, -1), 3, 0)


def _kernel(kernel: jax.Array) -> jax.Array:
    """[M,h,w,I,O] -> [h,w,I,M*O]: the outputs of a group read the inputs of the same group."""
    members, height, width, inputs, outputs = kernel.shape
    return jnp.moveaxis(kernel, 0, 3).reshape(height, width, inputs, members * outputs)


def _unfold_kernel(members: int, kernel: jax.Array) -> jax.Array:
    return jnp.moveaxis(kernel.reshape(*kernel.shape[:-1], members, -1), 3, 0)
