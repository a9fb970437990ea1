"""VGG16, 15,245,130 parameters, on CIFAR-10, with the settings of configs/vgg16_s.py.

python -m minjax.main --config=configs/vgg16.py

Measured on digits as PNG files (--config.dataset.name=folder --config.dataset.image_size=32
--config.dataset.augment=none --config.epochs=10) with seed 42: 97.78 % test accuracy (docs/results/vgg16-digits).
Not yet measured on CIFAR-10.
"""

from configs import vgg16_s


def get_config():
    """The vgg16_s preset with the paper's full widths."""
    config = vgg16_s.get_config()
    config.model.name = "vgg16"
    return config
