"""Paper 2's 120 fully connected networks (114 distinct, 70 to 3.1 million parameters) on digits, five seeds each.

python -m minjax.main --config=configs/studies/digits_dnn.py

Measured: not yet.
"""

from configs import base


def get_config():
    """30 epochs, batch 128, SGDM."""
    config = base.get_config()
    config.task = "study"
    config.model.name = "dnn"
    config.dataset.name = "digits"
    config.epochs = 30
    config.batch_size = 128
    config.tensorboard = False
    return config
