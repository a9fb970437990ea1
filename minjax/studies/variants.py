"""Points beside those of the grid: its networks with another learning rate or another number of epochs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from minjax.config import plain
from minjax.records.study import MemberRecord
from minjax.studies.points import Point, Resolve, identity, override

LEARNING_RATE, EPOCHS = "optimizer.learning_rate", "epochs"
VARIED = (LEARNING_RATE, EPOCHS)  # the settings in which a variant may differ from its point of the grid


class Variants:
    """Makes variants of points, each once.

    A variant at the value that its point has anyway is the same network, with the same id, and says its value.
    """

    def __init__(
        self, config: Mapping[str, Any], image_shape: tuple[int, int, int], num_classes: int, resolve: Resolve
    ):
        """As `points.points` takes them.

        Args:
            config: the study's configuration as nested dicts.
            image_shape: height, width, channels.
            num_classes: how many classes the data have.
            resolve: fills in the defaults of a configuration and checks it.
        """
        self._config, self._shape, self._classes, self._resolve = config, image_shape, num_classes, resolve
        self._made: dict[tuple[Any, ...], Point] = {}

    def __call__(self, point: Point, settings: Mapping[str, Any]) -> Point:
        """A point of the grid with some of the fields `VARIED` set; the point itself where none is.

        Raises:
            UserError: a value that its field cannot take.
        """
        if not settings:
            return point
        key = (point.id, *sorted(settings.items()))
        if key not in self._made:
            overrides = plain({**point.overrides, **settings})
            config = plain(self._resolve(override(self._config, overrides)))
            self._made[key] = dataclasses.replace(
                point,
                id=identity(config, self._shape, self._classes),
                overrides=overrides,
                config=config,
                grid_id=point.root,
            )
        return self._made[key]

    def of(self, record: MemberRecord, points: Iterable[Point]) -> Point | None:
        """The point or variant that a record is of; None where it is of none of these points."""
        settings = {field: record.settings[field] for field in VARIED if field in record.settings}
        for point in points:
            if point.name == record.name and (found := self(point, settings)).id == record.point:
                return found
        return None
