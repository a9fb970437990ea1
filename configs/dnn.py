"""DNN"""

from configs import base


def get_config():
    """."""
    config = base.get_config()
    config.model.name = "dnn"
    return config
