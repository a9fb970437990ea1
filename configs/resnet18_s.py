"""ResNet18_S"""

from configs import base


def get_config():
    """."""
    config = base.get_config()
    config.model.name = "resnet18_s"
    return config
