"""DNN: a fully connected network of any depth and width (the DNN of paper 2, Zheng et al., arXiv 2601.17987)."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
from flax import linen as nn

from minjax.models.activations import relu
from minjax.models.dropout import Dropout
from minjax.models.layers import Dense, Dtype, at_least_float32
from minjax.wiring import Group, Point, Reader, Source, Wiring, classifier_ends


class DNN(nn.Module):
    """Flatten, then (linear, ReLU, dropout) for each of `widths`, then a linear layer.

    Attributes:
      num_classes: number of outputs.
      widths: units of each hidden layer; empty: a linear classifier.
      dropout: dropout rate after each hidden layer.
      initialization: "paper" (PyTorch's default) or "he".
      dtype: type of the computation.
      axis_name: the pmap axis, or None.
    """

    num_classes: int
    widths: tuple[int, ...] = (100,)
    dropout: float = 0.0
    initialization: str = "paper"
    dtype: Dtype = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(self, images: jax.Array, train: bool = False) -> jax.Array:
        """Images [B,H,W,C] of any size -> float32 logits [B,num_classes]."""
        x = images.reshape(images.shape[0], -1)
        for i, width in enumerate(self.widths, 1):
            x = Dense(width, initialization=self.initialization, rectified=True, dtype=self.dtype, name=f"hidden{i}")(x)
            x = Dropout(self.dropout, self.axis_name, name=f"dropout{i}")(relu(x), train)
        return Dense(
            self.num_classes, initialization=self.initialization, dtype=at_least_float32(self.dtype), name="head"
        )(x)

    def layer_sizes(self) -> dict[str, tuple[int, ...]]:
        """The number of units in each hidden layer."""
        return {"widths": self.widths}

    def wiring(self) -> Wiring:
        """One group per hidden layer."""
        layers = [*(f"hidden{i}" for i in range(1, len(self.widths) + 1)), "head"]
        groups = tuple(
            Group(layer, (Point((Source(layer),), (Reader(after),)),), "widths", i)
            for i, (layer, after) in enumerate(itertools.pairwise(layers))
        )
        return Wiring(groups, classifier_ends(layers[0]))
