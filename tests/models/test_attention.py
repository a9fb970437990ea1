"""Attention by cuDNN, as far as it can be seen without a GPU: the program that is handed to XLA for one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax._src.cudnn import fused_attention_stablehlo

from minjax import models
from minjax.models import attention

AMPERE = (8, 0)


@pytest.fixture(autouse=True)
def cudnn(monkeypatch):
    """A cuDNN that is new enough, as JAX asks for its version while it traces."""
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", lambda: 91000)


def kernels(function, *arguments) -> int:
    """How many of cuDNN's attention kernels the program for a GPU calls."""
    with attention.compiling_for(AMPERE):
        lowered = jax.jit(function).trace(*arguments).lower(lowering_platforms=("cuda",))
    return lowered.as_text().count("custom_call @__cudnn$fmha")


def queries(*shape, dtype=jnp.bfloat16):
    return jnp.ones(shape, dtype)


def loss(x: jax.Array) -> jax.Array:
    return jnp.square(attention.attend(x, x, x, 0.2).astype(jnp.float32)).sum()


@pytest.mark.parametrize("tokens", [64, 65])
@pytest.mark.parametrize("members", [None, 4])
def test_one_kernel_in_each_direction_whatever_the_tokens_and_members(tokens, members):
    step = jax.grad(loss) if members is None else jax.vmap(jax.grad(loss))
    shape = (8, tokens, 2, 24) if members is None else (members, 8, tokens, 2, 24)
    assert kernels(step, queries(*shape)) == 2


def test_members_of_the_papers_transformer_in_bfloat16():
    model = models.build("vit_s", 10, dtype="bfloat16")
    images = jnp.zeros((2, 32, 32, 3))
    params = jax.eval_shape(lambda key: model.init(key, images, train=False), jax.random.key(0))["params"]
    several = jax.tree.map(lambda x: jax.ShapeDtypeStruct((3, *x.shape), x.dtype), params)
    gradient = jax.grad(lambda params: jnp.square(model.apply({"params": params}, images, train=False)).sum())
    assert kernels(jax.vmap(gradient), several) == 2 * model.depth


@pytest.mark.parametrize("x", [queries(8, 65, 2, 24, dtype=jnp.float32), queries(8, 65, 2, 20)])
def test_none_in_float32_or_for_other_head_dimensions(x):
    assert kernels(jax.grad(loss), x) == 0
