"""Fully connected and convolutional networks on CIFAR-10, five seeds each; a coarse grid for two CPU cores.

python -m minjax.main --config=configs/studies/cifar10.py

Few epochs (5 for the fully connected, 3 for the convolutional networks), so that the sizes are those of learning this
far and no further; curves on 1,000 test images. For an accelerator: more epochs, all of paper 2's widths and channels.

Measured: not yet.
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
