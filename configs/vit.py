"""ViT, 9,786,378 parameters, on CIFAR-10, under the settings of configs/vit_s.py.

python -m minjax.main --config=configs/vit.py

Measured on digits in patches of 2x2 (--config.dataset.name=digits --config.dataset.augment=none
--config.model.patch_size=2 --config.epochs=10), seed 42: 76.94 % test accuracy (docs/results/vit-digits): 110 steps
are few for a transformer. On CIFAR-10 not yet.
"""

from configs import vit_s


def get_config():
    """As vit_s, with the paper's full widths."""
    config = vit_s.get_config()
    config.model.name = "vit"
    return config
