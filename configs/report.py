"""One page over several runs, beside the paper's figures.

python -m minjax.main --config=configs/report.py --config.run='runs/*' --workdir=runs/report
"""

from configs import base


def get_config():
    """Nothing is trained; name the runs with --config.run."""
    config = base.get_config()
    config.task = "report"
    return config
