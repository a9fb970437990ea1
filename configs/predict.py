"""The classes of a folder of images, as predictions.csv.

python -m minjax.main --config=configs/predict.py --config.run=RUN --config.predict.images=photos
"""

from configs import base


def get_config():
    """Nothing is trained; name the run with --config.run and the images with --config.predict.images."""
    config = base.get_config()
    config.task = "predict"
    return config
