"""Convolutions of a population on an accelerator, in one of two forms (`members_as`).

*groups*: the members' channels become the groups of one convolution, which cuDNN has kernels for. `vmap` of a
convolution whose kernels differ between members does that too, but not of its gradient for the weights: differentiating
first and batching then makes a forward convolution of it whose window is the whole image. So members are folded into
groups before the gradients are formed, and all three convolutions of a layer are grouped ones of the layer's own
window or, with strides, of a smaller one (`_gradient_by_places`).

*products*: each convolution is a product of the kernels with the patches of the images, batched over the members. It
writes every pixel as often as the kernel has elements, but needs no kernel for groups.

By the programs compiled for an H200 (docs/programs.md) 16 members of ResNet18_S move less than half as many bytes a
step as groups; so it is groups, until a device has measured both (benchmarks/accelerator.py).
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
NOT_TPU = ("cpu", "cuda", "rocm")  # the plain convolution is the default, because `compress.macs` counts that
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
    results = patches.counts(strides, pads, x.shape[1:3], kernel.shape)
    if patches.is_tiny(x.shape[1:3], results, kernel.shape):
        products = partial(patches.tiny_convolution, strides, pads)
        return lax.platform_dependent(
            x, kernel, **dict.fromkeys(NOT_TPU, products), default=partial(_convolution, strides, pads)
        )
    return _convolution(strides, pads, x, kernel)


def _convolution(strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array) -> jax.Array:
    def products(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        return (patches.convolution(strides, pads, *arrays),)

    return _folded(partial(_convolve, strides, pads), products, (_images, _kernel), (_unfold_images,), x, kernel)[0]


def gradients(
    strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array, g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The gradients of the images and of the kernel from that of the result, [N,H',W',out]."""
    if patches.is_tiny(x.shape[1:3], g.shape[1:3], kernel.shape):
        products = partial(patches.tiny_gradients, strides, pads)
        return lax.platform_dependent(
            x, kernel, g, **dict.fromkeys(NOT_TPU, products), default=partial(_gradients, strides, pads)
        )
    return _gradients(strides, pads, x, kernel, g)


def _gradients(
    strides: tuple[int, int], pads: Pairs, x: jax.Array, kernel: jax.Array, g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    def both(groups: int, x: jax.Array, kernel: jax.Array, g: jax.Array) -> tuple[jax.Array, ...]:
        of_images, of_kernel = jax.vjp(lambda *args: _convolve(strides, pads, groups, *args)[0], x, kernel)[1](g)
        if strides != (1, 1) and kernel.shape[:2] == (1, 1) and pads == ((0, 0), (0, 0)):
            of_images = _gradient_of_pixels_read(strides, groups, x.shape, kernel, g)
        elif strides != (1, 1) and groups > 1:
            of_images = _gradient_by_places(strides, pads, groups, x.shape, kernel, g)
        return of_images, of_kernel

    products = partial(patches.gradients, strides, pads)
    found = _folded(both, products, (_images, _kernel, _images), (_unfold_images, _unfold_kernel), x, kernel, g)
    return found[0], found[1]


def _convolve(strides, pads: Pairs, groups: int, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, ...]:
    return (lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=LAYOUT, feature_group_count=groups),)


def _gradient_of_pixels_read(
    strides: tuple[int, int], groups: int, x_shape: tuple[int, ...], kernel: jax.Array, g: jax.Array
) -> jax.Array:
    """The gradient of the images of a 1x1 convolution with strides, zero but for the pixels that it reads.

    Those alone are computed. The zeros between them need no memory: whatever adds the gradient puts it in place.
    """
    small = jax.ShapeDtypeStruct((*g.shape[:3], x_shape[3]), g.dtype)
    (read,) = jax.linear_transpose(lambda x: _convolve((1, 1), ((0, 0), (0, 0)), groups, x, kernel)[0], small)(g)
    rest = [
        (0, size - (stride * (count - 1) + 1), stride - 1)
        for size, stride, count in zip(x_shape[1:3], strides, g.shape[1:3], strict=True)
    ]
    return lax.pad(read, jnp.zeros((), read.dtype), [(0, 0, 0), *rest, (0, 0, 0)])


def _gradient_by_places(
    strides: tuple[int, int], pads: Pairs, groups: int, x_shape: tuple[int, ...], kernel: jax.Array, g: jax.Array
) -> jax.Array:
    """The gradient of the images [N,H,W,M*in] of a grouped convolution with strides, from that of its result.

    For groups XLA would write out `g` with zeros between its pixels, four times as large for strides of 2, and convolve
    that. Here the images are divided into blocks of a pixel for each place between the strides. A block's pixels are
    channels of one convolution of `g` itself: pixel stride * i + place sees g[i + offset] through the kernel's element
    place + (padding before) - stride * offset, where there is one.
    """
    inputs, outputs = kernel.shape[2], kernel.shape[3] // groups
    before = [low for low, _ in pads]
    first = [
        -((window - 1 - low) // stride) for window, low, stride in zip(kernel.shape, before, strides, strict=False)
    ]
    last = [(stride - 1 + low) // stride for low, stride in zip(before, strides, strict=True)]
    offsets = [high - low + 1 for low, high in zip(first, last, strict=True)]
    # The element at last - offset, place is the kernel's at stride * (last - offset) + place - start.
    starts = [stride * high - low for stride, high, low in zip(strides, last, before, strict=True)]
    rests = [
        s * n - start - window for s, n, start, window in zip(strides, offsets, starts, kernel.shape, strict=False)
    ]
    wide = patches.zero_pad(kernel, (*zip(starts, rests, strict=True), 0, 0))
    wide = wide.reshape(offsets[0], strides[0], offsets[1], strides[1], inputs, groups, outputs)
    turned = wide[::-1, :, ::-1].transpose(0, 2, 6, 5, 1, 3, 4).reshape(*offsets, outputs, -1)

    blocks = [-(-size // stride) for size, stride in zip(x_shape[1:3], strides, strict=True)]
    around = [(-low, n + high - size) for low, high, n, size in zip(first, last, blocks, g.shape[1:3], strict=True)]
    # cuDNN pads by the same number before and after; anything else would take a kernel of its own.
    rows, columns = (max(pair) for pair in around)
    top, left = rows - around[0][0], columns - around[1][0]
    found = _convolve((1, 1), ((rows, rows), (columns, columns)), groups, g, turned)[0][
        :, top : top + blocks[0], left : left + blocks[1]
    ]
    found = found.reshape(-1, *blocks, groups, *strides, inputs).transpose(0, 1, 4, 2, 5, 3, 6)
    whole = found.reshape(-1, blocks[0] * strides[0], blocks[1] * strides[1], groups * inputs)
    return whole[:, : x_shape[1], : x_shape[2]]


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
