"""Every field of a minjax configuration, with its default and what it means.

A preset (`configs/<model>.py`) starts from here and sets what it needs; the command line overrides both:

    python -m minjax.main --config=configs/resnet18_s.py --config.optimizer.name=adam --config.epochs=50

A field shown as ``placeholder(type)`` is None until somebody sets it and is then resolved: the model fields to
the named variant's own, the optimizer fields to the named optimizer's own. `config.json` in the work directory
holds what was resolved.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def get_config() -> ConfigDict:
    """The configuration that all presets start from."""
    return ConfigDict(
        {
            "task": "train",  # train | compress | study | report
            "name": "",  # empty: the preset file's name; the default work directory is named after it
            "seed": 42,  # of initialisation, image order, augmentation and dropout
            "epochs": 100,
            "batch_size": 128,  # the global batch, over all devices
            "drop_last": True,  # drop the incomplete last batch of an epoch; False is for one device only
            # Of the computation: float32 | bfloat16, parameters stay float32 | float64, parameters too (for tests;
            # needs JAX_ENABLE_X64=1).
            "dtype": "float32",
            # jit (auto is the same): each batch is split over the devices and is still one batch: the result is that of
            # one device. pmap: each device takes its part, and gradients and metrics are averaged explicitly.
            "parallel": "auto",  # auto | jit | pmap
            "devices": placeholder(int),  # use so many (of each process); None: all there are
            # pmap: batch norm takes its statistics over the whole batch, as one device would. False: each device
            # normalises with its own part of the batch, which saves a collective in every layer and trains another
            # network: the statistics are noisier, as if the batch were that much smaller. The running statistics
            # that are evaluated and saved are the mean over the devices.
            "sync_batch_norm": True,
            "checkpoint_every": 5,  # epochs; a checkpoint is also written at the end and on SIGTERM or Ctrl-C
            "early_stop": 0,  # epochs without a better validation accuracy before the run ends; 0: never
            "steps_per_call": placeholder(int),  # steps in one dispatch; None: as many as take about 3 s
            "tensorboard": True,  # write TensorBoard events; needs TensorFlow, imported beside training
            "deterministic": False,  # the same bits on a GPU in every run (always so on CPU), at some cost
            # task=report: the run directories to read, separated by commas; globs are allowed.
            # task=compress: the finished run whose network is compressed; empty: one is trained first.
            "run": "",
            "distributed": distributed(),
            "dataset": dataset(),
            "model": model(),
            "optimizer": optimizer(),
            "prune": prune(),
            "quantize": quantize(),
            "compress": compress(),
            "study": study(),
        }
    )


def study() -> ConfigDict:
    """task=study: which networks are compared, in what order, and what is asked of them."""
    return ConfigDict(
        {
            "families": ("dnn",),  # dnn | cnn | vit; empty: the axes alone, of the network in `model`
            "dnn": {
                "depths": (1, 2, 3, 4),  # hidden layers
                "widths": (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000),  # units of the widest
                "shapes": ("equal", "decreasing", "increasing"),
                "set": (),  # fields for this family alone, such as (("optimizer.name", "adam"), ("epochs", 50))
            },
            "cnn": {
                "depths": (1,),  # convolutions
                "channels": tuple(range(1, 33)),  # of the widest
                "shapes": ("equal",),
                "set": (),
            },
            "vit": {
                "depths": (1, 2, 3, 4),  # blocks
                "dims": (8, 16, 32, 64, 128),  # numbers of a token
                "heads": (4,),
                "mlp_dims": (None,),  # hidden units; None: as many as dim
                "set": (("model.patch_size", 4),),
            },
            # More axes, each with every network: (("optimizer.learning_rate", (0.1, 0.01)), ("batch_size", (32, 128)))
            "axes": (),
            "seeds": 5,  # of every point: config.seed, config.seed + 1, ...
            "extent": "all",  # all: coarse grid, the sizes around the minimal one, the rest | knee: without the rest
            "coarse": 2,  # the coarse grid has every so many-th size
            "reach": 1,  # sizes to ask for on each side of the minimal one
            "budget_minutes": placeholder(float),  # stop after so long; None: when everything is trained
            "curves": "equal",  # prune and quantize: the points of equal shapes | all | none
            "prune_method": "global_l1",  # global_l1 | l1
            "amounts": 21,  # so many, from 0 to 1
            "bits": (16, 8, 7, 6, 5, 4, 3, 2, 1),
            "scheme": "symmetric_channel_minmax",  # see quantize.schemes
            "curve_images": placeholder(int),  # test images that the curves are measured on, stratified; None: all
            "tolerance": 0.01,  # what counts as the same accuracy
            "sigma": 0.02,  # deviation over seeds above which a network is unstable
            "gap": 0.05,  # train less test accuracy above which it may be overfitting
            "margin": 0.05,  # above chance that is still not having learned
            "programs": 16,  # DNNs are padded so that no more than so many are compiled, if they have as few depths
            "together": placeholder(bool),  # train members side by side (vmap); None: on accelerators
            "executor": "local",  # local | ray: members are tasks of a Ray cluster (pip install 'minjax[ray]')
            "workers": placeholder(int),  # ray, on this machine: CPUs of the cluster; None: all
            "ray_address": "",  # ray: of a running cluster ("auto" finds it); empty: one is started on this machine
            "cpus_per_task": 1.0,  # ray
            "gpus_per_task": 0.0,  # ray; a part of a GPU is fine for small networks
            "dry_run": False,  # list the points, their parameters and the predicted time, and end
            "retry_failed": False,  # train again what failed (not what diverged)
        }
    )


def distributed() -> ConfigDict:
    """Several processes for one training (launch/README.md), each with the same number of devices; off by default.

    Not part of config.json: where a run is carried out does not change what it computes. All processes are started
    with the same command but for `process`. The first alone writes; it needs the work directory, the others do not.
    """
    return ConfigDict(
        {
            "auto": False,  # find out from the cluster: Slurm, TPU, Kubernetes, Open MPI. Or give all three of
            "coordinator": "",  # host:port of the first process, a free port there
            "processes": placeholder(int),  # how many there are
            "process": placeholder(int),  # this one's number, from 0
            "timeout": 60,  # seconds for all to come at the start; after that an error
            "lost_after": 60,  # seconds without a sign of life after which a process is given up, and the others end
        }
    )


def prune() -> ConfigDict:
    """task=compress: what is pruned, how and how much."""
    return ConfigDict(
        {
            # random | random_structured | l1 | l1_structured | l2_structured | linf_structured | l1_per_channel |
            # global_l1 | global_random | global_l1_structured | N:M such as 2:4 (see minjax/compress/methods.py)
            "methods": ("l1", "global_l1", "l1_structured", "random", "global_random", "random_structured"),
            "amounts": 21,  # so many, from 0 to 1; 0: no curves
            "include": (),  # patterns of parameters; empty: the convolution kernels, or all kernels where there is none
            "exclude": (),
            "without_first": True,  # also the structured curves that leave the first convolution alone
            # Pruning in rounds with training between them; no series: none.
            # one_shot | iterative | lottery | random_init | random_mask (see minjax/tasks/compress/rounds.py)
            "series": (),
            "round_method": "global_l1",
            "round_amount": 0.9,  # pruned after the last round
            "rounds": 5,
            "schedule": "geometric",  # geometric | linear | cubic
            "epochs": 5,  # of fine-tuning after each round (one_shot, iterative)
            "learning_rate": placeholder(float),  # of it, constant; None: a tenth of the run's
            "rewind_epoch": 0,  # lottery: the epoch whose weights it goes back to; 0: initialisation
        }
    )


def quantize() -> ConfigDict:
    """task=compress: to how many bits, and how."""
    return ConfigDict(
        {
            "bits": tuple(range(16, 0, -1)),  # empty: no curves
            # (symmetric|asymmetric)_(channel|tensor)_(minmax|percentile|mse), or
            # float16, bfloat16, float8_e4m3, float8_e5m2
            "schemes": (
                "symmetric_channel_minmax",
                "symmetric_tensor_minmax",
                "asymmetric_channel_minmax",
                "asymmetric_tensor_minmax",
                "symmetric_channel_percentile",
                "symmetric_channel_mse",
                "float16",
                "bfloat16",
                "float8_e4m3",
                "float8_e5m2",
            ),
            "activation_bits": placeholder(int),  # of the layers' inputs, static ranges; None: float32
            # Quantization-aware training (straight-through gradients) at each of these bits; empty: none.
            "aware_bits": (),
            "aware_from": "trained",  # trained | scratch
            "aware_epochs": 5,
            "aware_learning_rate": placeholder(float),  # constant; None: a tenth of the run's (scratch: the run's own)
        }
    )


def compress() -> ConfigDict:
    """task=compress: what else is measured and written."""
    return ConfigDict(
        {
            "batch_norm": ("trained", "re-estimated"),  # with which statistics the curves are drawn
            "calibration_images": 1000,  # training images for statistics and ranges
            "limit_test": placeholder(int),  # evaluate on so many test images, stratified; None: all
            "joint_method": "global_l1",  # of the grid of amounts and bits; "": no grid
            "joint_bits": (16, 8, 7, 6, 5, 4, 3, 2),  # besides the unquantized row
            "sensitivity_amounts": (0.25, 0.5, 0.75, 0.9),  # each layer alone
            "sensitivity_bits": (8, 4, 3, 2),
            "pack_bits": (8, 4),  # packed files of the dense network, and of it pruned by pack_amount
            "pack_method": "global_l1",
            "pack_amount": 0.5,
            "shrink_method": "l1_structured",  # "": no shrinking
            "shrink_amounts": (0.25, 0.5, 0.75),
            "shrink_axis": "in",  # the channels that are pruned: in | out
            "latency_batch": 1,  # images in a batch when latency is measured
        }
    )


def dataset() -> ConfigDict:
    """What is learned."""
    return ConfigDict(
        {
            "name": "cifar10",  # digits | folder | the name of a TFDS image classification set
            "path": "",  # folder: the directory that holds train/<class>/* and test/<class>/*
            "data_dir": "",  # TFDS: where sets are kept; empty: ~/tensorflow_datasets
            "image_size": placeholder(int),  # folder: resize all images to this many pixels squared
            "validation_fraction": 0.0,  # of the training split, stratified; 0: no validation split
            "limit_train": placeholder(int),  # use this many training images, stratified; None: all
            "normalize": "train",  # train: the training split's own mean and deviation | paper: paper 1's constants
            "augment": "auto",  # auto: by the dataset | none | crop | flip | crop_flip
            "crop_padding": 4,  # pixels of zeros on each side before a random crop
        }
    )


def model() -> ConfigDict:
    """Which network. A field of another family than the named one must stay None."""
    return ConfigDict(
        {
            "name": "resnet18_s",  # `python -m minjax.models` lists them all
            "init": placeholder(str),  # all: paper | he, see minjax/models/initializers.py
            "dropout": placeholder(float),  # all: the rate
            # dnn
            "widths": placeholder(tuple),  # units of each hidden layer
            # cnn
            "channels": placeholder(tuple),  # output channels of each convolution
            "kernel_size": placeholder(int),
            "padding": placeholder(str),  # SAME | VALID
            "pool": placeholder(bool),  # 2x2 max pooling after each convolution
            # cnn, vgg
            "batch_norm": placeholder(bool),
            # resnet, vgg
            "width": placeholder(int),  # channels of the first stage; the others scale with it
            "head_width": placeholder(int),  # vgg: units of the two hidden linear layers
            # vit
            "patch_size": placeholder(int),
            "dim": placeholder(int),  # width of a token
            "depth": placeholder(int),
            "heads": placeholder(int),
            "mlp_dim": placeholder(int),
            "embedding_dropout": placeholder(float),
            "attention_scale": placeholder(str),  # dim: dim**-0.5, as in paper 1 | head_dim: head_dim**-0.5
            "position_scale": placeholder(float),  # deviation of the initial class token and positions
        }
    )


def optimizer() -> ConfigDict:
    """How it is learned. None takes the preset's choice for the named optimizer, then the optimizer's own default."""
    return ConfigDict(
        {
            "name": "sgdm",  # sgdm | adam | adabound | amsbound
            **hyper(),
            "clip_norm": placeholder(float),  # clip the gradient to this global norm; None: off
            "schedule": "cosine",  # constant | multistep | cosine
            "warmup_epochs": 0.0,  # linear, under any schedule
            "milestones": (100, 150),  # multistep: the epochs after which the rate is multiplied ...
            "decay_factor": 0.1,  # ... by this
            # What a preset departs from an optimizer's own defaults in, so that --config.optimizer.name=...
            # alone is right; a field set above wins.
            "preset": {name: hyper() for name in ("sgdm", "adam", "adabound", "amsbound")},
        }
    )


def hyper() -> dict:
    """The optimizers' own fields; one that the named optimizer does not have must stay None."""
    return {
        "learning_rate": placeholder(float),
        "weight_decay": placeholder(float),
        "momentum": placeholder(float),  # sgdm
        "nesterov": placeholder(bool),  # sgdm
        "b1": placeholder(float),  # adam, adabound, amsbound
        "b2": placeholder(float),
        "eps": placeholder(float),
        "final_lr": placeholder(float),  # adabound, amsbound: the learning rate the bounds close in on
        "gamma": placeholder(float),  # adabound, amsbound: how fast they do
        "decoupled": placeholder(bool),  # weight decay beside the gradient (AdamW) instead of in it (L2)
    }
