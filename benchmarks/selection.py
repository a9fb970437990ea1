"""How often the interval of the minimal size holds the truth, and how wide it is: `python benchmarks/selection.py`.

Studies whose truth is known are simulated image by image. Each draws a curve of accuracy over size (a logistic one,
with a knee and a flat top, or a power law, which approaches its top for ever), two or four shapes at each size of which
the first is on the curve, others a little below, and the deepest sometimes bad: lower, erratic, half of these with
seeds that fail. Networks find the same images hard. Each seed has its own validation images, a fifth of the training
set, so that two seeds share some; `--shared` gives all seeds the same ones. Five first-stage seeds a point; five fresh
ones (`--fresh`) for each network that an answer asks for.

The *oracle* sees the same accuracies and inverts the same tests, but knows the noise: the true deviation of each point
over seeds, and the true covariance of the accuracies by their images. Its margins are therefore normal with known
variance, and it knows which points are steady. What the estimator loses against it is the price of not knowing the
noise. A *sharp* oracle moreover knows how much of its confidence it can give away: it has the least confidence for its
ends, in steps of 5 %, with which it still covers 95 % of the cell's studies. No estimator can know that.
The oracle of `stable` knows the answer itself; its width is 0.

Cells are run in order and recorded one by one; `--minutes` ends a run after the cell in which they pass, and the same
command goes on from there. `python benchmarks/selection_table.py` writes docs/selection.md from the record.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pages
from selection_table import line
from simulated import CHANCE, CURVES, DECADES, FRESH, GRIDS, Study, Truth, truth

from minjax.errors import UserError
from minjax.findings.intervals import share
from minjax.findings.samples import LIMITS
from minjax.findings.sizes import Size, near_best, stable, target, wanting
from minjax.records import write_text

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "records" / "studies" / "selection.json"

NOISES = (0.003, 0.007, 0.015)
IMAGES = (360, 1000, 10000)
STABLE_AT = 1000  # images of the cells in which `stable` is asked too; seeds and not images decide it
REPLICATES = 1000  # of each bootstrap, half as many as usual, to save time
CONFIDENCES = (0.95, 0.9, 0.85, 0.8, 0.75)  # of the oracle's ends
CHUNK = 100  # studies between two looks at the clock


@dataclasses.dataclass(frozen=True)
class Cell:
    """What the studies of a cell have in common."""

    curve: str
    points: int
    noise: float
    images: int
    shared: bool
    fresh: int
    studies: int

    @property
    def seed(self) -> list[int]:
        """Of its studies."""
        return [
            CURVES.index(self.curve),
            self.points,
            round(1000 * self.noise),
            self.images,
            int(self.shared),
            int(self.fresh > 0),
        ]

    @property
    def name(self) -> str:
        """Of its file of outcomes."""
        fresh = {0: "-first", FRESH: ""}.get(self.fresh, f"-fresh{self.fresh}")
        kind = f"{'-shared' if self.shared else ''}{fresh}"
        return f"{self.curve}-{self.points}-{self.noise:g}-{self.images}{kind}"

    def is_of(self, row: dict[str, Any]) -> bool:
        """Whether a row of the record is of this cell, with any number of studies."""
        return all(row[key] == value for key, value in dataclasses.asdict(self).items() if key != "studies")


def finish(study: Study, accuracy: float | None) -> Size:
    """An answer after the fresh seeds that it wants; asking with the true noise first only saves time."""
    while True:
        while wanted := wanting(study.grid(), accuracy, noise_of=study.oracle):
            study.refresh([one.point for one in wanted])
        answer = asked(study, accuracy)
        if not answer.fresh_wanted:
            return answer
        study.refresh([point for point, _ in answer.fresh_wanted])


def asked(study: Study, accuracy: float | None, **options: Any) -> Size:
    """An answer of the study as it is."""
    options["replicates"] = REPLICATES
    return near_best(study.grid(), **options) if accuracy is None else target(study.grid(), accuracy, **options)


# An outcome's numbers: places on the grid of sizes, whose number stands for beyond the grid, and errors of accuracy.
FIELDS = (
    *("true", "found", "low", "high", "first_bias", "stated_bias", "oracle_true"),
    *(f"oracle_{end}_{confidence:g}" for confidence in CONFIDENCES for end in ("low", "high")),
)


def simulate(cell: Cell, number: int) -> dict[str, list[float]]:
    """One study of a cell: the outcome of each answer."""
    rng = np.random.Generator(np.random.SFC64([*cell.seed, number]))
    known = truth(cell.curve, cell.points, cell.noise, rng)
    study = Study(known, cell.images, not cell.shared, rng, cell.fresh)
    outcomes = {}
    if cell.images == STABLE_AT:
        exact = stable(study.grid(), noise_of=study.oracle)
        outcomes["stable"] = outcome(known, stable(study.grid()), [exact] * len(CONFIDENCES))
    for name, accuracy in (("near_best", None), ("target", known.target)):
        answer = finish(study, accuracy) if cell.fresh else asked(study, accuracy)
        exact = [asked(study, accuracy, noise_of=study.oracle, confidence=one) for one in CONFIDENCES]
        outcomes[name] = outcome(known, answer, exact)
    return outcomes


def outcome(known: Truth, answer: Size, exact: list[Size]) -> list[float]:
    """The numbers of `FIELDS`."""

    def at(size: int | None) -> int:
        return len(known.sizes) if size is None else int(np.searchsorted(known.sizes, size))

    def true(one: Size) -> int:
        levels = {"stable": CHANCE + LIMITS.margin, "target": known.target}
        best = known.mean[int(one.best.point)] - LIMITS.tolerance
        return known.minimal(levels.get(one.name, float(best)))

    bias = [np.nan, np.nan]
    if answer.winner is not None:
        mean = known.mean[int(answer.winner.point)]
        bias = [answer.winner.first_accuracy - mean, answer.winner.accuracy - mean]
    ends = [at(end) for one in exact for end in one.interval]
    return [true(answer), at(answer.num_params), *map(at, answer.interval), *bias, true(exact[0]), *ends]


def summary(cell: Cell, name: str, outcomes: np.ndarray) -> dict[str, Any]:
    """A cell's numbers."""
    columns = dict(zip(FIELDS, outcomes.T, strict=True))
    step = (DECADES[1] - DECADES[0]) / (GRIDS[cell.points][0] - 1)

    def widths(low: str, high: str, true: str) -> tuple[float, np.ndarray]:
        covered = (columns[low] <= columns[true]) & (columns[true] <= columns[high])
        return float(covered.mean()), columns[high] - columns[low]

    covered, steps = widths("low", "high", "true")
    oracles = [widths(f"oracle_low_{one:g}", f"oracle_high_{one:g}", "oracle_true") for one in CONFIDENCES]
    enough = [number for number, (share_covered, _) in enumerate(oracles) if share_covered >= CONFIDENCES[0]]
    sharp = max(enough, default=0)
    interval = share(round(covered * len(steps)), len(steps)).interval
    return dataclasses.asdict(cell) | {
        "answer": name,
        "covered": covered,
        "covered_interval": [round(bound, 4) for bound in interval],
        "missed_above": float((columns["true"] < columns["low"]).mean()),
        "missed_below": float((columns["true"] > columns["high"]).mean()),
        "exact": float((columns["true"] == columns["found"]).mean()),
        "steps": float(np.median(steps)),
        "mean_steps": round(float(steps.mean()), 2),
        "factor": round(float(10 ** (step * np.median(steps))), 3),
        **_of_oracle("oracle", oracles[0]),
        **_of_oracle("sharp", oracles[sharp]),
        "sharp_confidence": CONFIDENCES[sharp],
        "first_bias": round(float(np.nanmean(columns["first_bias"])), 5),
        "stated_bias": round(float(np.nanmean(columns["stated_bias"])), 5),
    }


