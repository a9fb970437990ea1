"""ResNet18, 11,173,962 parameters, on CIFAR-10, under the settings of configs/resnet18_s.py.

python -m minjax.main --config=configs/resnet18.py

Not measured yet.
"""

from configs import resnet18_s


def get_config():
    """As resnet18_s, with the paper's full widths."""
    config = resnet18_s.get_config()
    config.model.name = "resnet18"
    return config
