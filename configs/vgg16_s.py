"""VGG16_S, 955,098 parameters, without batch norm, on CIFAR-10.

python -m minjax.main --config=configs/vgg16_s.py

With the paper's settings (configs/paper/vgg16_s.py) it does not learn, as the paper reports in its section 5.2.
This preset changes them to He initialization, one epoch of warm-up, a learning rate of 0.05, gradients clipped to a
norm of 5, a batch of 128, a cosine schedule, and normalization by the mean and deviation of the training images.

Measured on CIFAR-10 (JPEG) after ten epochs (--config.epochs=10) with seed 42: 67.21 % test accuracy
(docs/results/vgg16_s-10epochs). With the paper's settings: 10.00 %, which is chance
(docs/results/vgg16_s-paper-10epochs).
"""

from configs import base


def get_config():
    """He initialization, warm-up, a smaller learning rate, clipped gradients."""
    config = base.get_config()
    config.model.name = "vgg16_s"
    config.epochs = 100
    config.model.init = "he"
    config.optimizer.name = "sgdm"
    config.optimizer.warmup_epochs = 1.0
    config.optimizer.clip_norm = 5.0
    config.optimizer.preset.sgdm.learning_rate = 0.05
    config.optimizer.preset.sgdm.weight_decay = 5e-4
    config.optimizer.preset.sgdm.nesterov = True
    config.optimizer.preset.adam.learning_rate = 5e-4
    config.optimizer.preset.adam.weight_decay = 1e-4
    return config
