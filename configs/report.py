"""One page over several runs, beside the paper's figures.

python -m minjax.main --config=configs/report.py --config.run='runs/*' --workdir=runs/report

Of several studies (task=study), one page with what is found of all of them together: families and data sets compared.

python -m minjax.main --config=configs/report.py --config.run=runs/study-a,runs/study-b --workdir=runs/studies
"""

from configs import base


def get_config():
    """Nothing is trained; name the runs, or the studies, with --config.run."""
    config = base.get_config()
    config.task = "report"
    return config
