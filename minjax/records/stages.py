"""Records of how a study went: how its points were trained, its stages, and the end of its search by the budget."""

from __future__ import annotations

from typing import Any

from minjax.records.record import Count, Name, Positive, Record, Seconds

ENDED = "ended.jsonl"


class Training(Record, frozen=True, kw_only=True):
    """One way in which points of a study were trained: the settings that were used, defaults filled in.

    Attributes:
        families: of the points that were trained in this way.
        points: how many there are.
        settings: field with dots -> value: the optimizer with its learning rate, epochs, batch size and the like.
    """

    families: list[str]
    points: Positive
    settings: dict[str, Any]


class SearchEnd(Record, frozen=True, kw_only=True):
    """A line of ended.jsonl: the search of a study was ended by its budget, so that fresh seeds got theirs.

    Attributes:
        stage: in which it was.
        budget_minutes: of the study then; with a larger budget the search goes on.
    """

    stage: Name
    budget_minutes: Seconds


class StageRecord(Record, frozen=True, kw_only=True):
    """A stage of a study: how many members it asked for.

    Attributes:
        name: coarse, climb, refinement, rest, more epochs or fresh.
        ended: why, a line for each reason; empty where it simply had nothing left to ask for.
    """

    name: Name
    members: Count
    ended: list[str]
