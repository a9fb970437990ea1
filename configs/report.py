"""One page that compares several runs with one another and with the paper's figures.

python -m minjax.main --config=configs/report.py --config.run='runs/*' --workdir=runs/report

With studies (task=study) in place of runs, one page of what they show together: families and data sets compared.

python -m minjax.main --config=configs/report.py --config.run=runs/study-a,runs/study-b --workdir=runs/studies
"""

from configs import base


def get_config():
    """Nothing is trained; --config.run names the runs or the studies."""
    config = base.get_config()
    config.task = "report"
    return config
