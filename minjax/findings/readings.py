"""How an accuracy reads beside the one that paper 1 prints: what may be compared, and whether seeds explain the rest.

Paper 1 prints one run of one seed. So with its protocol and its data, the question is whether another seed of ours
could have given its figure: it is *within seed noise* where it lies in the interval in which one more seed is expected
(Student's, 95 %). Other data or another protocol answer before that: the difference then has a cause that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from minjax.config.table import leaves, plain
from minjax.findings.intervals import student_next
from minjax.findings.words import count, listed, percent, plural

Kind = Literal[
    "within seed noise",
    "beyond seed noise",
    "seed noise unknown",
    "other protocol",
    "other data",
    "no figure",
    "diverged",
    "not run",
]
MEANINGS: dict[Kind, str] = {
    "within seed noise": "the paper's data and protocol, and its figure lies where one more seed of ours is expected "
    "(Student's interval, 95 %)",
    "beyond seed noise": "the paper's data and protocol, and its figure lies outside of that interval",
    "seed noise unknown": "the paper's data and protocol, but a single seed, which does not say how much seeds differ",
    "other protocol": "trained in another way than the paper's code trains, so the difference has a known cause",
    "other data": "trained on other images than the paper's; its figure is for orientation only",
    "no figure": "the paper prints none",
    "diverged": "the loss stopped being a finite number in every seed",
    "not run": "no seed has completed",
}

# How paper 1's code trains, whatever the network; configs/paper/ has the same as presets. Under a schedule of another
# name its milestones say nothing.
IMAGES = 50_000
PROTOCOL: dict[str, Any] = {
    "batch_size": 8,
    "drop_last": False,
    "early_stop": 0,
    "dtype": "float32",
    "dataset.normalize": "paper",
    "dataset.augment": "crop_flip",
    "dataset.crop_padding": 4,
    "dataset.image_size": None,
    "optimizer.schedule": "multistep",
    "optimizer.milestones": [100, 150],
    "optimizer.decay_factor": 0.1,
    "optimizer.warmup_epochs": 0.0,
    "optimizer.clip_norm": None,
    "optimizer.decoupled": False,
    "model.init": "paper",
    "model.attention_scale": "dim",
}
_BOUND = {"learning_rate": 1e-3, "weight_decay": 5e-4, "final_lr": 0.1, "gamma": 1e-3}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgdm": {"learning_rate": 0.1, "weight_decay": 1e-3, "momentum": 0.9, "nesterov": False},
    "adam": {"learning_rate": 1e-3, "weight_decay": 1e-3, "b1": 0.9, "b2": 0.999},
    "adabound": _BOUND | {"b1": 0.9, "b2": 0.999},
}
EPOCHS = 200  # of the code; the captions of the paper's figures say 1000 and 100
_WORDS = {"batch_size": "batch size"}
_FOLLOW = {"optimizer.milestones": "optimizer.schedule", "optimizer.decay_factor": "optimizer.schedule"}


@dataclass(frozen=True)
class Reading:
    """What may be said of a measured accuracy beside a printed one.

    Attributes:
        kind: see `MEANINGS`.
        why: the reason, where there is more to say than `kind` does; no sentence.
        next_seed: where one more seed is expected, 95 %; None with fewer than two seeds.
    """

    kind: Kind
    why: str = ""
    next_seed: tuple[float, float] | None = None


def reading(
    values: Sequence[float],
    printed: float | None,
    *,
    other_data: str = "",
    departures: Sequence[str] = (),
    diverged: int = 0,
    reason: str = "",
) -> Reading:
    """How the accuracies of some seeds read beside a printed one.

    Args:
        values: maximum test accuracies of the seeds that completed, fractions.
        printed: the paper's figure; None: it has none.
        other_data: what the data are, where they are not the paper's.
        departures: in what the protocol is not the paper's, from `departures`.
        diverged: how many seeds diverged.
        reason: why no seed has completed.
    """
    if not values:
        seeds = "" if diverged < 2 else f"all {plural(diverged, 'seed')}"
        return Reading("diverged", seeds) if diverged else Reading("not run", reason)
    expected = student_next(np.array(values)) if len(values) > 1 else None
    lost = f"{plural(diverged, 'more seed')} diverged" if diverged else ""

    def found(kind: Kind, *why: str) -> Reading:
        return Reading(kind, "; ".join(filter(None, [*why, lost])), expected and expected.interval)

    if other_data:
        return found("other data", other_data, *departures)
    if departures:
        return found("other protocol", *departures)
    if printed is None:
        return found("no figure")
    if expected is None:
        return found("seed noise unknown", "one seed")
    interval = f"one more seed: {percent(expected.low)} to {percent(expected.high)}"
    inside = expected.low <= printed <= expected.high
    return found("within seed noise" if inside else "beyond seed noise", interval)


def departures(config: Mapping[str, Any], *, num_params: int | None = None, papers: int | None = None) -> list[str]:
    """In what a run's training is not that of paper 1's code, a phrase each, what matters most first.

    Args:
        config: a run's resolved configuration.
        num_params: parameters of its network.
        papers: those of the paper's network of that name; None: not known.
    """
    found = dict(leaves(plain(config)))
    phrases = []
    if num_params is not None and papers is not None and num_params != papers:
        phrases.append(f"a network of {count(num_params)} parameters, not {count(papers)}")
    if (epochs := found.get("epochs")) is not None and epochs != EPOCHS:
        phrases.append(f"{plural(epochs, 'epoch')}, not {EPOCHS}")
    images = found.get("data.sizes.train")
    if images is not None and images != IMAGES:
        phrases.append(f"{count(images)} training images, not {count(IMAGES)}")
    protocol = PROTOCOL | {
        f"optimizer.{name}": value for name, value in OPTIMIZERS.get(str(found.get("optimizer.name")), {}).items()
    }
    differing = [name for name, value in protocol.items() if name in found and found[name] != value]
    for name in differing:
        if _FOLLOW.get(name) not in differing:
            phrases.append(f"{_WORDS.get(name, name)} {_said(found[name])}, not {_said(protocol[name])}")
    return phrases


def _said(value: Any) -> str:
    if isinstance(value, list):
        return listed([_said(item) for item in value])
    if isinstance(value, bool) or value is None:
        return {True: "on", False: "off", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def shared(phrases: Sequence[Sequence[str]]) -> list[str]:
    """The departures that all of several runs have, in the order of the first."""
    return [phrase for phrase in phrases[0] if all(phrase in others for others in phrases)] if phrases else []


def guesses(printed: float, classes: int) -> bool:
    """Whether a printed accuracy is that of guessing: the network did not learn."""
    return printed <= 1 / classes
