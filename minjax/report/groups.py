"""Runs sorted into groups that differ in their seed alone, so that a mean over seeds is one over like runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minjax.config import roles
from minjax.records.run import Run, RunSummary
from minjax.report import paper
from minjax.report.formats import plain, printable
from minjax.report.provenance import flat
from minjax.report.run import dataset, is_folder, model, optimizer, status

DERIVED = ("data.mean", "data.std", "data.augment")  # they follow from the settings and from the images
LABEL = 48  # characters of differing settings in a legend
PAPER_OPTIMIZERS = (*paper.OPTIMIZERS, "amsbound")


@dataclass(frozen=True)
class Group:
    """Runs of one network, optimizer and data set with the same settings.

    Attributes:
        model, optimizer, dataset: names; the data set's as it is shown.
        members: the runs, by seed.
        counted: those that the means are over: completed, and the first of each seed.
        differing: the settings in which groups of the same network, optimizer and data set differ, as text.
        preset: the configuration's name, where it tells these groups apart.
    """

    model: str
    optimizer: str
    dataset: str
    members: tuple[Run, ...]
    counted: tuple[Run, ...]
    differing: str = ""
    preset: str = ""

    @property
    def name(self) -> str:
        """What tells this group from the others of its data set, short enough for a legend."""
        own = self.preset or self.differing
        own = own if len(own) <= LABEL else own[: LABEL - 1].rstrip(", ") + "\u2026"
        return f"{self.model}, {self.optimizer}" + (f" ({own})" if self.differing else "")

    @property
    def results(self) -> list[RunSummary]:
        """The summaries of the counted runs."""
        return [run.summary for run in self.counted if run.summary]

    @property
    def result(self) -> RunSummary | None:
        """A summary of any member, a counted one first: for what all of them have in common."""
        summaries = [*self.results, *(run.summary for run in self.members if run.summary)]
        return summaries[0] if summaries else None

    def accuracies(self, part: str) -> list[float]:
        """The test accuracies of the counted runs that have one: `final`, `best_validation`, `max_test_accuracy`."""
        parts = [getattr(summary, part) for summary in self.results]
        return [part.test_accuracy for part in parts if part is not None]

    def figure(self) -> paper.Figure | None:
        """The paper's figure for this group."""
        name = dataset(self.members[0])
        figure = paper.figure(self.model, self.optimizer, name, is_folder=is_folder(self.members[0]))
        if figure and figure.same_dataset and self.dataset != name:  # a part of the training images
            return paper.Figure(figure.accuracy, figure.dataset, figure.table, same_dataset=False)
        return figure


def seed_of(run: Run) -> int | None:
    """The run's seed."""
    return run.summary.seed if run.summary else run.config.get("seed")


def shown_dataset(run: Run) -> str:
    """The data set's name, with the number of training images where a run was limited to a part of them."""
    limit = run.config.get("dataset", {}).get("limit_train")
    return dataset(run) + ("" if limit is None else f", {limit:,} training images")


def group_runs(runs: Sequence[Run]) -> list[Group]:
    """The groups of these runs, by data set, then network and optimizer in the paper's order, then settings."""
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        settings = json.dumps(_settings(run), sort_keys=True)
        found.setdefault((shown_dataset(run), model(run), optimizer(run), settings), []).append(run)
    groups = []
    for names, members in found.items():
        members.sort(key=lambda run: (seed_of(run) or 0, str(run.path)))
        alike = [others for other, others in found.items() if other[:3] == names[:3]]
        differing = _differing(_settings(members[0]), [_settings(others[0]) for others in alike])
        presets = [{str(run.config.get("name") or "") for run in others} for others in alike]
        distinct = all(len(own) == 1 for own in presets) and len(set.union(*presets)) == len(alike)
        preset = printable(members[0].config.get("name") or "") if distinct else ""
        groups.append(Group(names[1], names[2], names[0], tuple(members), _counted(members), differing, preset))
    return sorted(groups, key=_order)


def _settings(run: Run) -> dict[str, Any]:
    """What the run's result depends on besides the seed, by name."""
    return {key: value for key, value in flat(run.config) if _is_setting(key, value)}


def _is_setting(name: str, value: Any) -> bool:
    return name not in DERIVED and roles.trains(name) and not roles.absent(name, value)


def _counted(members: Sequence[Run]) -> tuple[Run, ...]:
    """The first completed run of each seed: the same seed again is the same run, and would narrow the deviation."""
    first: dict[int | None, Run] = {}
    for run in members:
        if status(run) == "completed":
            first.setdefault(seed_of(run), run)
    return tuple(first.values())


def _differing(settings: dict[str, Any], alike: Sequence[dict[str, Any]]) -> str:
    keys = sorted({key for other in alike for key in other})
    parts = [
        f"{printable(key)}={plain(settings.get(key))}"
        for key in keys
        if any(other.get(key) != settings.get(key) for other in alike)
    ]
    return ", ".join(parts[:4]) + (f" and {len(parts) - 4} more" if len(parts) > 4 else "")


def _order(group: Group) -> tuple[Any, ...]:
    def rank(names: Sequence[str], name: str) -> tuple[int, str]:
        return (names.index(name) if name in names else len(names), name)

    return (group.dataset, rank(paper.MODELS, group.model), rank(PAPER_OPTIMIZERS, group.optimizer), group.differing)
