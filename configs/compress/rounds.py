"""Prune to 99 % in rounds with training between them, and lottery tickets with both their controls, on digits.

python -m minjax.main --config=configs/compress/rounds.py
python -m minjax.main --config=configs/compress/rounds.py --config.run=runs/my-run --config.prune.rewind_epoch=2
"""

from configs.compress import default


def get_config():
    """All five series, with the curve of the one method that they use."""
    config = default.get_config()
    config.prune.series = ("one_shot", "iterative", "lottery", "random_init", "random_mask")
    config.prune.round_amount = 0.99
    config.prune.rounds = 5
    config.prune.methods = ("global_l1",)
    config.prune.amounts = 21
    config.prune.without_first = False
    config.prune.include = ()
    config.compress.recommend = False
    config.compress.shrink_method = ""
    return config
