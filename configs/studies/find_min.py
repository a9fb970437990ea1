"""The smallest network that reliably learns a task: one data set, one family, a budget of time, and a certificate.

python -m minjax.main --config=configs/studies/find_min.py
python -m minjax.main --config=configs/studies/find_min.py --config.dataset.name=folder --config.dataset.path=my-images

First a coarse grid, every third size, then the sizes around the smallest that learns, with five seeds each, until its
neighbours are measured or the budget is spent. --config.seed=100 takes other seeds.

Measured on two cores of an AMD EPYC: 31 s with a cold compilation cache, 16 s with a warm one; 1,702 parameters (95 %
interval 1,135 to 7,510) with seeds from 42 on, 2,260 (1,135 to 4,885) from 100 on, 2,260 (1,135 to 3,760) from 200 on.
Version 0.1, which chose on the test split and trained on the validation images too, gave 1,135, 1,360 and 1,375
(docs/studies/find_min*).
"""

from configs.studies import base


def get_config():
    """Fully connected networks with equal layers on digits, within 8 minutes."""
    config = base.get_config()
    config.dataset.name = "digits"
    config.epochs = 30
    config.study.extent = "knee"
    config.study.max_params = 1_000_000
    config.study.budget_minutes = 8.0
    config.study.dnn.shapes = ("equal",)
    config.study.dnn.depths = (1, 2, 3)
    config.study.dnn.widths = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30, 40, 50, 65, 80, 100, 140, 200)
    config.study.coarse = 3
    config.study.reach = 2
    config.study.learning_rates = 3
    config.study.epoch_doublings = 3
    config.study.fresh_seeds = 20
    return config
