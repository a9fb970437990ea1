"""Prune a trained network as paper 1 did for its Tables 6 and 7 and its Figure 17.

python -m minjax.main --config=configs/paper/pruning.py --config.run=runs/my-run --workdir=runs/my-run-pruned

The page of a set of runs (task=tables) finds it with --workdir=<its directory>/compress/<name of the run>.

The kernels of convolutions alone, in one shot, at the amounts 0, 0.05, ..., 1, by the paper's three methods, without
training afterwards. Beyond the paper: batch-norm statistics computed again as well, and the structured curve with the
first convolution spared. With training after pruning, which the paper left out:

    --config.prune.series=one_shot,iterative --config.prune.round_amount=0.95 --config.prune.epochs=30
"""

from configs.compress import default


def get_config():
    """Curves over 21 amounts, on all test images, and nothing else."""
    config = default.get_config()
    config.prune.methods = ("l1", "l1_structured", "global_l1")
    config.prune.amounts = 21
    config.prune.include = ()
    config.compress.recommend = False
    config.compress.shrink_method = ""
    return config
