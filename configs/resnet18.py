"""ResNet18, 11,173,962 parameters, on CIFAR-10: the network that the paper made ResNet18_S from.

python -m minjax.main --config=configs/resnet18.py

Departs from the paper as configs/resnet18_s.py does.
"""

from configs import base


def get_config():
    """As resnet18_s."""
    config = base.get_config()
    config.model.name = "resnet18"
    config.epochs = 100
    config.optimizer.name = "sgdm"
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.preset.sgdm.learning_rate = 0.1
    config.optimizer.preset.sgdm.weight_decay = 5e-4
    config.optimizer.preset.sgdm.nesterov = True
    return config
