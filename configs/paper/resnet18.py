"""resnet18 as paper 1 ran it: see configs/paper/base.py for every setting and what it departs from.

python -m minjax.main --config=configs/paper/resnet18.py
"""

from configs.paper import base


def get_config():
    """The paper's settings for this network."""
    return base.get_config("resnet18")
