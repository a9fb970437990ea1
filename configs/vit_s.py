"""ViT_S"""

from configs import base


def get_config():
    """."""
    config = base.get_config()
    config.model.name = "vit_s"
    config.model.attention_scale = "head_dim"
    config.model.position_scale = 0.02
    config.optimizer.name = "adam"
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.clip_norm = 1.0
    config.optimizer.preset.adam.decoupled = True
    config.optimizer.preset.adam.weight_decay = 0.05
    config.optimizer.preset.sgdm.learning_rate = 0.05
    config.optimizer.preset.sgdm.weight_decay = 1e-4
    return config
