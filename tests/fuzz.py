"""Damaged and hostile files by the thousand, from a seed: each is refused in one line or read as it was written.

    python tests/fuzz.py --minutes=10                        every format
    python tests/fuzz.py --target=packed --first=1234 --tries=1   one try again, by its number

A format is a `Target`, in a module that TARGETS names. Try number i of a seed is always the same files, so a failure
that is printed can be repeated. The tests run a few thousand tries of each target, this script as many as fit the time.
"""

from __future__ import annotations

import argparse
import importlib
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TARGETS = {  # each module has a TARGET
    "packed": "tests.compress.packed_mutations",
    "records": "tests.records.record_mutations",
    "checkpoint": "tests.train.checkpoint_mutations",
    "network": "tests.deploy.network_mutations",
    "export": "tests.deploy.export_mutations",
}

ALLOWANCE = 64 * 2**20  # bytes that reading may take beyond twice what is decoded
LONGEST = 800  # characters of an error


@dataclass(frozen=True)
class Target:
    """A format.

    Attributes:
        mutate: makes the files of one try, by name; all its choices come from the generator.
        read: reads them from the folder that they are in, or raises a UserError.
        judge: what was read from these files: what it is ("identical" to what was written before the mutation, or "as
            the file says"), and its size in bytes. Raises AssertionError if it is anything else.
    """

    mutate: Callable[[random.Random], dict[str, bytes]]
    read: Callable[[Path], Any]
    judge: Callable[[dict[str, bytes], Any], tuple[str, int]]


@dataclass
class Totals:
    """What came of many tries.

    Attributes:
        outcomes: tries by outcome; "anything else" is a failure.
        failures: a line for each failure, with the number of the try.
        peak: the most memory that reading took, in bytes; None where that cannot be measured.
        decoded: the most bytes that were decoded in one try.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    peak: int | None = None
    decoded: int = 0

    def __str__(self) -> str:
        others = sum(self.outcomes.values()) - self.outcomes["refused"] - self.outcomes["identical"]
        written = self.outcomes["as the file says"]
        peak = "not measured" if self.peak is None else f"{self.peak / 2**20:.1f} MiB"
        return (
            f"{self.outcomes.total():,} tries: {self.outcomes['refused']:,} refused, "
            f"{self.outcomes['identical']:,} identical, {written:,} read as the file says, "
            f"{others - written:,} anything else; peak memory of reading {peak}, "
            f"at most {self.decoded / 2**20:.1f} MiB decoded"
        )


def fuzz(target: Target, folder: Path, *, seed: int = 0, first: int = 0, until: Callable[[int], bool]) -> Totals:
    """Try a target again and again.

    Args:
        target: the format.
        folder: a directory that holds nothing else.
        seed: of all tries.
        first: the number of the first try.
        until: whether to stop before a try of this number.
    """
    totals, number = Totals(), first
    while not until(number):
        files = target.mutate(random.Random(f"{seed}/{number}"))
        shutil.rmtree(folder)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        try:
            outcome = _attempt(target, folder, files, totals)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            totals.failures.append(f"try {number}: {type(error).__name__}: {error!s:.300} ({frames[-1]})")
            outcome = "anything else"
        totals.outcomes[outcome] += 1
        number += 1
    return totals


def _attempt(target: Target, folder: Path, files: dict[str, bytes], totals: Totals) -> str:
    from minjax.errors import UserError

    refused, before, decoded = "", _reset_peak(), 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value = target.read(folder)
    except UserError as error:
        refused = str(error)
    peak = _memory("VmHWM")
    if refused:
        assert refused.isprintable(), "the error has more than one line, or characters that a terminal obeys"
        assert len(refused) <= LONGEST, f"the error has {len(refused)} characters"
        named = (folder.name, *(name.partition("/")[0] for name in files))
        assert any(name in refused for name in named), f"neither the directory nor a file is named: {refused}"
        outcome = "refused"
    else:
        outcome, decoded = target.judge(files, value)
    totals.decoded = max(totals.decoded, decoded)
    if before is not None and peak is not None:
        totals.peak = max(totals.peak or 0, peak - before)
        assert peak - before <= ALLOWANCE + 2 * decoded, f"reading took {peak - before:,} bytes for {decoded:,}"
    return outcome


def _reset_peak() -> int | None:
    """Make the process's peak memory what it has now (Linux), and return that."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(name: str) -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")), None)


def load(name: str) -> Target:
    """The target of this name."""
    return importlib.import_module(TARGETS[name]).TARGET


def main() -> int:
    """Run what the command line asks for; 1 if a try failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--target", choices=TARGETS, action="append", help="a format; default: every one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first try")
    parser.add_argument("--tries", type=int, help="stop after so many tries of each target")
    arguments = parser.parse_args()
    names = arguments.target or list(TARGETS)
    failed = False
    for name in names:
        end = time.monotonic() + 60 * arguments.minutes / len(names)
        last = float("inf") if arguments.tries is None else arguments.first + arguments.tries
        with tempfile.TemporaryDirectory() as folder:
            totals = fuzz(
                load(name),
                Path(folder),
                seed=arguments.seed,
                first=arguments.first,
                until=lambda number, end=end, last=last: number >= last or time.monotonic() > end,
            )
        print(f"{name}: {totals}", *totals.failures[:20], sep="\n  ")
        failed |= bool(totals.failures)
    return int(failed)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.exit(main())
