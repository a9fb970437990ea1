"""A network for your own images: ResNet18_S, 701,466 parameters for ten classes in colour.

minjax train my-images
python -m minjax.main --config=configs/train.py --config.dataset.name=folder --config.dataset.path=my-images

ResNet18_S, because it ends in a mean over all pixels: one network for images of 8x8 as of 64x64, square or not. Images
keep their size; where they have several, or more than some 64 pixels a side, set --config.dataset.image_size=32 or
24,32. A tenth of the training images is held out for validation, and the checkpoint that it selects is reported beside
the last. Shifts alone augment a folder; --config.dataset.augment=crop_flip adds mirror images, for classes that have no
left and right.

Measured on digits (`minjax train digits`) with seed 42, Python 3.11 and jax 0.10.2: 99.72 % test accuracy after 30
epochs, in 19 s of training on two otherwise idle cores of an AMD EPYC.
"""

from configs import base


def get_config():
    """30 epochs in batches of 32: about as many steps for a thousand images as a small network needs."""
    config = base.get_config()
    config.dataset.name = "digits"
    config.dataset.validation_fraction = 0.1
    config.model.name = "resnet18_s"
    config.epochs = 30
    config.batch_size = 32
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.preset.sgdm.weight_decay = 5e-4
    config.optimizer.preset.sgdm.nesterov = True
    return config
