"""ViT, 9,786,378 parameters, on CIFAR-10, with the settings of configs/vit_s.py.

python -m minjax.main --config=configs/vit.py

Measured on digits with patches of 2x2 (--config.dataset.name=digits --config.dataset.augment=none
--config.model.patch_size=2 --config.epochs=10) and seed 42: 76.94 % test accuracy (docs/results/vit-digits); 110 steps
are few for a transformer. Not yet measured on CIFAR-10.
"""

from configs import vit_s


def get_config():
    """The vit_s preset with the paper's full widths."""
    config = vit_s.get_config()
    config.model.name = "vit"
    return config
