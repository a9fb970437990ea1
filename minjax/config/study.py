"""The fields of a study: which networks are compared, in what order, and what is asked of them."""

from __future__ import annotations

from minjax.config.compression import AMOUNTS, BITS, METRICS, SCHEMES
from minjax.config.field import Field, Role, within
from minjax.config.kinds import Choice, Each, Flag, Integer, Kind, Number, OrNone, Pair, Text
from minjax.config.model import PADDINGS
from minjax.config.run import EXECUTION

# Equal first: a network of several shapes goes by the first of its names, and the minimal size is one of equal shapes.
SHAPES = ("equal", "decreasing", "increasing")
FAMILIES = ("dnn", "cnn", "vit", "resnet")
BLOCKS = ("plain", "separable")
STEMS = ("full", "half")
DOWNSAMPLINGS = ("stride", "pool")
HEADS = ("flatten", "average")
GOALS = ("smallest", "most_accurate")
_HOW, _WHERE = Role.HOW, Role.WHERE
_DEPTHS = Each(Integer(1, 1000), fewest=1)
_SIZES = Each(Integer(1, 10**7), fewest=1)
_FRACTION = Number(above=0, below=1)


def _choices(names: tuple[str, ...]) -> Kind:
    return Each(Choice(names), fewest=1)


_KERNELS = Each(Integer(1, 1024), fewest=1)


def _set(default: tuple[tuple[str, object], ...] = ()) -> Field:
    return Field("set", default, Each(Pair()), 'Fields for this family alone, such as (("optimizer.name", "adam"),).')


_GRIDS = (
    *within(
        "dnn",
        (
            Field(
                "depths",
                (1, 2, 3, 4),
                Each(Integer(0, 1000), fewest=1),
                "Numbers of hidden layers; 0 is the linear classifier.",
            ),
            Field(
                "widths", (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000), _SIZES, "Units of the widest hidden layer."
            ),
            Field("shapes", SHAPES, _choices(SHAPES), "How widths change from layer to layer; decreasing halves them."),
            _set(),
        ),
    ),
    *within(
        "cnn",
        (
            Field("depths", (1,), _DEPTHS, "Numbers of convolutions."),
            Field("channels", tuple(range(1, 33)), _SIZES, "Channels of the widest convolution."),
            Field(
                "shapes",
                ("equal",),
                _choices(SHAPES),
                "How channels change from layer to layer; decreasing halves them.",
            ),
            Field(
                "blocks", ("plain",), _choices(BLOCKS), "Convolutions after the first: plain or depthwise separable."
            ),
            Field("stem_kernels", (3,), _KERNELS, "Pixels along each side of the first convolution's kernel."),
            Field("kernels", (3,), _KERNELS, "Pixels along each side of the other convolutions' kernels."),
            Field("stems", ("full",), _choices(STEMS), "Channels of the first convolution: all, or half as many."),
            Field(
                "halvings",
                (0,),
                Each(Integer(0, 30), fewest=1),
                "How many convolutions, from the first on, halve the image; as many as there are, if there are fewer.",
            ),
            Field(
                "downsamplings",
                ("stride",),
                _choices(DOWNSAMPLINGS),
                "How these halve it: by a stride of 2, or by 2x2 max pooling after them.",
            ),
            Field("paddings", ("VALID",), _choices(PADDINGS), "Padding of the convolutions."),
            Field("heads", ("flatten",), _choices(HEADS), "Before the linear layer: all pixels, or their average."),
            Field("batch_norms", (False,), Each(Flag(), fewest=1), "Whether batch norm follows each convolution."),
            _set(),
        ),
    ),
    *within(
        "resnet",
        (
            Field("depths", (8, 14, 20), _DEPTHS, "Numbers of layers, 6n + 2 for n blocks in each of three stages."),
            Field("widths", (2, 4, 8, 16), _SIZES, "Channels of the first stage."),
            _set(),
        ),
    ),
    *within(
        "vit",
        (
            Field("depths", (1, 2, 3, 4), _DEPTHS, "Numbers of blocks."),
            Field("dims", (8, 16, 32, 64, 128), _SIZES, "Numbers in a token."),
            Field("heads", (4,), _SIZES, "Numbers of attention heads; dims that they do not divide are left out."),
            Field(
                "mlp_dims", (None,), Each(OrNone(Integer(1, 10**7)), fewest=1), "Hidden units; None: as many as dim."
            ),
            _set((("model.patch_size", 4),)),
        ),
    ),
)

