"""Compress a trained network: every pruning method at 21 amounts, every scheme at 16 bits, the grid of 21 x 9.

python -m minjax.main --config=configs/compress/default.py                          # trains ResNet18_S on digits first
python -m minjax.main --config=configs/compress/default.py --config.run=runs/my-run # a finished run of your own

Measured on digits (docs/compress/digits): 95 % pruned (global_l1, batch norm re-estimated) within a point of 98.89 %;
888 points in 59 s and one compilation on two cores.
"""

from configs import digits


def get_config():
    """The digits preset, with task=compress."""
    config = digits.get_config()
    config.task = "compress"
    return config
