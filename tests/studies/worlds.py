"""Worlds to study: networks whose accuracies follow a formula, trained in no time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minjax.findings.grids import Images, envelope
from minjax.studies.points import Point, identity
from minjax.studies.rounds import Rules
from minjax.studies.sequence import Stages
from minjax.studies.variants import Variants
from tests.findings.synthetic import changed, member

CONFIG = {"model": {"name": "dnn", "widths": [1]}, "optimizer": {"learning_rate": 0.1}, "epochs": 30}
SHAPE, CLASSES = (8, 8, 1), 10
SEEDS = (0, 1, 2, 3, 4)
SIZES = tuple(100 * 2**k for k in range(12))
MINIMAL = SIZES[6]  # of `rises`

Accuracy = Callable[..., float | None]  # of (point, rate, epochs, seed); None: it diverges


def grid(sizes=SIZES, family="dnn", depth=1, rate=0.1) -> list[Point]:
    """The networks of one series."""
    found = []
    for size in sizes:
        widths = [size] * depth
        config = {**CONFIG, "model": {"name": family, "widths": widths}, "optimizer": {"learning_rate": rate}}
        overrides = {"model.name": family, "model.widths": widths}
        name = f"{family}-{depth}-equal-{size}"
        labels = {"depth": depth, "shape": "equal", "width": size}
        id_ = identity(config, SHAPE, CLASSES)
        found.append(Point(id_, name, family, {"widths": widths}, labels, size, overrides, config, (name,)))
    return found


def rises(point, rate, epochs, seed, *, minimal=MINIMAL):
    """Accuracy rises with size up to a minimal one, and then stays."""
    draw = np.random.default_rng([point.num_params, seed, len(point.family)])
    return 0.95 - 0.08 * max(0.0, np.log2(minimal / point.num_params)) + 0.002 * draw.standard_normal()


def tuned(best: float, width: float = 0.04, **how) -> Accuracy:
    """The same, at a best learning rate; a decade away it loses four times `width`."""
    return lambda point, rate, epochs, seed: (
        rises(point, rate, epochs, seed, **how) - 4 * width * float(np.log10(rate / best)) ** 2
    )


class World:
    """A study of these points: records are made by a formula.

    Attributes:
        rules: the order of the work.
        stages: what is trained next.
    """

    def __init__(self, points, accuracy: Accuracy = rises, **rules):
        self.points, self.accuracy = points, accuracy
        self.rules = Rules(**{"seeds": SEEDS, "epochs": CONFIG["epochs"], "extent": "knee", **rules})
        self.rate = points[0].config["optimizer"]["learning_rate"]
        self.stages = self.again()

    def again(self) -> Stages:
        """The stages from the beginning, as a process that starts has them."""
        config = {**CONFIG, "optimizer": {"learning_rate": self.rate}}
        variants = Variants(config, SHAPE, CLASSES, lambda config: config)
        return Stages(
            self.points,
            self.rules,
            variants,
            lambda found: envelope(found, Images.unknown(360, CLASSES), least_seeds=len(SEEDS)),
        )

    def train(self, members):
        """The records of these members."""
        return [self.record(one) for one in members]

    def record(self, one):
        """The record of a member."""
        point = one.point
        rate, epochs = point.config["optimizer"]["learning_rate"], point.config["epochs"]
        value = self.accuracy(point, rate, epochs, one.seed)
        about = {
            "name": point.name, "family": point.family, "labels": point.labels, "fields": point.fields,
            "settings": point.settings, "fresh": one.fresh,
        }  # fmt: skip
        record = member(point.id, point.num_params, one.seed, 0.1 if value is None else value, **about)
        if value is None:
            record = changed(record, status="diverged", diverged_step=3, final=None)
        return record

    def play(self, stages=None, records=()):
        """The stages that are left, each recorded before the next is asked for, and all records."""
        stages, records, seen = stages or self.again(), list(records), []
        while (now := stages.stage(records)) is not None:
            assert len(seen) < 500, "it does not end"
            seen.append(now)
            records += self.train(now.left)
        self.stages = stages
        return seen, records

    def answer(self, records) -> int | None:
        """The minimal size by the point estimate."""
        now = self.stages.standing(records)
        return None if now is None or now.winner is None else now.winner.num_params


def names(seen):
    """The stages that were played, each once."""
    return list(dict.fromkeys(stage.name for stage in seen))


def sizes(records):
    """The sizes of all networks that were trained."""
    return {one.num_params for one in records}
