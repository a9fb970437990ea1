"""Compress a trained network, with every curve: pruning over 21 amounts, quantization over 16 bits, the grid of 21 x 9.

python -m minjax.main --config=configs/compress/full.py                          # trains ResNet18_S on digits first
python -m minjax.main --config=configs/compress/full.py --config.run=runs/my-run # any finished run

Curves are measured on the test split, as the papers measured theirs; the recommended file is chosen as in
configs/compress/default.py. Measured on digits by minjax 0.1: 888 compressed versions took 59 s and one compilation on
two cores.
"""

from configs.compress import default


def get_config():
    """The preset default, and every curve."""
    config = default.get_config()
    measure_curves(config)
    return config


def measure_curves(config):
    """Ask for every curve, pruned as paper 1 did it: the kernels of convolutions alone, where there are any."""
    config.prune.amounts = 21
    config.prune.include = ()
    config.quantize.bits = tuple(range(16, 0, -1))
    config.compress.calibration_images = 1000
    config.compress.joint_method = "global_l1"
    config.compress.sensitivity_amounts = (0.25, 0.5, 0.75, 0.9)
    config.compress.sensitivity_bits = (8, 4, 3, 2)
    config.compress.pack_bits = (8, 4)
    config.compress.shrink_amounts = (0.25, 0.5, 0.75)
    config.compress.latency_batch = 1
