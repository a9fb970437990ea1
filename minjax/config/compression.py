"""The fields of compression: what is pruned, to how many bits the rest is quantized, and what else is measured."""

from __future__ import annotations

from minjax.config.field import Field, Role, within
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
METRICS = ("accuracy", "balanced_accuracy")

METHOD = Choice(METHODS, r"[1-9]\d{0,5}:[1-9]\d{0,5}", "N:M such as 2:4")
BITS = Integer(1, 16)
AMOUNT = Number(least=0, most=1)
AMOUNTS = Integer(2, 10_001)
_EPOCHS = Integer(1, 10**6)
_HOW = Role.HOW

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
            0,
            Integer(AMOUNTS.least, AMOUNTS.most, also=(0,)),
            "Number of amounts of a curve, evenly spaced from 0 to 1; 0: no curves.",
        ),
        Field(
            "include",
            ("*kernel",),
            Each(Text("a pattern of parameter names such as 'conv*'")),
            "Which parameters are pruned and quantized; empty: the kernels of convolutions, or all kernels where there "
            "are none.",
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
        Field("bits", (), Each(BITS), "Bits of a weight along a curve, such as 8,4,2; empty: no curves."),
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

# The recommended file: the smallest that keeps the accuracy, of candidates that are screened and trained again.
_RECOMMEND = (
    Field("recommend", True, Flag(), "Choose the smallest file that keeps the accuracy, and write it."),
    Field(
        "target_accuracy",
        None,
        OrNone(Number(above=0, most=1)),
        "Accuracy that the recommended file must have; None: one within compress.tolerance of the dense network's.",
    ),
    Field(
        "tolerance",
        0.01,
        Number(least=0, below=1),
        "Accuracy, as a fraction, that the recommended file may lose, where no compress.target_accuracy is given.",
    ),
    Field(
        "metric",
        "accuracy",
        Choice(METRICS),
        "What the recommended file must keep: the share of images classified correctly, or the mean of that over "
        "classes.",
        neutral="accuracy",
    ),
    Field("screening_images", 1000, Integer(1), "Validation images that candidates are screened on, stratified."),
    Field(
        "candidate_methods",
        ("global_l1", "l1", "l1_structured"),
        Each(Choice(METHODS)),
        "Pruning methods of the candidates; the better two are quantized too. A structured one is shrunk.",
    ),
    Field("candidate_amounts", (0.5, 0.7, 0.8, 0.9, 0.95, 0.98), Each(AMOUNT), "Amounts pruned of the candidates."),
    Field("candidate_bits", (8, 6, 4, 3, 2), Each(Integer(2, 16)), "Bits of the candidates."),
    Field("retrainings", 4, Integer(0, 100), "How many candidates are trained again, pruned and quantized at once."),
    Field(
        "retrain_epochs",
        None,
        OrNone(Number(above=0, most=10**6)),
        "Epochs of each retraining, also a part of one; None: 3, or as many as the size of the network lets pass in "
        "some 15 s on two cores.",
    ),
    Field(
        "retrain_learning_rate",
        None,
        OrNone(Number(above=0)),
        "Learning rate that each retraining starts with; it falls to 0 along a cosine. None: a tenth of the run's.",
    ),
)

_CURVES = (
    Field(
        "batch_norm",
        STATISTICS,
        Each(Choice(STATISTICS), fewest=1),
        "Which statistics of batch norm the curves are measured with.",
    ),
    Field(
        "calibration_images",
        500,
        Integer(1),
        "Training images for re-estimated statistics and for ranges of activations.",
    ),
    Field(
        "limit_test",
        None,
        OrNone(Integer(1)),
        "Measure curves on this many test images, stratified; None: on all.",
    ),
    Field(
        "joint_method",
        "",
        Choice(("", *METHODS)),
        "Pruning method of the grid of amounts and bits; empty: no grid.",
    ),
    Field("joint_bits", (16, 8, 7, 6, 5, 4, 3, 2), Each(BITS), "Bits of the grid, besides the unquantized row."),
    Field("sensitivity_amounts", (), Each(AMOUNT), "Amounts by which each layer is pruned alone; empty: none."),
    Field("sensitivity_bits", (), Each(BITS), "Bits to which each layer is quantized alone; empty: none."),
)

# Further files; a finished compression writes those that it does not have yet.
_FILES = (
    Field(
        "pack_bits",
        (),
        Each(BITS),
        "Bits of further packed files: one of the dense network and one of the pruned network for each.",
        _HOW,
    ),
    Field("pack_method", "global_l1", METHOD, "Pruning method of these files.", _HOW),
    Field("pack_amount", 0.5, AMOUNT, "Fraction pruned in these files.", _HOW),
    Field(
        "shrink_method",
        "l1_structured",
        Choice(("", *METHODS)),
        "Pruning method of the networks whose pruned channels are removed; empty: none.",
    ),
    Field("shrink_amounts", (0.5,), Each(AMOUNT), "Fractions of the channels that are removed."),
    Field("shrink_axis", "in", Choice(("in", "out")), "Which channels are removed: input or output channels."),
    Field(
        "latency_batch",
        0,
        Integer(1, 4096, also=(0,)),
        "Images per batch when the latency of shrunk networks is measured; 0: it is not.",
    ),
)

COMPRESS = within("compress", (*_RECOMMEND, *_CURVES, *_FILES))
