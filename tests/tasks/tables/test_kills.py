"""Killed or told to stop at any moment, a table ends with the records of one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minjax.interruption import RESUMABLE
from minjax.main import main
from minjax.records.table import read_table
from tests.conftest import ROOT, read_json
from tests.tasks.tables.test_tables import epochs, statuses

pytestmark = pytest.mark.slow

# The command that CI shows: 2 networks x 3 optimizers x 2 seeds, 2 epochs each. On a CPU the seeds of dnn are trained
# together, those of cnn one by one.
TABLE = (
    "tables", "--config.tables.datasets=digits", "--config.tables.networks=dnn,cnn", "--config.tables.seeds=2",
    "--config.epochs=2", "--config.batch_size=16", "--config.dataset.limit_train=96", "--config.tensorboard=False",
)  # fmt: skip


def start(directory, *more, module="tests.undrawn"):
    arguments = [sys.executable, "-m", module, *TABLE, f"--workdir={directory}", *more]
    return subprocess.Popen(
        arguments, cwd=ROOT, env=os.environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def plain(directory):
    """Everything that a table and its runs record, without times."""
    table = read_table(directory)
    cells = [(cell.directory, cell.status, cell.reason, cell.scale) for cell in table.cells]
    results = {}
    for cell in table.cells:
        path = directory / cell.directory
        summary = read_json(path / "summary.json")
        kept = {key: summary[key] for key in ("final", "best_validation", "max_test_accuracy", "steps", "status")}
        with np.load(path / "predictions.npz") as predictions:
            predicted = {name: predictions[name].tolist() for name in predictions}
        results[cell.directory] = (kept, epochs(path), predicted)
    return table.status, cells, results


def cells_begun(directory):
    return len(list((directory / "cells").glob("*/config.json"))) if (directory / "cells").exists() else 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "table"
    assert main([*TABLE, f"--workdir={directory}"], "minjax") == 0
    assert len(statuses(directory)) == 12
    return directory


def test_killed_again_and_again_it_ends_with_the_same_records(whole, tmp_path):
    directory, generator = tmp_path / "table", random.Random(3)
    for kill in range(3):
        begun, process = cells_begun(directory), start(directory)
        deadline = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < deadline and cells_begun(directory) <= begun + kill % 2:
            time.sleep(0.01)
        time.sleep(2 * generator.random())
        process.kill()
        process.communicate()
        assert cells_begun(directory) < 12, "it ended before it was killed"
    assert main([*TABLE, f"--workdir={directory}"], "minjax") == 0
    assert plain(directory) == plain(whole)


def test_a_signal_saves_what_is_running_and_exits_with_75(tmp_path):
    directory = tmp_path / "table"
    process = start(directory, "--config.steps_per_call=1", "--config.epochs=200", module="minjax")
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if any(directory.glob("cells/*/metrics.jsonl")):
            break
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == RESUMABLE, errors
    assert "every cell is saved; to resume: python -m minjax tables" in errors
    assert read_table(directory).status == "interrupted"
    assert list(statuses(directory).values()).count("interrupted") == 2  # both seeds of the first network
