"""VGG16_S"""

from configs import base


def get_config():
    """."""
    config = base.get_config()
    config.model.name = "vgg16_s"
    config.model.init = "he"
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.clip_norm = 5.0
    config.optimizer.preset.sgdm.learning_rate = 0.05
    config.optimizer.preset.sgdm.weight_decay = 5e-4
    config.optimizer.preset.sgdm.nesterov = True
    config.optimizer.preset.adam.learning_rate = 5e-4
    return config
