"""The smallest ResNet that reaches 85 % on CIFAR-10, the accuracy that MLPerf Tiny asks (Banbury et al. 2021).

python -m minjax.main --config=configs/studies/cifar10_min.py

The network of MLPerf Tiny has about 78,000 parameters. Depths 8, 14 and 20 with any width, flips and shifts of up to 2
pixels, 60 epochs with a warm-up.

Batches of 32 at a learning rate of 0.05 did best among six settings tried for 6 epochs with depth 8 and width 12: with
flips alone 74.0 % of validation images, where batches of 128 at 0.1 with shifts of 4 pixels, the settings before, had
70.1 %.

A study for an accelerator, or for hours. 30 epochs of 40,000 images of CIFAR-10 (JPEG), 10,000 to validate, a core of
an AMD EPYC for each seed:

    depth  width  parameters  validation accuracy of two seeds  minutes of a core
        8     16      78,042  80.8 and 81.4 % (flips alone)     19
        8     20     121,390  83.1 and 83.1 %                   27
       14     12      98,998  84.4 and 84.5 %                   31, beside other work
                              84.4 and 84.4 % (fresh seeds)
       14     14     134,424  85.1 and 85.5 %                   44, beside other work

Depth pays: after 6 epochs 98,998 parameters of depth 14 had 78.6 %, 121,390 of depth 8 had 76.9 %.
"""

from configs.studies import base


def get_config():
    """CIFAR-10 through TFDS, residual networks alone."""
    config = base.get_search_config()
    config.dataset.name = "cifar10"
    config.dataset.augment = "crop_flip"
    config.dataset.crop_padding = 2
    config.batch_size = 32
    config.optimizer.learning_rate = 0.05
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
    study.resnet.widths = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 24, 28, 32)
    return config
