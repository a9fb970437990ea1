"""120 fully connected networks (114 distinct, 85 to 3,078,010 parameters) on digits, five seeds each, as in paper 2.

python -m minjax.main --config=configs/studies/digits_dnn.py

Only paper 2's abstract was at hand. Its depths, shapes and widths are known second-hand; how a shape is made is not, so
that is ours (minjax/studies/families.py).

Measured by version 0.1, which chose on the test split (docs/studies/digits_dnn; two otherwise idle cores of an AMD
EPYC, cold compilation cache): 570 members in 3 min 58 s of training and 32 s of curves, with 29 compilations (16 of
them for training) in 65 s; 5 min 41 s in all. The minimal size is 2,260 parameters, 95 % interval 1,510 to 17,610.
"""

from configs.studies import base


def get_config():
    """30 epochs."""
    config = base.get_config()
    config.dataset.name = "digits"
    config.epochs = 30
    return config
