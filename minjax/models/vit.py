"""Vision Transformer (Dosovitskiy et al. 2021) as in paper 1 (Folea).

The paper's code departs from the original: attention is scaled by dim**-0.5 instead of (dim / heads)**-0.5, the class
token and the positions are drawn from N(0, 1), and the head is layer norm, linear, GELU, dropout, linear. The first two
can be changed by fields.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.errors import UserError
from minjax.models.attention import attend
from minjax.models.dropout import Dropout
from minjax.models.layers import Dense, Dtype, at_least_float32
from minjax.models.normalization import LayerNorm
from minjax.wiring import Fixed, Group, Point, Reader, Source, Wiring, classifier_ends


class Attention(nn.Module):
    """Multi-head self-attention: queries, keys and values without bias, followed by a linear layer.

    Attributes:
      heads: number of heads.
      head_dim: numbers per head.
      scale: factor applied to the products of queries and keys.
    """

    heads: int
    head_dim: int
    scale: float
    initialization: str = "paper"
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Tokens [B,T,D] -> [B,T,D]."""
        batch, tokens, dim = x.shape
        inner = self.heads * self.head_dim
        dense = functools.partial(Dense, initialization=self.initialization, dtype=self.dtype)
        qkv = dense(3 * inner, use_bias=False, name="qkv")(x)
        q, k, v = jnp.moveaxis(qkv.reshape(batch, tokens, 3, self.heads, self.head_dim), 2, 0)
        return dense(dim, name="out")(attend(q, k, v, self.scale).reshape(batch, tokens, inner))


class Block(nn.Module):
    """A pre-norm transformer block: x + attention(norm(x)), then x + mlp(norm(x)); exact GELU."""

    heads: int
    head_dim: int
    mlp_dim: int
    scale: float
    dropout: float
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """Tokens [B,T,D] -> [B,T,D]."""
        dense = functools.partial(Dense, initialization=self.initialization, dtype=self.dtype)
        drop = functools.partial(Dropout, self.dropout, self.axis_name)
        y = LayerNorm(dtype=self.dtype, name="norm1")(x)
        y = Attention(
            self.heads,
            self.head_dim,
            self.scale,
            initialization=self.initialization,
            dtype=self.dtype,
            name="attention",
        )(y)
        x = x + drop(name="dropout1")(y, train)
        y = LayerNorm(dtype=self.dtype, name="norm2")(x)
        y = nn.gelu(dense(self.mlp_dim, rectified=True, name="hidden")(y), approximate=False)
        y = dense(x.shape[-1], name="out")(drop(name="dropout2")(y, train))
        return x + drop(name="dropout3")(y, train)


