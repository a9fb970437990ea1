"""Compress a trained network: the smallest file that keeps its accuracy, found in a few minutes.

python -m minjax.main --config=configs/compress/default.py --config.run=runs/my-run # any finished run
python -m minjax.main --config=configs/compress/default.py                          # trains ResNet18_S on digits first
python -m minjax.main --config=configs/compress/default.py --config.run=runs/my-run --config.compress.tolerance=0.02

Chosen on the validation split of the run (dataset.validation_fraction); where it has none, on the test split, and
everything says so. configs/compress/full.py measures every curve as well.

Measured on digits (docs/compress/digits), ResNet18_S: a file of 58,423 bytes, 48 times smaller than in float32, with
98.95 % on 287 validation images and 98.33 % on 360 test images, where the dense network has 98.95 % and 98.89 %. With
the training before it that took 91 s of CPU time.
"""

from configs import digits


def get_config():
    """The digits preset with a fifth of the training images held out, and task=compress."""
    config = digits.get_config()
    config.task = "compress"
    config.dataset.validation_fraction = 0.2
    return config
