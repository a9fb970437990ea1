"""The smallest ResNet that reaches 85 % on CIFAR-10, the accuracy that MLPerf Tiny asks (Banbury et al. 2021).

python -m minjax.main --config=configs/studies/cifar10_min.py

The network of MLPerf Tiny has about 78,000 parameters. Depths 8, 14 and 20 with any width, crops and flips, 60 epochs
with a warm-up. A study for an accelerator: on one busy core of an AMD EPYC a step of 128 images takes 0.08 s of the
processor for depth 8 and width 8 and 0.29 s for depth 14 and width 10, an epoch of 40,000 images 25 and 91 s.
"""

from configs.studies import base


def get_config():
    """CIFAR-10 through TFDS, residual networks alone."""
    config = base.get_search_config()
    config.dataset.name = "cifar10"
    config.dataset.augment = "crop_flip"
    config.epochs = 60
    config.optimizer.weight_decay = 5e-4
    config.optimizer.warmup_epochs = 2.0
    study = config.study
    study.families = ("resnet",)
    study.target_accuracy = 0.85
    study.max_params = 400_000
    study.coarse = 2
    study.fresh_seeds = 5
    study.resnet.depths = (8, 14, 20)
    study.resnet.widths = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20)
    return config
