"""A small convolutional network on CIFAR-10; its channels are set by --config.model.channels=32,64.

python -m minjax.main --config=configs/cnn.py

By default the network is like those of paper 2, of which only the abstract was at hand: one 3x3 convolution without
padding, ReLU and a linear layer. This preset adds a second convolution, SAME padding, pooling and batch norm.

Measured on CIFAR-10 (JPEG) after five epochs (--config.epochs=5), 60,458 parameters, seed 42: 70.17 % test accuracy
(docs/results/cnn-5epochs). Not yet measured after 50 epochs.
"""

from configs import base


def get_config():
    """Two convolutions with pooling and batch norm."""
    config = base.get_config()
    config.model.name = "cnn"
    config.epochs = 50
    config.model.channels = (32, 64)
    config.model.padding = "SAME"
    config.model.pool = True
    config.model.batch_norm = True
    config.optimizer.name = "sgdm"
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.preset.sgdm.learning_rate = 0.05
    config.optimizer.preset.sgdm.weight_decay = 5e-4
    return config
