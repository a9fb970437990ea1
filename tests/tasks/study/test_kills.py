"""Killed in the middle of training, a study ends with the records of one that was not."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import subprocess
import time

import pytest

from minjax.interruption import RESUMABLE
from minjax.main import main
from tests.conftest import ROOT, command
from tests.tasks.study.small_studies import PRESET, SMALL, lines, plain, small
from tests.tasks.study.test_winner import KNEE, arrays

# 400 epochs: most of the time goes into training, not into starting.
LONG = (*SMALL, "--config.epochs=400", "--config.study.dnn.widths=(4,16)", "--config.study.dnn.depths=(1,)")


@pytest.mark.slow
def test_killed_in_the_middle_of_training_it_ends_with_the_same_records(tmp_path):
    assert main(small(tmp_path / "whole", *LONG)) == 0
    directory, generator = tmp_path / "killed", random.Random(5)
    for _ in range(3):
        arguments = command(*small(directory, *LONG)[1:], preset=PRESET)
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before, deadline = len(lines(directory)) if (directory / "points.jsonl").exists() else 0, time.monotonic() + 200
        while time.monotonic() < deadline and process.poll() is None:
            if (directory / "points.jsonl").exists() and len(lines(directory)) > before:
                break
            time.sleep(0.01)
        time.sleep(0.3 * generator.random())
        assert process.poll() is None, "it ended before it was killed"
        process.kill()
        process.wait()
        assert len(lines(directory)) < 10
    assert main(small(directory, *LONG)) == 0
    assert plain(directory) == plain(tmp_path / "whole")


@pytest.mark.slow
def test_killed_while_it_hands_over_it_ends_with_the_same_winner_to_the_bit(tmp_path):
    """Killed, and once terminated, at random moments, most of them after the winner was chosen."""
    knee = (*KNEE, "--config.epochs=100")
    assert main(small(tmp_path / "whole", *knee)) == 0
    directory, generator = tmp_path / "killed", random.Random(7)
    arguments = command(*small(directory, *knee)[1:], preset=PRESET)
    for kill in range(4):
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        chosen, deadline = directory / "winner" / "config.json", time.monotonic() + 200
        while kill and time.monotonic() < deadline and process.poll() is None and not chosen.exists():
            time.sleep(0.01)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(8 * generator.random())
        process.send_signal(signal.SIGTERM if kill == 2 else signal.SIGKILL)
        assert process.wait(60) in (0, RESUMABLE, -signal.SIGKILL)
    assert main(small(directory, *knee)) == 0
    assert plain(directory) == plain(tmp_path / "whole")
    first, second = arrays(tmp_path / "whole" / "winner"), arrays(directory / "winner")
    assert list(first) == list(second)
    assert all((first[name] == second[name]).all() for name in first)


# Every stage, with little work in each.
SEARCH = (
    *SMALL, "--config.study.extent=knee", "--config.study.dnn.widths=(1,2,4,8,12,16,24,32)",
    "--config.study.dnn.depths=(0,1)", "--config.study.coarse=2", "--config.study.curves=none", "--config.epochs=10",
    "--config.study.learning_rates=3", "--config.study.epoch_doublings=1", "--config.study.fresh_seeds=3",
)  # fmt: skip


@pytest.fixture(scope="module", name="searched")
def _searched(tmp_path_factory):
    directory = tmp_path_factory.mktemp("searches") / "whole"
    assert main(small(directory, *SEARCH)) == 0
    return directory


@pytest.mark.slow
def test_a_search_that_is_killed_again_and_again_ends_with_the_same_records(searched, tmp_path):
    directory, generator = tmp_path / "killed", random.Random(7)
    for at in sorted(generator.sample(range(1, len(lines(searched))), 4)):
        arguments = command(*small(directory, *SEARCH)[1:], preset=PRESET)
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 400
        while time.monotonic() < deadline and process.poll() is None:
            if (directory / "points.jsonl").exists() and len(lines(directory)) >= at:
                break
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert main(small(directory, *SEARCH)) == 0
    assert plain(directory) == plain(searched)
    stages = [stage["name"] for stage in plain(directory)[1]["stages"]]
    assert stages[0] == "climb"
    assert {"more epochs", "fresh"} <= set(stages)


@pytest.mark.slow
def test_a_search_goes_on_from_any_of_its_records(searched, tmp_path):
    goes_on(searched, tmp_path / "part", SEARCH)


@pytest.mark.slow
def test_members_that_train_side_by_side_go_on_in_the_populations_that_they_were_in(tmp_path):
    fields = (
        *SEARCH, "--config.study.together=True", "--config.study.epoch_doublings=0", "--config.study.dnn.depths=(1,)",
        "--config.study.dnn.widths=(1,4,8,16)", "--config.study.fresh_seeds=2",
    )  # fmt: skip
    assert main(small(tmp_path / "whole", *fields)) == 0
    goes_on(tmp_path / "whole", tmp_path / "part", fields)


def goes_on(whole, part, fields):
    """A third of the records, without what came of them, becomes the whole study again."""
    shutil.copytree(whole, part)
    (part / "study.json").unlink()
    shutil.rmtree(part / "winner")
    recorded = (whole / "points.jsonl").read_text().splitlines(keepends=True)
    (part / "points.jsonl").write_text("".join(recorded[: len(recorded) // 3]))
    assert main(small(part, *fields)) == 0
    assert plain(part)[0] == plain(whole)[0]
