"""The settings that all runs of paper 1 share, as its published code ran them.

They are kept for comparison and not recommended: a batch of 8, which the text does not mention, normalization by the
well-known wrong deviations, weight decay that differs between the optimizers, and the largest test accuracy over the
epochs as the result. With them VGG16_S does not learn at all, and ViT_S hardly learns under SGDM.
"""

from configs import base


def get_config(model: str):
    """Paper 1's settings for the named network: the network's own defaults and the optimizers' own defaults."""
    config = base.get_config()
    config.model.name = model
    config.epochs = 200
    config.batch_size = 8
    config.drop_last = False  # PyTorch's loader keeps the incomplete last batch
    config.dataset.normalize = "paper"
    config.dataset.augment = "crop_flip"
    config.optimizer.schedule = "multistep"
    config.optimizer.milestones = (100, 150)
    config.optimizer.decay_factor = 0.1
    return config
