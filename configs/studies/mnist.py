"""Fully connected and convolutional networks on MNIST, all 60,000 images, five seeds each; a grid for two CPU cores.

python -m minjax.main --config=configs/studies/mnist.py

Five epochs; curves on 2,000 validation images. An accelerator can take more:

    --config.epochs=30 --config.study.curve_images=10000 --config.study.cnn.channels=1,2,3,4,6,8,12,16,20,24,28,32

Measured in 17 minutes by version 0.1, which chose on the test split (docs/studies/mnist; two cores of an AMD EPYC that
did other work too): 24,790 parameters (95 % interval 16,750 to 42,310) for the fully connected networks, and 27,090 for
the convolutional ones, from five sizes.
"""

from configs.studies import base


def get_config():
    """MNIST through TFDS."""
    config = base.get_config()
    config.dataset.name = "mnist"
    config.epochs = 5
    config.study.families = ("dnn", "cnn")
    config.study.dnn.depths = (1, 2, 3)
    config.study.dnn.shapes = ("equal",)
    config.study.dnn.widths = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200)
    config.study.cnn.channels = (1, 2, 4, 8, 16)
    config.study.cnn.set = (("epochs", 3), ("optimizer.learning_rate", 0.05))
    config.study.curve_images = 2000
    return config
