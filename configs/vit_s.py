"""ViT_S, 840,010 parameters, patches of 4x4, on CIFAR-10.

python -m minjax.main --config=configs/vit_s.py

With the paper's settings and SGDM (configs/paper/vit_s.py) it hardly learns. This preset scales attention by
head_dim**-0.5 instead of dim**-0.5, draws the class token and positions with a standard deviation of 0.02 instead of 1,
and has one epoch of warm-up, gradients clipped to a norm of 1, a batch of 128, a cosine schedule, a decoupled weight
decay of 0.05 under Adam, and a learning rate of 0.05 with a weight decay of 1e-4 under SGDM.

Measured on CIFAR-10 (JPEG) after ten epochs (--config.epochs=10) with seed 42: 66.20 % test accuracy
(docs/results/vit_s-10epochs), and 56.64 % under SGDM (--config.optimizer.name=sgdm; docs/results/vit_s-sgdm-10epochs).
With the paper's settings and SGDM: 19.03 % (docs/results/vit_s-paper-10epochs).
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
