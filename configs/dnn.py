"""A fully connected network on CIFAR-10; its widths are set by --config.model.widths=256,128.

python -m minjax.main --config=configs/dnn.py
python -m minjax.main --config=configs/dnn.py --config.dataset.name=digits      # digits: a few seconds

Measured on CIFAR-10 (JPEG) with seed 42: 51.01 % test accuracy after 50 epochs, in 97 s on two cores
(docs/results/dnn).
"""

from configs import base


def get_config():
    """No augmentation: a network without convolutions gains little from shifts."""
    config = base.get_config()
    config.model.name = "dnn"
    config.epochs = 50
    config.dataset.augment = "none"
    config.optimizer.name = "sgdm"
    config.optimizer.preset.sgdm.learning_rate = 0.05
    config.optimizer.preset.sgdm.weight_decay = 5e-4
    return config
