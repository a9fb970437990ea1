"""vit_s as paper 1 ran it: configs/paper/base.py has the settings and says what is wrong with them.

python -m minjax.main --config=configs/paper/vit_s.py
"""

from configs.paper import base


def get_config():
    """The paper's settings for this network."""
    return base.get_config("vit_s")
