"""Compress ResNet18_S on CIFAR-10: pruning as in the paper's Figure 17, all schemes of quantization, and the grid.

python -m minjax.main --config=configs/compress/resnet18_s.py --config.run=runs/resnet18_s-cifar10-sgdm-s42

Without --config.run it first trains the network of configs/resnet18_s.py.
"""

from configs import resnet18_s
from configs.compress.full import measure_curves


def get_config():
    """The resnet18_s preset, with task=compress and every curve."""
    config = resnet18_s.get_config()
    config.task = "compress"
    measure_curves(config)
    return config
