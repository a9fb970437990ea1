"""Does the interval of the minimal size hold the truth, on networks that were really trained? Answered by brute force.

Eight networks around the knee on digits are trained with 200 seeds each: a study, which resumes like any other,

    python -m minjax.main --config=configs/studies/digits_dnn.py --workdir=runs/brute_force \\
        --config.study.dnn.depths=0,1 --config.study.dnn.widths=4,6,8,10,14,20,30 --config.study.dnn.shapes=equal \\
        --config.study.seeds=200 --config.study.curves=none --config.study.coarse=1

The first 100 seeds define the truth: each network's mean accuracy, its deviation and its failures, and so the minimal
size. The other 100 feed 100 studies. Each draws five of them without replacement, asks for fresh seeds as a study does
(`sizes.wanting`) and gets them from those that it has not drawn, and answers with the estimator. Networks, seeds and
accuracies were fixed before anything was trained.

    python benchmarks/brute_force.py runs/brute_force     # records the studies
    python benchmarks/brute_force.py                      # docs/brute_force.md from the record
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minjax import data
from minjax.data.splits import divide
from minjax.errors import UserError
from minjax.findings.candidates import Candidate, Grid, measure
from minjax.findings.grids import Images, envelope
from minjax.findings.intervals import share
from minjax.findings.samples import LIMITS, samples
from minjax.findings.sizes import Size, near_best, target, wanting
from minjax.findings.uncertainty import image_noise
from minjax.findings.verdicts import row_of
from minjax.records.files import write_text
from minjax.records.study import MEMBERS, MemberRecord, read_study

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "benchmarks" / "records" / "studies" / "brute_force.json"
PAGE = ROOT / "docs" / "brute_force.md"

SEEDS, TRUTH, STUDIES, FIRST = 200, 100, 100, 5  # seeds, those that define the truth, studies, first-stage seeds
FRESH = (0, 5, 20)  # fresh seeds of each network that an answer asks for
TARGETS = (None, 0.94, 0.95, 0.96, 0.97)  # None: within a point of the best


def grid_of(members: Sequence[MemberRecord], images: Images, seeds: int) -> Grid:
    """The members as a grid; a candidate can be an answer if it has at least this many first-stage seeds."""
    return envelope(samples(members), images, least_seeds=seeds)


def true_networks(grid: Grid) -> list[dict[str, Any]]:
    """What many seeds say of each network: mean and its standard error, deviation over seeds, failures."""
    measured = measure(grid)
    rows = [row_of(grid, measured, place) for place in range(len(grid.candidates))]
    by_images = image_noise(grid, rows).between_seeds(measured.seeds)
    variance = np.maximum(measured.variance - by_images, 0.0)
    return [
        {
            "name": one.point,
            "num_params": one.num_params,
            "mean": float(measured.mean[place]),
            "error": float(np.sqrt(measured.variance[place] / measured.seeds[place])),
            "deviation": float(np.sqrt(variance[place])),
            "failed": int(measured.failed[place]),
            "seeds": int(measured.seeds[place]),
        }
        for place, one in enumerate(grid.candidates)
    ]


def true_size(networks: Sequence[dict[str, Any]], accuracy: float | None) -> tuple[float, int | None]:
    """The level, and the smallest size whose network truly reaches it; None: none does."""
    steady = [one for one in networks if one["deviation"] <= LIMITS.sigma and one["failed"] == 0]
    level = max(one["mean"] for one in steady) - LIMITS.tolerance if accuracy is None else accuracy
    sizes = [one["num_params"] for one in steady if one["mean"] >= level]
    return level, min(sizes, default=None)


def study(grid: Grid, number: int, fresh: int, accuracy: float | None) -> Size:
    """The answer of one study, whose seeds are drawn from those of the grid; its number determines the draw."""
    rng = np.random.default_rng([number, 12])
    order = [int(seed) for seed in rng.permutation(grid.candidates[0].seeds)]
    drawn, more = order[:FIRST], order[FIRST : FIRST + fresh]
    parts = {one.key: _with(one, drawn, ()) for one in grid.candidates}
    whole = {one.key: one for one in grid.candidates}
    now = dataclasses.replace(grid, candidates=tuple(parts.values()), least_seeds=FIRST)
    while fresh and (wanted := wanting(now, accuracy)):
        for one in wanted:
            parts[one.key] = _with(whole[one.key], [*drawn, *more], more)
        now = dataclasses.replace(now, candidates=tuple(parts.values()))
    return near_best(now) if accuracy is None else target(now, accuracy)


def _with(one: Candidate, seeds: Sequence[int], fresh: Sequence[int]) -> Candidate:
    """The candidate with these seeds alone."""
    places = [one.seeds.index(seed) for seed in seeds]
    assert one.correct is not None
    return dataclasses.replace(
        one,
        seeds=tuple(seeds),
        accuracy=one.accuracy[places],
        correct=one.correct[places],
        fresh=frozenset(fresh),
        diverged=one.diverged & set(seeds),
    )


def outcome(found: Size, wanted: int | None, mean: dict[str, float]) -> dict[str, Any]:
    """What a study answered, and whether its interval holds the truth."""
    sizes = [*found.grid, None]
    low, high = (sizes.index(end) for end in found.interval)
    winner = found.winner
    return {
        "found": found.num_params,
        "interval": list(found.interval),
        "covered": low <= sizes.index(wanted) <= high,
        "steps": high - low,
        "decided": found.decided,
        "bias": None if winner is None else winner.accuracy - mean[winner.point],
        "first_bias": None if winner is None else winner.first_accuracy - mean[winner.point],
    }


def record(directory: Path) -> dict[str, Any]:
    """Truth and studies from a study's records.

    Raises:
        UserError: not such a study, or one that is not complete.
    """
    found = read_study(directory)
    members = [one for one in found.members if one.status != "failed"]
    seeds = sorted({one.seed for one in members})
    points = {one.point for one in members}
    if len(seeds) != SEEDS or len(members) != SEEDS * len(points):
        raise UserError(
            f"{directory / MEMBERS} has {len(members)} members of {len(points)} points, not {SEEDS} of each"
        )
    images = _images(found.config, seeds)
    halves = set(seeds[:TRUTH]), set(seeds[TRUTH:])
    truth, rest = (grid_of([one for one in members if one.seed in half], images, TRUTH) for half in halves)
    networks = true_networks(truth)
    means = {one["name"]: one["mean"] for one in networks}
    cells = []
    for accuracy in TARGETS:
        level, wanted = true_size(networks, accuracy)
        for fresh in FRESH:
            outcomes = [outcome(study(rest, number, fresh, accuracy), wanted, means) for number in range(STUDIES)]
            cells.append({"accuracy": accuracy, "level": level, "truth": wanted, "fresh": fresh, "studies": outcomes})
    assert found.summary is not None
    about = {"device": found.summary.device, "versions": found.summary.versions, "git_commit": found.summary.git_commit}
    return {"config": found.config["data"], "images": truth.num_images, **about, "networks": networks, "cells": cells}


def _images(config: dict[str, Any], seeds: Sequence[int]) -> Images:
    fields = config["dataset"]
    dataset = data.load(fields["name"])
    labels = dataset.train.labels
    splits = {}
    for seed in seeds:
        _, held = divide(
            labels,
            num_classes=dataset.num_classes,
            validation_fraction=fields["validation_fraction"],
            limit_train=None,
            seed=seed,
        )
        assert held is not None
        splits[seed] = held
    return Images.of(labels, splits, dataset.num_classes)


HEADER = """# The interval of the minimal size, against truth by brute force

