"""Paper 2's 120 fully connected networks (114 distinct, 85 to 3,078,010 parameters) on digits, five seeds each.

python -m minjax.main --config=configs/studies/digits_dnn.py

Measured (docs/studies/digits_dnn; two cores of an AMD EPYC, idle otherwise, cold compilation cache): 570 members in
3 min 58 s of training and 32 s of curves, 29 compilations (16 of training) in 65 s, 5 min 41 s in all. The minimal size
is 2,260 parameters, 95 % interval 1,510 to 17,610.
"""

from configs.studies import base


def get_config():
    """30 epochs."""
    config = base.get_config()
    config.dataset.name = "digits"
    config.epochs = 30
    return config
