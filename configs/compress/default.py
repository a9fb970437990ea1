"""Compress a trained network: pruning curves over 21 amounts, quantization curves over 16 bits, and the grid of 21 x 9.

python -m minjax.main --config=configs/compress/default.py                          # trains ResNet18_S on digits first
python -m minjax.main --config=configs/compress/default.py --config.run=runs/my-run # any finished run

Measured on digits (docs/compress/digits): pruned by 95 % (global_l1, batch norm re-estimated), the network stays within
one percentage point of its 98.89 %. 888 compressed versions took 59 s and one compilation on two cores.
"""

from configs import digits


def get_config():
    """The digits preset, with task=compress."""
    config = digits.get_config()
    config.task = "compress"
    return config