def _of_oracle(name: str, found: tuple[float, np.ndarray]) -> dict[str, float]:
    covered, steps = found
    return {
        f"{name}_covered": covered,
        f"{name}_steps": float(np.median(steps)),
        f"{name}_mean_steps": round(float(steps.mean()), 2),
    }


def order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Of the record's rows."""
    return tuple(row[key] for key in ("answer", "shared", "fresh", "images", "points", "curve", "noise"))


def outcomes_of(cell: Cell, folder: Path, until: float) -> dict[str, np.ndarray] | None:
    """The outcomes of a cell's studies, [studies, fields] for each answer; None where time is over before.

    Studies that an earlier run simulated are taken from `folder`; a study depends on its cell and number alone.
    """
    path = folder / f"{cell.name}.npz"
    found = dict(np.load(path)) if path.exists() else {}
    done = len(next(iter(found.values()))) if found else 0
    while done < cell.studies:
        if time.perf_counter() > until:
            return None
        numbers = range(done, min(done + CHUNK, cell.studies))
        outcomes = [simulate(cell, number) for number in numbers]
        for name in outcomes[0]:
            rows = np.array([one[name] for one in outcomes])
            found[name] = np.concatenate([found[name], rows]) if done else rows
        done = numbers.stop
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **found)
    return {name: rows[: cell.studies] for name, rows in found.items()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=RECORD)
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "selection", help="of single studies' outcomes")
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--shared", action="store_true", help="all seeds have the same validation images")
    parser.add_argument("--fresh", type=int, default=FRESH, help="seeds of each network that an answer asks for")
    parser.add_argument("--points", type=int, nargs="*", default=sorted(GRIDS))
    parser.add_argument("--images", type=int, nargs="*", default=IMAGES)
    flags = parser.parse_args(arguments)
    until = time.perf_counter() + 60 * flags.minutes
    for images, points, curve, noise in itertools.product(flags.images, flags.points, CURVES, NOISES):
        cell = Cell(curve, points, noise, images, flags.shared, flags.fresh, flags.studies)
        outcomes = outcomes_of(cell, flags.folder, until)
        if outcomes is None:
            raise UserError("cells are left; the same command goes on")
        record = json.loads(flags.out.read_text()) if flags.out.exists() else []
        record = [row for row in record if not cell.is_of(row)]
        for name, rows in outcomes.items():
            record.append(summary(cell, name, rows))
            print(line(record[-1]), flush=True)
        write_text(flags.out, json.dumps(sorted(record, key=order), indent=1) + "\n")


if __name__ == "__main__":
    pages.run(main, "selection")
