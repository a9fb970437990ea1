"""The smallest network that reliably learns a task: one data set, one family, a budget of time, and a certificate.

python -m minjax.main --config=configs/studies/find_min.py
python -m minjax.main --config=configs/studies/find_min.py --config.dataset.name=folder --config.dataset.path=my-images

First a coarse grid, every third size, then the sizes around the smallest that learns, with five seeds each, until its
neighbours are measured or the budget is spent. --config.seed=100 takes other seeds.

Measured (docs/studies/find_min*; two cores of an AMD EPYC): 53 s with a cold compilation cache, 22 to 29 s with a warm
one; 1,135 parameters (95 % interval 870 to 1,702) with seeds from 42 on, 1,360 (610 to 2,260) from 100 on,
1,375 (910 to 2,535) from 200 on.
"""

from configs.studies import base


def get_config():
    """Fully connected networks with equal layers on digits, within 8 minutes."""
    config = base.get_config()
    config.dataset.name = "digits"
    config.epochs = 30
    config.study.extent = "knee"
    config.study.budget_minutes = 8.0
    config.study.dnn.shapes = ("equal",)
    config.study.dnn.depths = (1, 2, 3)
    config.study.dnn.widths = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30, 40, 50, 65, 80, 100, 140, 200)
    config.study.coarse = 3
    config.study.reach = 2
    return config
