"""ViT_S, 840,010 parameters, patches of 4x4, on CIFAR-10.

python -m minjax.main --config=configs/vit_s.py

Departs from the paper (configs/paper/vit_s.py), under whose SGDM it does not learn: attention scaled by head_dim**-0.5
instead of dim**-0.5, class token and positions drawn with a deviation of 0.02 instead of 1, one epoch of warm-up,
gradients clipped to a norm of 1, batch 128, a cosine, decoupled weight decay of 0.05 under Adam, learning rate 0.05
and weight decay 1e-4 under SGDM.

Measured in ten epochs of CIFAR-10 (JPEG) (--config.epochs=10), seed 42: 66.20 % test accuracy
(docs/results/vit_s-10epochs), and 56.64 % under SGDM (--config.optimizer.name=sgdm; docs/results/vit_s-sgdm-10epochs).
The paper's settings, whose optimizer is SGDM, give 19.03 % in as many (docs/results/vit_s-paper-10epochs).
"""

from configs import base


def get_config():
    """Adam by default."""
    config = base.get_config()
    config.model.name = "vit_s"
    config.epochs = 100
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