class ViT(nn.Module):
    """A vision transformer with a class token and learned positions.

    Attributes:
      num_classes: number of outputs.
      patch_size: width and height of a patch in pixels; must divide both sides of an image.
      dim: width of a token; a multiple of `heads`.
      depth: number of transformer blocks.
      heads: number of heads in each attention layer.
      mlp_dim: hidden units in each block and in the head.
      dropout: dropout rate after attention, in the linear layers and in the head.
      embedding_dropout: dropout rate after the positions are added.
      attention_scale: "dim": dim**-0.5, the paper's; "head_dim": (dim / heads)**-0.5, the original's.
      position_scale: standard deviation of the initial class token and positions: 1 in the paper.
      initialization: "paper" (PyTorch's default) or "he".
      dtype: type of the computation.
      axis_name: the pmap axis, or None.
      block_heads: heads of each block; None: `heads`. Set in shrunk networks, whose heads keep dim / heads numbers.
      mlp_dims: hidden units of each block and, last, of the head; None: `mlp_dim`. Set in shrunk networks.
    """

    num_classes: int
    patch_size: int = 4
    dim: int = 512
    depth: int = 6
    heads: int = 8
    mlp_dim: int = 512
    dropout: float = 0.1
    embedding_dropout: float = 0.1
    attention_scale: str = "dim"
    position_scale: float = 1.0
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None
    block_heads: tuple[int, ...] | None = None
    mlp_dims: tuple[int, ...] | None = None

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Images [B,H,W,C] whose sides `patch_size` divides -> float32 logits [B,num_classes].

        Raises:
          UserError: patch_size does not divide a side.
        """
        dense = functools.partial(Dense, initialization=self.initialization)
        draw = nn.initializers.normal(self.position_scale)
        x = dense(self.dim, dtype=self.dtype, name="embedding")(self._patches(images))
        token = self.param("class_token", draw, (1, 1, self.dim)).astype(self.dtype)
        x = jnp.concatenate([jnp.broadcast_to(token, (x.shape[0], 1, self.dim)), x], axis=1)
        x = x + self.param("positions", draw, (1, x.shape[1], self.dim)).astype(self.dtype)
        x = Dropout(self.embedding_dropout, self.axis_name, name="embedding_dropout")(x, train)
        head_dim = self.dim // self.heads
        scale = (self.dim if self.attention_scale == "dim" else head_dim) ** -0.5
        sizes = self.layer_sizes()
        *mlp_dims, last_mlp_dim = sizes["mlp_dims"]
        for i, (heads, mlp_dim) in enumerate(zip(sizes["block_heads"], mlp_dims, strict=True), 1):
            x = Block(
                heads,
                head_dim,
                mlp_dim,
                scale,
                self.dropout,
                initialization=self.initialization,
                dtype=self.dtype,
                axis_name=self.axis_name,
                name=f"block{i}",
            )(x, train)
        x = LayerNorm(dtype=self.dtype, name="norm")(x[:, 0])
        x = nn.gelu(dense(last_mlp_dim, rectified=True, dtype=self.dtype, name="hidden")(x), approximate=False)
        x = Dropout(self.dropout, self.axis_name, name="dropout")(x, train)
        return dense(self.num_classes, dtype=at_least_float32(self.dtype), name="head")(x)

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """The heads of every block, and the hidden units of every block and of the head."""
        return {
            "block_heads": self.block_heads or (self.heads,) * self.depth,
            "mlp_dims": self.mlp_dims or (self.mlp_dim,) * (self.depth + 1),
        }

    def wiring(self) -> Wiring:
        """One group per block's heads and per layer of hidden units.

        The numbers of the tokens belong to no group, because layer norm takes its mean and variance over all of them.
        """
        head_dim = self.dim // self.heads
        groups: list[Group] = []
        tokens = "layer norm takes its statistics over all numbers of a token"
        fixed = [
            *classifier_ends("embedding"),
            Fixed("embedding", "outputs", tokens),
            Fixed("hidden", "inputs", tokens),
        ]
        for i in range(self.depth):
            block = f"block{i + 1}"
            qkv, out = f"{block}/attention/qkv", f"{block}/attention/out"
            # A head whose values are zero is zero, whatever its queries and keys are.
            heads = Point((Source(qkv, block=head_dim, place=2),), (Reader(out, block=head_dim),), "identity")
            mlp = Point((Source(f"{block}/hidden"),), (Reader(f"{block}/out"),), "gelu")
            groups += [
                Group(f"{block}/attention", (heads,), "block_heads", i),
                Group(f"{block}/hidden", (mlp,), "mlp_dims", i),
            ]
            fixed += [Fixed(layer, "inputs", tokens) for layer in (qkv, f"{block}/hidden")]
            fixed += [Fixed(layer, "outputs", tokens) for layer in (out, f"{block}/out")]
            fixed += [Fixed(qkv, "outputs", "only heads whose values are all zero can be removed")]
        groups.append(Group("hidden", (Point((Source("hidden"),), (Reader("head"),), "gelu"),), "mlp_dims", self.depth))
        return Wiring(tuple(groups), tuple(fixed))

    def _patches(self, images: jax.Array) -> jax.Array:
        """[B,H,W,C] -> [B,patches,p*p*C]: patches row by row, each flattened as (row, column, channel)."""
        batch, height, width, channels = images.shape
        p = self.patch_size
        if height % p or width % p:
            allowed = [str(d) for d in range(1, min(height, width) + 1) if height % d == 0 and width % d == 0]
            raise UserError(
                f"vit with model.patch_size={p} cannot take {height}x{width} images: "
                f"the patch size must divide both sides; for these images: {', '.join(allowed)}"
            )
        x = images.reshape(batch, height // p, p, width // p, p, channels)
        return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, -1, p * p * channels)
