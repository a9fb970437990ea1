"""The parts of `benchmarks/accelerator.py` at both scales, in order of importance, and what a process is told."""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.networks import NETWORKS, Network

Line = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Something that is measured and recorded as a whole.

    Attributes:
        name: of its record.
        work: the function that measures it (`benchmarks.accelerator_work.WORK`).
        sides: its processes, one after the other.
        seconds: that all of them may take together.
        network: what is trained, if one network is.
    """

    name: str
    work: str
    sides: tuple[str, ...]
    seconds: float
    network: Network | None = None


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        images: how many an epoch of training has.
        rounds: how often a timing is repeated.
        seconds: about how long a round takes.
        members: sizes of populations, in order of importance.
        member_images: how many a member trains on, and how many it is evaluated on.
        versions: amounts of a curve.
        test_images: how many each version is evaluated on.
        profiled: steps that are profiled.
        study: further arguments of the study's command.
        parts: what is measured, in order of importance.
    """

    images: int
    rounds: int
    seconds: float
    members: tuple[int, ...]
    member_images: tuple[int, int]
    versions: int
    test_images: int
    profiled: int
    study: tuple[str, ...]
    parts: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True)
class Task:
    """What a process is asked to measure.

    Attributes:
        part: the part.
        side: which of its processes this is.
        scale: how much is measured.
        scale_name: the name of that scale.
        platform: "cpu", "gpu" or "tpu".
        out: the directory of the records.
    """

    part: Part
    side: str
    scale: Scale
    scale_name: str
    platform: str
    out: Path

    @property
    def network(self) -> Network:
        """The network of the part."""
        assert self.part.network is not None
        return self.part.network


def reason(error: BaseException) -> str:
    """An error as one line."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}"[:300]


def attempt(about: Line, measure: Callable[[], Line]) -> Line:
    """A measurement, or why there is none: a failure, or that it does not fit the device's memory."""
    try:
        return about | measure()
    except Exception as error:  # the other measurements go on
        what = reason(error)
        full = "RESOURCE_EXHAUSTED" in what or "out of memory" in what
        return about | ({"not_run": f"does not fit the memory: {what}"} if full else {"failure": what})
    finally:
        gc.collect()


def augmentation(network: Network) -> str:
    """What training on such images augments them with."""
    return "crop_flip" if network.image[2] == 3 else "crop"


def type_of(network: Network) -> str:
    """The type of computation that such a network is trained in; studies train their DNNs in float32."""
    return "float32" if network.model == "dnn" else "bfloat16"


BOTH = ("minjax", "PyTorch")
ONE = ("minjax",)
DETERMINISTIC = ("deterministic", "deterministic again", "default")
CNN = Network("cnn", 128, (28, 28, 1), lambda m: None, {"channels": (32, 64), "pool": True, "batch_norm": True})


def _speed(name: str, batch: int, seconds: float) -> Part:
    network = dataclasses.replace(NETWORKS[f"{name}-128"], batch=batch)
    return Part(f"speed-{name}-{batch}", "speed", BOTH, seconds, network)


def _full() -> tuple[Part, ...]:
    resnet, vit, dnn = (NETWORKS[f"{name}-128"] for name in ("resnet18_s", "vit_s", "dnn-256x3"))
    return (
        Part("golden", "golden", ONE, 150),
        _speed("resnet18_s", 128, 110),
        _speed("resnet18_s", 8, 100),
        Part("populations-resnet18_s", "populations", ONE, 150, resnet),
        Part("study", "study", ONE, 90),
        Part("determinism-resnet18_s", "determinism", DETERMINISTIC, 100, resnet),
        Part("profile-resnet18_s", "profile", ONE, 45, resnet),
        _speed("vit_s", 128, 100),
        _speed("dnn-256x3", 128, 60),
        Part("curves", "curves", ONE, 60, resnet),
        Part("populations-dnn-256x3", "populations", ONE, 60, dnn),
        _speed("vgg16_s", 128, 100),
        Part("populations-cnn", "populations", ONE, 100, CNN),
        _speed("resnet18", 128, 120),
        _speed("vit_s", 8, 100),
        _speed("dnn-256x3", 8, 60),
        _speed("vgg16_s", 8, 100),
        _speed("resnet18", 8, 120),
        Part("determinism-vit_s", "determinism", DETERMINISTIC, 100, vit),
        Part("profile-vit_s", "profile", ONE, 45, vit),
    )


def _small() -> tuple[Part, ...]:
    dnn = Network("dnn", 8, (8, 8, 1), lambda m: m.dnn(10, (16,), 64), {"widths": (16,)})
    cnn = dataclasses.replace(CNN, batch=4, image=(8, 8, 1), fields={"channels": (2,)})
    return (
        Part("golden", "golden", ONE, 300),
        Part("speed-dnn-8", "speed", BOTH, 120, dnn),
        Part("populations-cnn", "populations", ONE, 180, cnn),
        Part("populations-dnn", "populations", ONE, 180, dnn),
        Part("study", "study", ONE, 240),
        Part("determinism-dnn", "determinism", DETERMINISTIC, 120, dnn),
        Part("profile-dnn", "profile", ONE, 60, dnn),
        Part("curves", "curves", ONE, 180, cnn),
    )


_TINY_STUDY: dict[str, Any] = {
    "epochs": 2,
    "study.dnn.widths": "2,4",
    "study.dnn.depths": "1,",
    "study.dnn.shapes": "equal,",
    "study.seeds": 2,
}
SCALES = {
    "full": Scale(
        images=50_000,
        rounds=5,
        seconds=0.6,
        members=(16, 64, 4, 1),
        member_images=(12_800, 1_000),
        versions=21,
        test_images=10_000,
        profiled=20,
        study=(),
        parts=_full(),
    ),
    "small": Scale(
        images=64,
        rounds=2,
        seconds=0.05,
        members=(2,),
        member_images=(16, 8),
        versions=3,
        test_images=16,
        profiled=4,
        study=tuple(f"--config.{name}={value}" for name, value in _TINY_STUDY.items()),
        parts=_small(),
    ),
}
