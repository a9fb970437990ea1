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
            "task": "train",  # train | report
            "name": "",  # empty: the preset file's name; the default work directory is named after it
            "seed": 42,  # of initialisation, image order, augmentation and dropout
            "epochs": 100,
            "batch_size": 128,  # the global batch, over all devices
            "drop_last": True,  # drop the incomplete last batch of an epoch; False is for one device only
            "dtype": "float32",  # of the computation: float32 | bfloat16; parameters stay float32
            "parallel": "auto",  # auto | jit | pmap
            "checkpoint_every": 5,  # epochs; a checkpoint is also written at the end and on SIGTERM or Ctrl-C
            "early_stop": 0,  # epochs without a better validation accuracy before the run ends; 0: never
            "steps_per_call": placeholder(int),  # steps in one dispatch; None: as many as take about 3 s
            "tensorboard": True,  # write TensorBoard events; needs TensorFlow, imported beside training
            "deterministic": False,  # the same bits on a GPU in every run (always so on CPU), at some cost
            "run": "",  # task=report: the run directories to read, separated by commas; globs are allowed
            "dataset": dataset(),
            "model": model(),
            "optimizer": optimizer(),
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