Generated by `python benchmarks/brute_force.py` from `benchmarks/records/studies/brute_force.json`, which that script
makes from a study of {seeds} seeds; it says how, and what was fixed beforehand.

{count} networks around the knee on digits, trained with {seeds} seeds each; each seed validates on {images} images,
another stratified fifth of the training set. The first {truth} seeds define the truth. Of the other seeds each of
{studies} studies draws {first}, and as many fresh ones as the table says for the networks that its answer asks for.

## The truth

Means over {truth} seeds with their standard errors over seeds; *deviation* is that over seeds, without the part that is
due to their different images.

| network | parameters | accuracy | deviation | failed seeds |
| --- | ---: | ---: | ---: | ---: |
"""
STUDIES_OF = """
## The studies

*Covered* is the share of the intervals that hold the true minimal size. Its interval is the binomial one; the studies
share {rest} seeds and are not independent, so it is rather too narrow. Truth and studies share the training set too,
whose images the estimator takes for a sample of more: that makes it easier to cover, by how much is not known. Widths
are in sizes of the grid: 0 is a single size. *Exact* is the share of studies whose answer is the true size, *decided*
of those whose interval is a single size. *Bias* is what the answer's accuracy is overstated by, in points: by the
seeds that chose it, and as it is stated.
"""
COLUMNS = ("required", "true size", "fresh seeds", "covered", "exact", "decided", "median width", "mean width")
BIASES = ("bias: chosen", "stated")


def page(found: dict[str, Any]) -> str:
    """The page of a record."""
    networks = found["networks"]
    numbers = {"seeds": SEEDS, "truth": TRUTH, "studies": STUDIES, "first": FIRST, "rest": SEEDS - TRUTH}
    lines = [HEADER.format(count=len(networks), images=found["images"], **numbers).rstrip("\n")]
    for one in networks:
        mean, error = f"{100 * one['mean']:.2f} ± {100 * one['error']:.2f} %", f"{100 * one['deviation']:.2f} points"
        cells = (one["name"], f"{one['num_params']:,}", mean, error, f"{one['failed']} of {one['seeds']}")
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(STUDIES_OF.format(**numbers).rstrip("\n"))
    rows = [(*COLUMNS, *BIASES), ("---",) * len((*COLUMNS, *BIASES)), *map(_line, found["cells"])]
    lines += ["", *(f"| {' | '.join(cells)} |" for cells in rows)]
    return "\n".join([*lines, *_conclusion(found["cells"])]) + "\n"


def _line(cell: dict[str, Any]) -> tuple[str, ...]:
    studies = cell["studies"]
    hits = sum(one["covered"] for one in studies)
    low, high = share(hits, len(studies)).interval
    steps = sorted(one["steps"] for one in studies)
    exact = sum(one["found"] == cell["truth"] for one in studies)
    required = f"{100 * cell['level']:.4g} %" + (" (near-best)" if cell["accuracy"] is None else "")
    return (
        required,
        "none" if cell["truth"] is None else f"{cell['truth']:,}",
        str(cell["fresh"]),
        f"{100 * hits / len(studies):.0f} % ({100 * low:.0f} to {100 * high:.0f})",
        f"{100 * exact / len(studies):.0f} %",
        f"{100 * sum(one['decided'] for one in studies) / len(studies):.0f} %",
        f"{np.median(steps):g}",
        f"{np.mean(steps):.2f}",
        _bias(studies, "first_bias"),
        _bias(studies, "bias"),
    )


def _bias(studies: Sequence[dict[str, Any]], name: str) -> str:
    known = [one[name] for one in studies if one[name] is not None]
    return f"{100 * np.mean(known):+.2f}" if known else ""


def _conclusion(cells: Sequence[dict[str, Any]]) -> Iterable[str]:
    rates = [np.mean([one["covered"] for one in cell["studies"]]) for cell in cells]
    yield ""
    yield (
        f"Coverage is {100 * min(rates):.0f} % in the worst of the {len(cells)} rows and {100 * np.mean(rates):.1f} % "
        "on average."
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, nargs="?", help="of the study; none: the page alone, from the record")
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--out", type=Path, default=PAGE)
    flags = parser.parse_args(arguments)
    if flags.directory is not None:
        write_text(flags.record, json.dumps(record(flags.directory)) + "\n")
    write_text(flags.out, page(json.loads(flags.record.read_text())))
    print(f"written: {flags.out}")


if __name__ == "__main__":
    main()
