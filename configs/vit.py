"""ViT, 9,786,378 parameters, on CIFAR-10, under the settings of configs/vit_s.py.

python -m minjax.main --config=configs/vit.py

Not measured yet.
"""

from configs import vit_s


def get_config():
    """As vit_s, with the paper's full widths."""
    config = vit_s.get_config()
    config.model.name = "vit"
    return config
