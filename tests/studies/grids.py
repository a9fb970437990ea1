"""Points of a grid on digits, for tests."""

from __future__ import annotations

from configs.base import get_config
from minjax.studies.points import Point, points

CONFIG = get_config().to_dict()
SMALL = {
    "seed": 42,
    "epochs": 30,
    "dataset": {"name": "digits", "data_dir": ""},
    "model": {"name": "dnn", "init": None, "dropout": None, "widths": None},
    "optimizer": {"name": "sgdm", "learning_rate": 0.1},
}


def digits(choices, config=CONFIG, **settings) -> list[Point]:
    return points(choices, config, image_shape=(8, 8, 1), num_classes=10, **settings)
