"""From a trained network to something that predicts: `load` in Python, files for other runtimes, verified in them."""

from minjax.deploy.network import Network
from minjax.deploy.predictor import Predictor, load

__all__ = ["Network", "Predictor", "load"]
