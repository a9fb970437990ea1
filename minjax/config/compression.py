"""The fields of compression: what is pruned, to how many bits the rest is quantized, and what else is measured."""

from __future__ import annotations

from minjax.config.field import Field, within
from minjax.config.kinds import Choice, Each, Flag, Integer, Number, OrNone, Text

METHODS = (
    *("random", "random_structured", "l1", "l1_structured", "l2_structured", "linf_structured"),
    *("l1_per_channel", "global_l1", "global_random", "global_l1_structured"),
)
SCHEMES = tuple(
    f"{sides}_{scale}_{clip}"
    for sides in ("symmetric", "asymmetric")
    for scale in ("channel", "tensor")
    for clip in ("minmax", "percentile", "mse")
)
FORMATS = ("float16", "bfloat16", "float8_e4m3", "float8_e5m2")
SERIES = ("one_shot", "iterative", "lottery", "random_init", "random_mask")
STATISTICS = ("trained", "re-estimated")  # of batch norm

METHOD = Choice(METHODS, r"[1-9]\d{0,5}:[1-9]\d{0,5}", "N:M such as 2:4")
BITS = Integer(1, 16)
AMOUNT = Number(least=0, most=1)
AMOUNTS = Integer(2, 10_001)
_EPOCHS = Integer(1, 10**6)

PRUNE = within(
    "prune",
    (
        Field(
            "methods",
            ("l1", "global_l1", "l1_structured", "random", "global_random", "random_structured"),
            Each(METHOD),
            "Methods with a curve over the amounts, see minjax/compress/methods.py.",
        ),
        Field(
            "amounts",
            21,
            Integer(AMOUNTS.least, AMOUNTS.most, also=(0,)),
            "Number of amounts of a curve, evenly spaced from 0 to 1; 0: no curves.",
        ),
        Field(
            "include",
            (),
            Each(Text("a pattern of parameter names such as 'conv*'")),
            "Which parameters are pruned; empty: the kernels of convolutions, or all kernels where there are none.",
        ),
        Field(
            "exclude", (), Each(Text("a pattern of parameter names such as 'conv1*'")), "Which of those are left alone."
        ),
        Field(
            "without_first",
            True,
            Flag(),
            "Also draw the structured curves with the first convolution left alone.",
        ),
        # Pruning in rounds with training between them.
        Field(
            "series",
            (),
            Each(Choice(SERIES)),
            "Pruning with training: in one step or in rounds, lottery tickets and their controls "
            "(minjax/tasks/compress/rounds.py); empty: none.",
        ),
        Field("round_method", "global_l1", METHOD, "Method of pruning in rounds."),
        Field("round_amount", 0.9, AMOUNT, "Fraction pruned after the last round."),
        Field("rounds", 5, Integer(1, 1000), "Number of rounds."),
        Field(
            "schedule",
            "geometric",
            Choice(("geometric", "linear", "cubic")),
            "How the pruned fraction grows over the rounds, see minjax/compress/schedules.py.",
        ),
        Field("epochs", 5, _EPOCHS, "Epochs of fine-tuning after each round (one_shot, iterative)."),
        Field(
            "learning_rate",
            None,
            OrNone(Number(above=0)),
            "Constant learning rate of fine-tuning; None: a tenth of the run's.",
        ),
        Field(
            "rewind_epoch",
            0,
            Integer(0),
            "lottery: the epoch to whose weights each round returns; 0: initialization.",
        ),
    ),
)

QUANTIZE = within(
    "quantize",
    (
        Field("bits", tuple(range(16, 0, -1)), Each(BITS), "Bits of a weight along a curve; empty: no curves."),
        Field(
            "schemes",
            (
                "symmetric_channel_minmax",
                "symmetric_tensor_minmax",
                "asymmetric_channel_minmax",
                "asymmetric_tensor_minmax",
                "symmetric_channel_percentile",
                "symmetric_channel_mse",
                *FORMATS,
            ),
            Each(Choice((*SCHEMES, *FORMATS))),
            "How weights are quantized; each scheme has a curve, each floating-point format one point.",
        ),
        Field(
            "activation_bits",
            None,
            OrNone(BITS),
            "Bits of the inputs of each layer, with fixed ranges; None: they stay float32.",
        ),
        # Quantization-aware training: straight-through gradients.
        Field("aware_bits", (), Each(BITS), "Bits of quantization-aware training; empty: none."),
        Field(
            "aware_from",
            "trained",
            Choice(("trained", "scratch")),
            "Whether quantization-aware training starts from the trained network or from scratch.",
        ),
        Field("aware_epochs", 5, _EPOCHS, "Epochs of quantization-aware training."),
        Field(
            "aware_learning_rate",
            None,
            OrNone(Number(above=0)),
            "Its constant learning rate; None: a tenth of the run's, or the run's own from scratch.",
        ),
    ),
)

COMPRESS = within(
    "compress",
    (
        Field(
            "batch_norm",
            STATISTICS,
            Each(Choice(STATISTICS), fewest=1),
            "Which statistics of batch norm the curves are measured with.",
        ),
        Field(
            "calibration_images",
            1000,
            Integer(1),
            "Training images for re-estimated statistics and for ranges of activations.",
        ),
        Field("limit_test", None, OrNone(Integer(1)), "Evaluate on this many test images, stratified; None: on all."),
        Field(
            "joint_method",
            "global_l1",
            Choice(("", *METHODS)),
            "Pruning method of the grid of amounts and bits; empty: no grid.",
        ),
        Field("joint_bits", (16, 8, 7, 6, 5, 4, 3, 2), Each(BITS), "Bits of the grid, besides the unquantized row."),
        Field(
            "sensitivity_amounts",
            (0.25, 0.5, 0.75, 0.9),
            Each(AMOUNT),
            "Amounts by which each layer is pruned alone.",
        ),
        Field("sensitivity_bits", (8, 4, 3, 2), Each(BITS), "Bits to which each layer is quantized alone."),
        Field(
            "pack_bits",
            (8, 4),
            Each(BITS),
            "Bits of the packed files: one of the dense network and one of the pruned network for each.",
        ),
        Field("pack_method", "global_l1", METHOD, "Pruning method of the packed files."),
        Field("pack_amount", 0.5, AMOUNT, "Fraction pruned in the packed files."),
        Field(
            "shrink_method",
            "l1_structured",
            Choice(("", *METHODS)),
            "Pruning method of the networks whose pruned channels are removed; empty: none.",
        ),
        Field("shrink_amounts", (0.25, 0.5, 0.75), Each(AMOUNT), "Fractions of the channels that are removed."),
        Field("shrink_axis", "in", Choice(("in", "out")), "Which channels are removed: input or output channels."),
        Field("latency_batch", 1, Integer(1, 4096), "Images per batch when latency is measured."),
    ),
)
