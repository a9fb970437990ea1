"""The network to use: the smallest that learns a task, found among fully connected and convolutional ones.

python -m minjax.main --config=configs/studies/find_min.py
python -m minjax.main --config=configs/studies/find_min.py --config.dataset.name=folder --config.dataset.path=my-images

The grid begins at the linear classifier, one hidden unit and one channel, and grows by at most half from size to size
up to study.max_params; most of the large networks are never trained, because the search climbs from the smallest up
and stops where larger ones no longer gain. Convolutional networks are those that do much with few parameters: a 5x5
convolution with half the channels, then plain or depthwise separable 3x3 ones, batch norm, the first two with a stride
of 2, and the average over all pixels. They have at most 44 channels and 3 layers: for a harder task, set
--config.study.cnn.channels and --config.study.cnn.depths. --config.seed=100 takes other seeds.

Measured on digits with a cold compilation cache, on two otherwise idle cores of an AMD EPYC: 3 min 7 s, the winner's
training, compression and report included. The answer is a convolutional network of 715 parameters (95 % interval 442 to
1,570), 96.93 % over 20 fresh seeds; the network handed over classifies 97.22 % of the test images correctly, and so
does the linear classifier with its 650 parameters. docs/find_min.md has the answers from six other starts.
"""

from configs.studies import base

WIDTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 28, 35, 45, 60, 80, 110, 150, 200, 280, 400, 560, 800, 1100)
CHANNELS = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 44)


def get_config():
    """Digits, within 8 minutes."""
    config = base.get_search_config()
    config.dataset.name = "digits"
    config.epochs = 30
    study = config.study
    study.families = ("dnn", "cnn")
    study.max_params = 1_000_000
    study.budget_minutes = 8.0
    study.coarse = 3
    study.epoch_doublings = 3
    study.fresh_seeds = 20
    study.programs = 64  # as many as save time; few are reached
    study.dnn.depths = (0, 1, 2, 3)
    study.dnn.widths = WIDTHS
    study.dnn.shapes = ("equal",)
    study.cnn.depths = (2, 3)
    study.cnn.channels = CHANNELS
    study.cnn.blocks = ("plain", "separable")
    study.cnn.stem_kernels = (5,)
    study.cnn.stems = ("half",)
    study.cnn.halvings = (2,)
    study.cnn.paddings = ("SAME",)
    study.cnn.heads = ("average",)
    study.cnn.batch_norms = (True,)
    return config
