"""The smallest ResNet that reaches 85 % on CIFAR-10, the accuracy that MLPerf Tiny asks (Banbury et al. 2021).

python -m minjax.main --config=configs/studies/cifar10_min.py

The network of MLPerf Tiny has about 78,000 parameters. Depths 8, 14 and 20 with any width, crops and flips, 60 epochs
with a warm-up. A study for an accelerator. On one core of an AMD EPYC, CIFAR-10 (JPEG), 40,000 images to train on and
15 epochs, depth 8 takes 8 minutes with width 12 (44,230 parameters; 75.4 and 76.1 % of validation images, two seeds)
and 11 minutes with width 16 (78,042 parameters, the size of MLPerf Tiny's; 77.7 %, one seed): 85 % takes many more
epochs.
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