# The networks that are asked for, and what a network that is handed over may take.
_ASKED = (
    Field(
        "target_accuracy",
        None,
        OrNone(Number(above=0, most=1)),
        "Validation accuracy that the smallest network has to reach; None: that of the best network found, less "
        "`study.tolerance`.",
    ),
    Field(
        "metric",
        "accuracy",
        Choice(METRICS),
        "What is compared: the share of images classified correctly, or the mean of that over classes.",
        neutral="accuracy",
    ),
    Field(
        "goal",
        "smallest",
        Choice(GOALS),
        "The smallest network that is accurate enough, or the most accurate one within the limits below.",
        neutral="smallest",
    ),
    Field("max_params", None, OrNone(Integer(1)), "Most parameters that a network may have; None: any number."),
    Field(
        "max_bytes",
        None,
        OrNone(Integer(1)),
        "Most bytes that its packed file may take, at `study.deploy_bits`; None: any number.",
    ),
    Field(
        "max_ram_bytes",
        None,
        OrNone(Integer(1)),
        "Most bytes that its activations may take at once, at 8 bits each; None: any number.",
    ),
    Field("max_macs", None, OrNone(Integer(1)), "Most multiply-adds for one image; None: any number."),
    Field("deploy_bits", 8, BITS, "Bits of a kernel's weight in the packed file.", neutral=8),
)

STUDY = within(
    "study",
    (
        Field(
            "datasets",
            (),
            Each(Text("digits, the name of a TFDS set, or label=folder")),
            "Data sets, each with a study of its own and one page over all: digits, a TFDS name, or label=folder; "
            "empty: the one in `dataset`.",
            _HOW,
            neutral=(),
        ),
        Field(
            "families",
            ("dnn",),
            Each(Choice(FAMILIES)),
            "Families of networks; empty: the network in `model` with the axes alone.",
        ),
        *_GRIDS,
        Field(
            "axes",
            (),
            Each(Pair(several=True)),
            'Further axes, combined with each network: (("optimizer.learning_rate", (0.1, 0.01)), ...).',
        ),
        *_ASKED,
        # A deviation over seeds needs two.
        Field("seeds", 5, Integer(2, 10_000), "Seeds of each point: seed, seed + 1, and so on."),
        Field(
            "extent",
            "all",
            Choice(("all", "knee")),
            "all: a coarse grid, then the sizes around the answer, then the rest; knee: the coarse grid from its "
            "smallest sizes up, as far as larger ones gain, then the sizes around the answer.",
        ),
        Field(
            "learning_rates",
            1,
            Integer(1, 9),
            "Learning rates, half a decade apart around the configured one, at which each network is tried first; more "
            "follow where the best is at an end. 1: the configured one alone.",
            neutral=1,
        ),
        Field("tuning_seeds", 2, Integer(1, 10_000), "Seeds that learning rates are compared by.", neutral=2),
        Field(
            "epoch_doublings",
            0,
            Integer(0, 20),
            "How often the networks around the answer are trained for twice the epochs, while the answer changes.",
            neutral=0,
        ),
        Field(
            "fresh_seeds",
            0,
            Integer(0, 10_000),
            "Fresh seeds, seed + 10,000 and on, for the networks that the answer speaks of; 0: none.",
            neutral=0,
        ),
        Field("coarse", 2, Integer(1), "The coarse grid holds every size of this many: 2 is every other one."),
        Field("reach", 1, Integer(1), "Sizes measured on each side of the minimal one."),
        Field(
            "budget_minutes",
            None,
            OrNone(Number(above=0)),
            "Minutes after which the study stops, those of earlier commands included; None: when all is trained.",
            _HOW,
        ),
        Field(
            "curves",
            "equal",
            Choice(("equal", "all", "none")),
            "Which networks are also pruned and quantized: those of equal layers, all or none.",
        ),
        Field("prune_method", "global_l1", Choice(("l1", "global_l1")), "Pruning method of the curves."),
        Field("amounts", 21, AMOUNTS, "Number of pruned fractions, evenly spaced from 0 to 1."),
        Field("bits", (16, 8, 7, 6, 5, 4, 3, 2, 1), Each(BITS, descending=True), "Bits of a weight along the curves."),
        Field("scheme", "symmetric_channel_minmax", Choice(SCHEMES), "How weights are quantized."),
        Field(
            "curve_images",
            None,
            OrNone(Integer(1)),
            "Validation images that the curves are measured on, stratified; None: all.",
        ),
        Field("tolerance", 0.01, _FRACTION, "Difference of accuracies that counts as none."),
        Field("sigma", 0.02, _FRACTION, "Standard deviation over seeds above which a network is unstable."),
        Field(
            "relative_gap",
            0.5,
            _FRACTION,
            "Training less validation accuracy, as a share of the validation error, above which a network may be "
            "overfitting.",
        ),
        Field(
            "loss_rise",
            0.1,
            Number(above=0),
            "Rise of the validation loss above its lowest value, as a share of that, above which a network is "
            "overfitting.",
        ),
        Field("margin", 0.05, _FRACTION, "Accuracy above chance up to which a network has not learned."),
        # These two move the last bits of a member's numbers.
        Field(
            "programs",
            16,
            Integer(1),
            "Most programs for networks that are padded to share them (dnn, cnn, resnet); one for each kind at least.",
        ),
        Field(
            "together",
            None,
            OrNone(Flag()),
            "Train members side by side (vmap) or one after the other; None: side by side on accelerators.",
        ),
        *EXECUTION,
        Field("dry_run", False, Flag(), "List the points, their sizes and the predicted time, and stop.", _HOW),
        Field("retry_failed", False, Flag(), "Train failed members again, though not those that diverged.", _HOW),
    ),
)
