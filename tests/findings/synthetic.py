"""Members of studies that never ran: records as points.jsonl has them, with known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from minjax.findings.samples import Sample, samples
from minjax.records.member import History, MemberCurves, MemberFinal, MemberSeconds
from minjax.records.study import MemberRecord

CHANCE = 0.1
AMOUNTS = np.linspace(0, 1, 21)
BITS = (16, 8, 6, 5, 4, 3, 2, 1)

changed = msgspec.structs.replace


def member(point: str, num_params: int, seed: int, accuracy: float, **fields: Any) -> MemberRecord:
    """A completed member; `train_accuracy` and any field of the record can be given, curves as a dict of some."""
    train = fields.pop("train_accuracy", accuracy)
    if isinstance(fields.get("curves"), dict):
        fields["curves"] = curves(**fields["curves"])
    about: dict[str, Any] = {
        "name": point,
        "names": [point],
        "family": "dnn",
        "fields": {},
        "labels": {},
        "settings": {},
        "dataset": "digits",
        "chance": CHANCE,
        "status": "completed",
        "final": final(accuracy, train),
        "history": None,
        "curves": None,
        "seconds": MemberSeconds(train=1.5, curves=0.0),
    }
    return MemberRecord(point=point, num_params=num_params, seed=seed, **about | fields)


def final(accuracy: float, train: float) -> MemberFinal:
    """The end of a member, by its accuracies on validation and on training images."""
    return MemberFinal(train_loss=0.1, train_accuracy=train, validation_loss=0.1, validation_accuracy=accuracy)


def on_test(record: MemberRecord) -> MemberRecord:
    """The same member as minjax 0.1 recorded it, with the accuracy of the test split."""
    end, epochs = record.final, record.history
    return changed(
        record,
        final=end and MemberFinal(
            train_loss=end.train_loss, train_accuracy=end.train_accuracy, test_loss=end.validation_loss,
            test_accuracy=end.validation_accuracy,
        ),
        history=epochs and History(
            train_loss=epochs.train_loss, train_accuracy=epochs.train_accuracy, test_loss=epochs.validation_loss,
            test_accuracy=epochs.validation_accuracy,
        ),
    )  # fmt: skip


def point(name: str, num_params: int, accuracies: Sequence[float], **fields: Any) -> list[MemberRecord]:
    """A point with a member for each accuracy; fields that are functions are called with the index of the seed."""
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


def curves(
    pruning: Any = None,
    quantization: Any = None,
    method: str = "global_l1",
    scheme: str = "symmetric_channel_minmax",
) -> MemberCurves:
    """The curves of a member; one that is not given was not measured."""
    return MemberCurves(
        method=method,
        scheme=scheme,
        pruning=[tuple(pair) for pair in pruning or ()],
        quantization=[tuple(pair) for pair in quantization or ()],
    )


def pruning(redundancy: float, start: float = 0.95) -> list[list[float]]:
    """A pruning curve whose plateau ends at the amount below `redundancy`, falling to chance within four steps."""
    along = np.clip((AMOUNTS - redundancy - 1e-9) / 0.2, 0, 1)
    falling = np.where(along > 0, np.maximum(along, 0.05), 0)
    return [[float(a), float(start - (start - CHANCE) * f)] for a, f in zip(AMOUNTS, falling, strict=True)]


def quantization(bits: float, start: float = 0.95) -> list[list[float]]:
    """A quantization curve on its plateau down to `bits`, losing a quarter of what was learned a bit below."""
    return [[b, float(start - (start - CHANCE) * np.clip((bits - b) * 0.25, 0, 1))] for b in BITS]


def history(loss: Sequence[float], accuracy: Sequence[float]) -> History:
    """A history by training loss and validation accuracy, which are what findings read."""
    losses, accuracies = [float(x) for x in loss], [float(x) for x in accuracy]
    return History(train_loss=losses, train_accuracy=accuracies, validation_loss=losses, validation_accuracy=accuracies)


def depths(
    effect: float,
    *,
    scatter: float = 0.0,
    noise: float = 0.02,
    seed: int = 0,
    bits_effect: float = 0.0,
    n: int = 8,
    growth: float = 0.12,
) -> list[Sample]:
    """Points of depth 1 to 4 over three decades; redundancy rises by `growth` a decade, and with depth by `effect`.

    A deeper network is a fifth larger than one that is as wide and a layer less deep.
    """
    rng = np.random.default_rng(seed)
    members = []
    for depth in (1, 2, 3, 4):
        for size in np.geomspace(200, 200_000, n) * 1.2 ** (depth - 1):
            base = 0.2 + growth * np.log10(size / 200) + effect * (depth > 1) + scatter * rng.standard_normal()
            bits = (
                5 - 6 * growth * np.log10(size / 200) - bits_effect * (depth > 1) + 10 * scatter * rng.standard_normal()
            )
            own = base + noise * rng.standard_normal(5), bits + 10 * noise * rng.standard_normal(5)
            members += point(
                f"d{depth}-{size:.0f}",
                int(size),
                [0.95] * 5,
                labels={"depth": depth, "shape": "equal", "width": round(1000 * size / 1.2 ** (depth - 1))},
                curves=lambda i, own=own: {"pruning": pruning(own[0][i]), "quantization": quantization(own[1][i])},
            )
    return samples(members)
