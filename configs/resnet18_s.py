"""ResNet18_S, 701,466 parameters: ResNet-18 with a quarter of the channels, on CIFAR-10.

python -m minjax.main --config=configs/resnet18_s.py

Departs from the paper (configs/paper/resnet18_s.py) in a batch of 128 instead of 8, 100 epochs, one epoch of warm-up,
a cosine schedule instead of steps, Nesterov momentum, a weight decay of 5e-4 under SGDM, and normalization by the mean
and deviation of the training images.

Measured on CIFAR-10 (JPEG): 86.12 % test accuracy after 20 epochs (--config.epochs=20;
docs/results/resnet18_s-20epochs). Not yet measured after 100. docs/reference_runs.md has the paper's own settings with
a batch of 128.
"""

from configs import base


def get_config():
    """SGDM by default; --config.optimizer.name=adabound gives the paper's best results."""
    config = base.get_config()
    config.model.name = "resnet18_s"
    config.epochs = 100
    config.optimizer.name = "sgdm"
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.preset.sgdm.learning_rate = 0.1
    config.optimizer.preset.sgdm.weight_decay = 5e-4
    config.optimizer.preset.sgdm.nesterov = True
    return config
