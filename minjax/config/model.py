"""The fields of the network. One that belongs to another family than the named network must stay None."""

from __future__ import annotations

from minjax.config.field import Field, within
from minjax.config.kinds import Choice, Each, Flag, Integer, Kind, Number, OrNone, Text

PADDINGS = ("SAME", "VALID")
_UNITS = Integer(1, 10**7)
_LAYERS = 1000  # each is compiled on its own
_RATE = Number(least=0, below=1)


def _architecture(name: str, kind: Kind, meaning: str, neutral: object = None) -> Field:
    return Field(name, None, OrNone(kind), meaning, neutral=neutral, architecture=True)


_NETWORK = (
    _architecture("widths", Each(_UNITS, most=_LAYERS), "dnn: units of each hidden layer."),
    _architecture("channels", Each(_UNITS, fewest=1, most=_LAYERS), "cnn: output channels of each convolution."),
    _architecture("kernel_size", Integer(1, 1024), "cnn: pixels along each side of a kernel."),
    _architecture("padding", Choice(PADDINGS), "cnn: padding of the convolutions."),
    _architecture("pool", Flag(), "cnn: 2x2 max pooling after each convolution."),
    _architecture(
        "kernel_sizes",
        Each(Integer(1, 1024), fewest=1, most=_LAYERS),
        "cnn: pixels along each side of the kernel of each convolution; None: kernel_size for all.",
    ),
    _architecture(
        "strides",
        Each(Integer(1, 1024), fewest=1, most=_LAYERS),
        "cnn: stride of each convolution, in pixels; None: 1 for all.",
    ),
    _architecture(
        "pools",
        Each(Integer(1, 2), fewest=1, most=_LAYERS),
        "cnn: side of the max pooling after each convolution, 1 (none) or 2; None: as pool says.",
    ),
    _architecture(
        "separable",
        Flag(),
        "cnn: each convolution but the first is a depthwise one followed by a 1x1 one.",
        neutral=False,
    ),
    _architecture(
        "global_pool",
        Flag(),
        "cnn: the mean over all pixels before the linear layer, in the place of flattening.",
        neutral=False,
    ),
    _architecture("batch_norm", Flag(), "cnn, vgg: batch norm after each convolution."),
    _architecture("width", _UNITS, "resnet, vgg: channels of the first stage; the other stages scale with it."),
    _architecture("head_width", Integer(0, 10**7), "vgg: units of each of the two hidden linear layers."),
    _architecture("patch_size", Integer(1, 8192), "vit: pixels along each side of a patch."),
    _architecture("dim", _UNITS, "vit: numbers in a token."),
    _architecture("depth", Integer(1, _LAYERS), "vit: blocks; resnet: layers, 6n + 2 for n blocks in each stage."),
    _architecture("heads", Integer(1, 10**6), "vit: attention heads of a block; they must divide dim."),
    _architecture("mlp_dim", _UNITS, "vit: hidden units of a block's and of the head's linear layers."),
    _architecture(
        "attention_scale",
        Choice(("dim", "head_dim")),
        "vit: attention is scaled by dim**-0.5, as in paper 1, or by head_dim**-0.5.",
    ),
)

MODEL = within(
    "model",
    (
        Field("name", "resnet18_s", Text("a network that `python -m minjax.models` lists"), "The network."),
        Field(
            "init",
            None,
            OrNone(Choice(("paper", "he"))),
            "All: initialization of the weights, see minjax/models/initializers.py.",
        ),
        Field("dropout", None, OrNone(_RATE), "All: fraction of activations that dropout zeroes."),
        *_NETWORK,
        Field("embedding_dropout", None, OrNone(_RATE), "vit: dropout after the embedding."),
        Field(
            "position_scale",
            None,
            OrNone(Number(least=0)),
            "vit: standard deviation of the initial class token and position embedding.",
        ),
    ),
)

# Fields of a network's architecture, without the section's name.
ARCHITECTURE = frozenset(field.name.removeprefix("model.") for field in MODEL if field.architecture)
