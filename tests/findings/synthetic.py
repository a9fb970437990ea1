"""Members of studies that never ran: records as points.jsonl has them, with known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

CHANCE = 0.1
AMOUNTS = np.linspace(0, 1, 21)
BITS = (16, 8, 6, 5, 4, 3, 2, 1)


def member(point: str, num_params: int, seed: int, accuracy: float, **fields: Any) -> dict[str, Any]:
    """A completed member; `train_accuracy` and any field of the record can be given."""
    train = fields.pop("train_accuracy", accuracy)
    record = {
        "point": point,
        "name": point,
        "family": "dnn",
        "fields": {},
        "labels": {},
        "num_params": num_params,
        "seed": seed,
        "status": "completed",
        "final": {"train_loss": 0.1, "train_accuracy": train, "test_loss": 0.1, "test_accuracy": accuracy},
        "history": None,
        "chance": CHANCE,
        "dataset": "digits",
        "curves": None,
    }
    return record | fields


def point(name: str, num_params: int, accuracies: Sequence[float], **fields: Any) -> list[dict[str, Any]]:
    """A point with a member for each accuracy; fields that are functions of the place of the seed are called."""
    return [
        member(
            name,
            num_params,
            seed,
            accuracy,
            **{k: v(seed) if isinstance(v, Callable) else v for k, v in fields.items()},
        )
        for seed, accuracy in enumerate(accuracies)
    ]


def pruning(redundancy: float, start: float = 0.95) -> list[list[float]]:
    """A pruning curve whose plateau ends at the amount below `redundancy`, falling to chance within four steps."""
    places = np.clip((AMOUNTS - redundancy - 1e-9) / 0.2, 0, 1)
    falling = np.where(places > 0, np.maximum(places, 0.05), 0)
    return [[float(a), float(start - (start - CHANCE) * f)] for a, f in zip(AMOUNTS, falling, strict=True)]


def quantization(bits: float, start: float = 0.95) -> list[list[float]]:
    """A quantization curve on its plateau down to `bits`, losing a quarter of what was learned a bit below."""
    return [[b, float(start - (start - CHANCE) * np.clip((bits - b) * 0.25, 0, 1))] for b in BITS]


def history(loss: Sequence[float], accuracy: Sequence[float]) -> dict[str, list[float]]:
    """A history of which only what findings read is there."""
    return {"train_loss": [float(x) for x in loss], "test_accuracy": [float(x) for x in accuracy]}
