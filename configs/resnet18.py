"""ResNet18, 11,173,962 parameters, on CIFAR-10, with the settings of configs/resnet18_s.py.

python -m minjax.main --config=configs/resnet18.py

Measured on digits, whose images have one channel (--config.dataset.name=digits --config.dataset.augment=none
--config.epochs=10), with seed 42: 96.67 % test accuracy (docs/results/resnet18-digits). Not yet measured on CIFAR-10,
where an epoch takes more than half an hour on two CPU cores.
"""

from configs import resnet18_s


def get_config():
    """The resnet18_s preset with the paper's full widths."""
    config = resnet18_s.get_config()
    config.model.name = "resnet18"
    return config
