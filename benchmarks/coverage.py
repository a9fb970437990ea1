"""How often the interval of the minimal size contains the truth: `python benchmarks/coverage.py [--out=FILE]`.

Simulated studies whose minimal size is known (minjax/findings/coverage.py says how), 200 for each setting:
grids of 12, 40 and 120 sizes over four decades, seed noise of 0.003, 0.007 and 0.015, five seeds; then what the
definitions do not assume: small networks that fail for some seeds, and architectures that differ by more than noise.
Prints a table and writes the record. Takes two minutes on one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import numpy as np

from minjax.errors import UserError
from minjax.findings.coverage import SHAPES, Coverage, coverage
from minjax.findings.minimal import REPLICATES
from minjax.records import write_text

ROOT = Path(__file__).resolve().parent.parent

SIZES = (12, 40, 120)
NOISES = (0.003, 0.007, 0.015)
COLUMNS = ("curve", "sizes", "noise", "dying", "scatter", "covered", "exact", "median width: factor", "grid steps")


def row(one: Coverage) -> str:
    """One line of the table."""
    cells = [one.shape, str(one.sizes), f"{one.noise:g}", f"{one.dying:g}", f"{one.scatter:g}"]
    cells += [f"{100 * one.covered:.1f} %", f"{100 * one.exact:.1f} %", f"{10**one.width:.2f}", f"{one.steps:g}"]
    return "| " + " | ".join(cells) + " |"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "records" / "studies" / "coverage.json")
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--seeds", type=int, default=5)
    flags = parser.parse_args(arguments)
    common = {"seeds": flags.seeds, "simulations": flags.simulations, "replicates": flags.replicates}
    settings = [{"sizes": sizes, "noise": noise} for sizes in SIZES for noise in NOISES]
    settings += [{"sizes": sizes, "noise": 0.007, "dying": 0.1} for sizes in SIZES]
    settings += [{"sizes": 48, "noise": 0.007, "scatter": scatter} for scatter in (0.005, 0.01, 0.02)]
    print("| " + " | ".join(COLUMNS) + " |\n| " + " | ".join("---" for _ in COLUMNS) + " |")
    begun, found = time.perf_counter(), []
    for shape in SHAPES:
        for setting in settings:
            found.append(coverage(shape, **setting, **common))
            print(row(found[-1]), flush=True)
    seconds = time.perf_counter() - begun
    conditions = {**common, "seconds": round(seconds, 1), "numpy": np.__version__}
    record = {"conditions": conditions, "coverage": [dataclasses.asdict(one) for one in found]}
    write_text(flags.out, json.dumps(record, indent=2) + "\n")
    print(f"{flags.simulations} simulations each, {flags.seeds} seeds, {seconds:.0f} s; written: {flags.out}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"coverage: {error}")
