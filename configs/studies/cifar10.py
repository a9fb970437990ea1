"""Fully connected and convolutional networks on CIFAR-10, five seeds each; a coarse grid for two CPU cores.

python -m minjax.main --config=configs/studies/cifar10.py

Few epochs (5 for the fully connected, 3 for the convolutional networks), so that the sizes are those of learning this
far and no further; curves on 1,000 test images. For an accelerator: more epochs, all of paper 2's widths and channels.

Measured on CIFAR-10 (JPEG) (docs/studies/cifar10; two cores of an AMD EPYC that did other work too, 13 minutes):
accuracy still rises at the end of both grids, 54.5 % of the fully connected networks and 59.1 % of the convolutional
ones; so the minimal sizes, 308,310 and 144,458 parameters, are those of this grid and these few epochs only.
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
