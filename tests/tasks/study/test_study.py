"""task=study from end to end on digits: records, resuming, refusals."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from minjax.main import main
from minjax.tasks.study import search
from minjax.train import population, unfinished
from minjax.train.pace import Pace
from tests.conftest import ROOT, command, minjax_process, read_json, read_jsonl
from tests.tasks.study.small_studies import PRESET, SMALL, lines, plain, small

pytestmark = pytest.mark.slow  # whole studies, some in processes of their own


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("studies") / "whole"
    assert main(small(directory)) == 0
    return directory


def test_every_member_is_recorded_once(whole):
    members = lines(whole)
    points = {line["point"] for line in members}
    # 5 of one layer; of two equal, decreasing and increasing ones, which are one network at width 1
    assert len(points) == 5 + 13
    assert len(members) == len(points) * 5
    assert len({(line["point"], line["seed"]) for line in members}) == len(members)
    for line in members:
        assert line["status"] == "completed"
        assert line["seed"] in range(42, 47)
        assert len(line["history"]["validation_accuracy"]) == 3
        assert line["history"]["train_loss"][-1] == pytest.approx(line["final"]["train_loss"], rel=1e-5)
        equal = len(set(line["fields"]["widths"])) == 1
        assert (line["curves"] is not None) == equal
        if equal:
            assert [a for a, _ in line["curves"]["pruning"]] == [0, 0.25, 0.5, 0.75, 1]
            assert line["curves"]["pruning"][0][1] == line["final"]["validation_accuracy"]
            assert [b for b, _ in line["curves"]["quantization"]] == [8, 4, 2]
    (shared,) = [names for names in {tuple(line["names"]) for line in members} if len(names) > 1]
    assert shared == ("dnn-2-equal-1", "dnn-2-decreasing-1", "dnn-2-increasing-1")


def test_the_findings_are_there(whole):
    found = read_json(whole / "study.json")
    assert found["status"] == "completed"
    assert found["compilations"] <= 16
    assert found["members"] == {"completed": 90, "diverged": 0, "failed": 0, "planned": 90}
    assert [claim["number"] for claim in found["findings"]["claims"]] == [1, 2, 3, 4, 5, 5, 6, 7]
    assert len(found["findings"]["regimes"]) == 18
    assert len(found["findings"]["certificates"]) == 1
    (training,) = found["training"]
    assert (training["families"], training["points"]) == (["dnn"], 18)
    used = training["settings"]
    assert (used["optimizer.name"], used["optimizer.learning_rate"], used["epochs"]) == ("sgdm", 0.1, 3)
    assert {"device", "versions", "git_commit", "command"} <= set(found)
    assert read_json(whole / "config.json")["data"]["classes"] == 10
    assert (whole / "report" / "index.html").exists()
    assert (whole / "report" / "report.md").exists()


def test_a_member_is_the_run_that_task_train_makes(whole, tmp_path):
    line = next(line for line in lines(whole) if line["fields"]["widths"] == [8, 4] and line["seed"] == 44)
    arguments = [f"--config={PRESET}", "--config.task=train", f"--workdir={tmp_path / 'run'}", "--config.seed=44"]
    arguments += ["--config.model.widths=(8,4)", "--config.epochs=3"]
    assert main([*arguments, "--config.dataset.limit_train=500"]) == 0
    metrics = read_jsonl(tmp_path / "run" / "metrics.jsonl")
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert line["history"][name] == pytest.approx([epoch[name] for epoch in metrics], rel=1e-4), name


def test_what_was_chosen_is_tested_once_by_networks_that_are_the_recorded_ones(whole):
    (certificate,) = read_json(whole / "study.json")["findings"]["certificates"]
    accuracies: dict[str, list[float]] = {}
    for line in lines(whole):
        accuracies.setdefault(line["point"], []).append(line["final"]["validation_accuracy"])
    assert certificate["tested"]
    for one in certificate["tested"]:
        assert (one["images"], one["seeds"]) == (360, 5)
        assert one["validation_accuracy"] == pytest.approx(sum(accuracies[one["point"]]) / 5, rel=1e-12)
        assert one["interval"][0] < one["accuracy"] < one["interval"][1]
    best = certificate["minimal"]["best"]["point"]
    assert best in {one["point"] for one in certificate["tested"]}


def test_the_tested_accuracy_is_that_of_the_runs_that_task_train_makes(tmp_path, capsys):
    grid = ("--config.study.dnn.widths=(8,)", "--config.study.dnn.depths=(1,)")
    assert main(small(tmp_path / "study", *grid, "--config.study.seeds=2", "--config.study.curves=none")) == 0
    (certificate,) = read_json(tmp_path / "study" / "study.json")["findings"]["certificates"]
    (best,) = certificate["tested"]
    assert (best["name"], best["seeds"]) == ("dnn-1-equal-8", 2)
    assert "measured once, after all choices: " in capsys.readouterr().out
    runs = []
    for seed in (42, 43):
        directory = tmp_path / str(seed)
        arguments = [f"--config={PRESET}", "--config.task=train", f"--workdir={directory}", f"--config.seed={seed}"]
        arguments += ["--config.model.widths=(8,)", "--config.epochs=3", "--config.dataset.limit_train=500"]
        assert main(arguments) == 0
        runs.append(read_json(directory / "summary.json")["final"]["test_accuracy"])
    assert best["accuracy"] == pytest.approx(sum(runs) / 2, abs=1e-9)


def test_again_says_that_it_is_finished(whole, capsys):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert main(small(whole)) == 0
    assert "is finished" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in whole.rglob("*")}


def test_killed_twice_it_ends_as_if_it_had_not_been(whole, tmp_path):
    directory = tmp_path / "killed"
    for at in (1, 40):
        arguments = command(f"--workdir={directory}", *SMALL, preset=PRESET)
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and process.poll() is None and len(lines(directory)) < at:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with open(directory / "points.jsonl", "a") as file:
            file.write('{"point": "half a li')
    assert 0 < len(lines(directory)) < 90
    assert main(small(directory)) == 0
    assert plain(directory) == plain(whole)


def test_sigterm_ends_with_75_and_resumes(whole, tmp_path):
    directory = tmp_path / "stopped"
    process = subprocess.Popen(
        command(f"--workdir={directory}", *SMALL, preset=PRESET), cwd=ROOT, stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None and not lines(directory):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 75
    assert "to resume: python -m minjax.main" in stderr
    assert main(small(directory)) == 0
    assert plain(directory) == plain(whole)


def test_a_budget_stops_it_and_a_larger_one_goes_on(tmp_path, capsys, monkeypatch):
    directory = tmp_path / "budget"
    quick = ("--config.study.curves=none", "--config.epochs=1", "--config.study.dnn.depths=(1,)")
    monkeypatch.setattr(search.Search, "_is_spent", lambda self, share: len(self.records) > 0)
    assert main(small(directory, *quick, "--config.study.budget_minutes=30")) == 0
    assert "study.budget_minutes continues" in capsys.readouterr().out
    before = lines(directory)
    assert 0 < len(before) < 25
    monkeypatch.undo()
    assert main(small(directory, *quick, "--config.study.budget_minutes=60")) == 0
    assert read_json(directory / "study.json")["status"] == "completed"
    assert len(lines(directory)) == 25
    assert lines(directory)[: len(before)] == before  # not trained again: their times are those of the first run


class KilledError(BaseException):
    """As a kill: nobody catches it."""


def test_killed_in_the_middle_of_its_networks_it_goes_on_there(tmp_path, monkeypatch):
    """Killed again and again, at last while its networks are tested, it ends with the same records and tests."""
    quick = ("--config.study.curves=none", "--config.study.dnn.depths=(1,)", "--config.study.seeds=2")
    whole, directory, dispatches = tmp_path / "whole", tmp_path / "killed", []
    monkeypatch.setattr(population, "Pace", lambda: Pace(fixed=4))
    timed = population.Compiled.timed

    def counted(self, *arguments):
        dispatches.append(None)
        return timed(self, *arguments)

    monkeypatch.setattr(population.Compiled, "timed", counted)
    assert main(small(whole, *quick)) == 0
    undisturbed = len(dispatches)

    save, saves, kills = unfinished.Unfinished.save, [], 0

    def killing(self, *arguments):
        save(self, *arguments)
        saves.append(None)
        if len(saves) % 3 == 0:
            raise KilledError

    dispatches.clear()
    monkeypatch.setattr(unfinished, "EVERY", 0.0)
    monkeypatch.setattr(unfinished.Unfinished, "save", killing)
    while kills <= undisturbed:
        try:
            assert main(small(directory, *quick)) == 0
            break
        except KilledError:
            kills += 1
            assert len(list((directory / unfinished.FOLDER).iterdir())) > 0
    assert kills > 5
    assert len(dispatches) == undisturbed  # none was done twice
    assert plain(directory) == plain(whole)
    assert not (directory / unfinished.FOLDER).exists()


def test_records_of_another_study_are_refused(whole, capsys):
    assert main(small(whole, "--config.epochs=4")) == 2
    assert "another configuration: epochs: there 3, asked for 4" in capsys.readouterr().err


def test_eight_devices_give_the_same_study(whole, tmp_path):
    directory = tmp_path / "eight"
    done = minjax_process(
        f"--workdir={directory}", *SMALL, preset=PRESET,
        env={"XLA_FLAGS": "--xla_force_host_platform_device_count=8 " + os.environ.get("XLA_FLAGS", "")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one = {(line["point"], line["seed"]): line for line in lines(whole)}
    for line in lines(directory):
        mine = one[line["point"], line["seed"]]
        assert line["final"] == pytest.approx(mine["final"], rel=1e-4, abs=0.02)
    assert len(lines(directory)) == len(one)
