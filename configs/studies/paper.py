"""Paper 2's design sweep on MNIST, Fashion-MNIST and CIFAR-10: three families, five seeds, at a scale for CPU cores.

python -m minjax.main --config=configs/studies/paper.py

A study for each data set, in runs/studies-paper-s42/<data set>, and one page over them in report/ there: the claims
with their verdicts on each data set, and what to use for a required accuracy. Images in folders, or a part of all:

--config.study.datasets=MNIST=my-mnist,CIFAR-10=my-cifar10
--config.study.datasets=digits --config.study.vit.dims=8,16
--config.dataset.limit_train=10000 --config.study.seeds=2 --config.epochs=2
--config.study.dry_run=True          lists the networks of each data set with the predicted time, and stops
--config.study.budget_minutes=60     as far as an hour goes for each data set; the same command later goes on

The fully connected networks are the paper's 120 (114 distinct): 1 to 4 layers; equal, increasing or decreasing widths;
1 to 1,000 units in the widest layer. The convolutional networks have its one unpadded 3x3 convolution, at 6 of its 32
numbers of channels, and the transformers 1 or 2 blocks of 8, 16 or 32 numbers a token. Not public are its learning
rates, epochs, batches, seeds, its way of pruning and its tolerances, so these are ours: 5 epochs of all images but the
fifth that validates; batches of 128; SGDM with a learning rate of 0.03 and a cosine schedule, for transformers Adam
with 0.003; the same for every network, none of them tuned; curves on 2,000 validation images. So little training with
one learning rate favours networks that it suits. An accelerator can take more, and tuning:

--config.epochs=30 --config.study.curves=all
--config.study.cnn.channels=1,2,3,4,6,8,12,16,20,24,28,32 --config.study.vit.depths=1,2,3,4
--config.study.learning_rates=3      a rate for each network of three or more, by two seeds each, then all seeds at the
                                     best: 9 members or more instead of 5, so 1.8 times the training or more
"""

from configs.studies import base


def get_config():
    """5 epochs on each data set."""
    config = base.get_config()
    config.dataset.name = ""
    config.epochs = 5
    config.optimizer.learning_rate = 0.03
    config.study.datasets = ("mnist", "fashion_mnist", "cifar10")
    config.study.families = ("dnn", "cnn", "vit")
    config.study.cnn.channels = (1, 2, 4, 8, 16, 32)
    config.study.vit.depths = (1, 2)
    config.study.vit.dims = (8, 16, 32)
    config.study.vit.set = base.transformer(patch_size=4)
    config.study.curve_images = 2000
    return config
