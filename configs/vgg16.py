"""VGG16, 15,245,130 parameters, on CIFAR-10, under the settings of configs/vgg16_s.py.

python -m minjax.main --config=configs/vgg16.py

Measured on digits as PNG files (--config.dataset.name=folder --config.dataset.image_size=32
--config.dataset.augment=none --config.epochs=10), seed 42: 97.78 % test accuracy (docs/results/vgg16-digits).
On CIFAR-10 not yet.
"""

from configs import vgg16_s


def get_config():
    """As vgg16_s, with the paper's full widths."""
    config = vgg16_s.get_config()
    config.model.name = "vgg16"
    return config
