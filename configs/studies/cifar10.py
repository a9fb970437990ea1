"""Fully connected and convolutional networks on CIFAR-10, five seeds each; a coarse grid for two CPU cores.

python -m minjax.main --config=configs/studies/cifar10.py

Five epochs for the fully connected networks and three for the convolutional ones, so the minimal sizes hold for this
much training only; curves on 1,000 validation images. An accelerator can take more epochs and all widths and channels.

Measured by version 0.1, which chose on the test split, on CIFAR-10 (JPEG) in 13 minutes (docs/studies/cifar10; two
cores of an AMD EPYC that did other work too): at the end of both grids accuracy is still rising, 54.5 % for the fully
connected networks and 59.1 % for the convolutional ones. So the minimal sizes, 308,310 and 144,458 parameters, are
those of this grid and of so little training.
"""

from configs.studies import base


def get_config():
    """CIFAR-10 through TFDS."""
    config = base.get_config()
    config.dataset.name = "cifar10"
    config.epochs = 5
    config.optimizer.learning_rate = 0.02
    config.study.families = ("dnn", "cnn")
    config.study.dnn.depths = (1, 2)
    config.study.dnn.shapes = ("equal",)
    config.study.dnn.widths = (1, 3, 10, 30, 100, 200)
    config.study.cnn.channels = (1, 2, 4, 8, 16)
    config.study.cnn.set = (("epochs", 3),)
    config.study.curve_images = 1000
    return config
