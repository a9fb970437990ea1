"""Paper 1's Tables 2 to 5: its four networks under three optimizers on CIFAR-10 and CIFAR-100.

minjax tables
python -m minjax.main --config=configs/paper/tables.py

24 runs with one seed, 200 epochs in batches of 8, each as configs/paper/ has it: weeks on a few CPU cores, and what
--config.tables.dry_run=True predicts on the machine at hand. What every run shares is set like any other field, and the
record and the page state it beside the paper's:

--config.epochs=30 --config.batch_size=128           fewer, larger steps
--config.dataset.limit_train=5000                    a part of the training images
--config.tables.seeds=5                              a mean and a deviation in each cell
--config.tables.together=True                        the seeds of a network in one program, side by side
--config.tables.budget_minutes=120                   as far as two hours go; the same command later goes on
--config.tables.optimizers=adam,adabound             a part of the tables
--config.tables.networks=resnet18_s,vit_s            the recommended settings in place of the paper's
--config.tables.networks=paper/vgg16,paper/vgg16_s   the networks that the paper could not train
--config.tables.datasets=CIFAR-10=my-cifar10         CIFAR-10 in a folder; a TFDS set is downloaded

Seeds are trained side by side on accelerators, as many as half of the memory holds, and one by one on CPUs, where only
fully connected networks are faster together; a dry run says which. Each remains a run of its own, with the same results
but for rounding; of runs in one program, the seconds are each one's share and the images per second those of all.

A table in minutes, on the digits that come with minjax, which are grey and have 8x8 pixels:

minjax tables --config.tables.datasets=digits --config.tables.networks=paper/resnet18_s,paper/vit_s --config.epochs=2 \\
    --config.dataset.normalize=train
"""

from configs import base


def get_config():
    """The tables as printed; VGG16, which the paper could not train, is left out."""
    config = base.get_table_config()
    config.tables.networks = ("paper/resnet18", "paper/resnet18_s", "paper/vit", "paper/vit_s")
    config.tables.optimizers = ("sgdm", "adam", "adabound")
    config.tables.datasets = ("cifar10", "cifar100")
    return config
