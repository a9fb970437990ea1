"""Compressions of the runs of a set, grouped by network, optimizer and data set.

They are looked for in ``<tables>/compress/``, a directory each.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean

from minjax.findings.equal_size import Pruned, Way, curves
from minjax.records.compression import Compression, CompressionSummary, read_compression
from minjax.records.record import CONFIG
from minjax.report import paper
from minjax.report.formats import printable
from minjax.report.tables.entries import Tables, network_name, optimizer_name

FOLDER = "compress"
AGAIN = "-trained-again"  # ends the name of the directory of a compression with training after pruning
RETRAIN = "--config.prune.amounts=0 --config.prune.series=one_shot,iterative --config.prune.round_amount=0.95"


@dataclass(frozen=True)
class Group:
    """Finished compressions of one network under one optimizer on one data set, one or several for each seed.

    Attributes:
        network: the preset of the runs that were compressed; of a run from elsewhere, its model.
        model, optimizer, dataset: names; the data set's is its label in the set of runs where it has one.
        members: the compressions, by seed; of one seed, those that are named first decide where they overlap.
    """

    network: str
    model: str
    optimizer: str
    dataset: str
    members: tuple[Compression, ...]

    @property
    def name(self) -> str:
        """'ResNet18, AdaBound, CIFAR-10'."""
        return f"{network_name(self.model)}, {optimizer_name(self.optimizer)}, {printable(self.dataset)}"

    @cached_property
    def by_seed(self) -> dict[int, list[Compression]]:
        """The compressions of each seed."""
        found: dict[int, list[Compression]] = {}
        for member in self.members:
            if member.summary:
                found.setdefault(member.summary.seed, []).append(member)
        return found

    @property
    def summaries(self) -> list[CompressionSummary]:
        """One for each seed."""
        return [one.summary for alike in self.by_seed.values() if (one := alike[0]).summary]

    @property
    def dense(self) -> list[float]:
        """Test accuracy before pruning, one for each seed."""
        return [summary.dense.accuracy for summary in self.summaries]

    @property
    def images(self) -> int:
        """Test images that the fewest of them was measured on."""
        return min(member.summary.test_images for member in self.members if member.summary)

    @cached_property
    def curves(self) -> dict[Way, list[Pruned]]:
        """Accuracy of each way of pruning over the amounts."""
        return curves(
            [[line for one in reversed(alike) for line in one.measurements] for alike in self.by_seed.values()]
        )


def read(tables: Tables) -> tuple[list[Group], list[Path]]:
    """The compressions of a set of runs by network, optimizer and data set; and the directories of unfinished ones.

    Raises:
        UserError: a damaged record.
    """
    cells = {Path(cell.directory).name: cell for cell in tables.record.cells}
    alike: dict[tuple[str, str, str, str], list[Compression]] = {}
    unfinished = []
    for path in sorted((tables.path / FOLDER).glob("*/")):
        if not (path / CONFIG).is_file():
            continue
        one = read_compression(path)
        if one.summary is None:
            unfinished.append(path)
            continue
        summary = one.summary
        cell = cells.get(Path(summary.run or "").name) or cells.get(path.name.removesuffix(AGAIN))
        network, label = (cell.network, cell.dataset) if cell else (summary.model, summary.dataset)
        alike.setdefault((network, summary.model, summary.optimizer, label), []).append(one)
    order = sorted(alike, key=lambda key: ([*paper.MODELS, key[1]].index(key[1]), key))
    return [Group(*key, tuple(sorted(alike[key], key=_seed))) for key in order], unfinished


def _seed(one: Compression) -> int:
    assert one.summary is not None
    return one.summary.seed


def commands(tables: Tables, run: Path) -> tuple[str, str]:
    """The commands that prune a run in one shot, and with training afterwards, into where the page looks for them."""
    where = tables.path / FOLDER / run.name
    pruned = f"minjax compress {shlex.quote(str(run))} --config=paper/pruning --workdir="
    return f"{pruned}{shlex.quote(str(where))}", f"{pruned}{shlex.quote(f'{where}{AGAIN}')} {RETRAIN}"


def is_papers(group: Group) -> bool:
    """Whether the paper pruned this network on data of these classes."""
    return group.model == "resnet18" and paper.cifar_classes(group.dataset) == 10


def papers_curves(group: Group) -> Mapping[str, Sequence[tuple[float, float]]]:
    """The paper's curves by method: (amount, accuracy); none for another network or other classes than CIFAR-10's."""
    if not is_papers(group):
        return {}
    amounts, found = paper.pruning()
    return {method: list(zip(amounts, found[name], strict=True)) for method, name in paper.METHODS.items()}


def fall(group: Group) -> tuple[float, float, float] | None:
    """Where structured pruning takes the first input plane: amount, accuracy, accuracy if that layer is spared."""
    falls = [summary.first_layer for summary in group.summaries]
    known = [fall for fall in falls if fall is not None and fall.method == "l1_structured"]
    if len(known) < len(falls) or len({fall.amount for fall in known}) != 1:
        return None
    spared = mean(fall.accuracy_without_first_layer for fall in known)
    return known[0].amount, mean(fall.accuracy for fall in known), spared
