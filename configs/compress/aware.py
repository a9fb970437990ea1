"""Quantization-aware training at 4, 3, 2 and 1 bits, compared with quantization after training, on digits.

python -m minjax.main --config=configs/compress/aware.py
python -m minjax.main --config=configs/compress/aware.py --config.quantize.aware_from=scratch
"""

from configs.compress import default


def get_config():
    """One scheme: symmetric, with a scale for each output channel."""
    config = default.get_config()
    config.quantize.bits = (8, 6, 5, 4, 3, 2, 1)
    config.quantize.schemes = ("symmetric_channel_minmax",)
    config.quantize.aware_bits = (4, 3, 2, 1)
    config.prune.include = ()
    config.compress.recommend = False
    config.compress.shrink_method = ""
    return config
