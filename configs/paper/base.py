"""What all runs of paper 1 share, as its public code ran them.

These settings are kept for comparison, not recommended: a batch of 8 (nowhere in the text), a normalisation whose
deviations are the well-known wrong ones, weight decay that differs between the optimizers, and the largest test
accuracy over the epochs as the figure reported. VGG16_S, and ViT_S under SGDM, do not learn with them.
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
