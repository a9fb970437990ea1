"""Paper 2's 120 fully connected networks (114 distinct, 85 to 3,078,010 parameters) on digits, five seeds each.

python -m minjax.main --config=configs/studies/digits_dnn.py

Measured: not yet.
"""

from configs.studies import base


def get_config():
    """30 epochs."""
    config = base.get_config()
    config.dataset.name = "digits"
    config.epochs = 30
    return config
