"""The command for a first hour on an accelerator: its limits, records and page, and all of it with small numbers."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import accelerator, accelerator_parts, accelerator_table, accelerator_work, golden, processes
from benchmarks.accelerator_parts import SCALES, Part
from minjax.errors import UserError
from tests.test_accelerator_page import SHARED

PART = Part("speed-net-8", "speed", ("minjax", "PyTorch"), 100)


@pytest.fixture(name="flags")
def _flags(tmp_path):
    return SimpleNamespace(out=tmp_path, scale="full", device="auto", commit=None)


def answer(monkeypatch, *answers):
    """Let the processes of a part end like this; returns the seconds that each was given."""
    limits, rest = [], list(answers)

    def measured(command, environment, seconds, log=None):
        limits.append(seconds)
        return {"seconds": 1.0, "lines": [], **rest.pop(0)}

    monkeypatch.setattr(accelerator, "measured", measured)
    return limits


def test_parts_have_names_of_their_own_and_work_that_exists():
    for scale in SCALES.values():
        names = [part.name for part in scale.parts]
        assert len(set(names)) == len(names)
        assert {part.work for part in scale.parts} <= set(accelerator_work.WORK)
    assert {part.work for part in SCALES["small"].parts} == set(accelerator_work.WORK)


def test_a_part_is_measured_side_by_side_and_recorded(flags, monkeypatch):
    limits = answer(monkeypatch, {"status": "done"}, {"status": "failed", "reason": "no GPU"})
    record = accelerator.measure(PART, flags, SHARED, time.monotonic() + 1000, None)
    assert record == json.loads((flags.out / "speed-net-8.json").read_text())
    assert (record["status"], record["reason"]) == ("failed", "PyTorch: no GPU")
    assert record["conditions"] == SHARED
    assert all(90 < limit <= 100 for limit in limits)
    limits = answer(monkeypatch, {"status": "done"})  # the side that is done is kept
    record = accelerator.measure(PART, flags, SHARED, time.monotonic() + 1000, record)
    assert (record["status"], len(limits), sorted(record["sides"])) == ("done", 1, ["PyTorch", "minjax"])
    assert "reason" not in record


def test_what_the_minutes_cut_off_is_unfinished_and_what_takes_too_long_is_out_of_time(flags, monkeypatch):
    late = {"status": "out of time", "reason": "killed after 50 s"}
    answer(monkeypatch, {"status": "done"}, dict(late))
    record = accelerator.measure(PART, flags, SHARED, time.monotonic() + 1000, None)
    assert record["status"] == "out of time"
    limits = answer(monkeypatch, dict(late), dict(late))
    record = accelerator.measure(PART, flags, SHARED, time.monotonic() + 50, None)
    assert record["status"] == "unfinished"
    assert max(limits) <= 50
    answer(monkeypatch)  # no process is started for a few seconds
    record = accelerator.measure(PART, flags, SHARED, time.monotonic() + 5, None)
    assert (record["status"], record["reason"]) == ("unfinished", "no time was left for minjax")


def test_what_failed_comes_after_what_was_not_reached():
    parts = [Part(name, "speed", ("minjax",), 1) for name in "abcde"]
    status = {"a": "failed", "b": "done", "d": "unfinished", "e": "out of time"}
    records = {name: {"status": one} for name, one in status.items()}
    assert [part.name for part in accelerator.order(parts, records)] == ["c", "d", "a", "e"]


@pytest.mark.parametrize(("key", "value"), [("git_commit", "abc+changes"), ("device", "H100"), ("scale", "small")])
def test_a_directory_is_of_one_device_and_one_commit(flags, key, value):
    (flags.out / "a.json").write_text(json.dumps({"part": "a", "conditions": SHARED}))
    assert list(accelerator.recorded(flags, SHARED)) == ["a"]
    with pytest.raises(UserError, match=rf"has {key} .*another directory with --out"):
        accelerator.recorded(flags, SHARED | {key: value})


def test_a_cpu_is_no_accelerator(flags, monkeypatch):
    cpu = {"status": "done", "lines": [{"platform": "cpu", "device": "cpu", "devices": 1}]}
    answer(monkeypatch, cpu, cpu, {"status": "failed", "reason": "no driver"})
    with pytest.raises(UserError, match="no accelerator, only a CPU"):
        accelerator.conditions(flags)
    flags.scale = "small"
    found = accelerator.conditions(flags)
    assert (found["platform"], found["scale"]) == ("cpu", "small")
    assert found["versions"]["jax"]
    with pytest.raises(UserError, match="JAX does not start: no driver"):
        accelerator.conditions(flags)


def test_mistakes_of_the_command_line():
    with pytest.raises(UserError, match=r"unknown part 'speed'.*golden"):
        accelerator.parse(["--parts=golden,speed"])
    with pytest.raises(UserError, match="--minutes must be above 0"):
        accelerator.parse(["--minutes=0"])


def test_half_a_line_of_a_process_that_was_killed_is_dropped():
    assert processes.lines_of('noise\nMEASURED {"a": 1}\nMEASURED {"b"') == [{"a": 1}]


def test_a_variant_that_fails_leaves_its_reason():
    def measure(text):
        raise RuntimeError(text)

    line = accelerator_parts.attempt({"members": 64}, lambda: measure("no such kernel\nmore"))
    assert line == {"members": 64, "failure": "RuntimeError: no such kernel"}
    line = accelerator_parts.attempt({"members": 64}, lambda: measure("RESOURCE_EXHAUSTED: out of memory"))
    assert line["not_run"].startswith("does not fit the memory")


def test_errors_are_those_of_whole_vectors():
    tree = {"a": np.ones((3, 4)), "b": np.zeros(4)}
    off = {"a": np.ones((3, 4)) * 1.01, "b": np.zeros(4)}
    assert golden.relative_error(off, tree) == pytest.approx(0.01)
    assert golden.relative_error(golden.projections(off), golden.projections(tree)) == pytest.approx(0.01)


def test_projections_estimate_a_distance():
    draw = np.random.default_rng(0)
    tree = [draw.normal(size=size) for size in (50, 200, 1000)]
    off = [leaf + 0.1 * draw.normal(size=leaf.shape) for leaf in tree]
    estimate = golden.relative_error(golden.projections(off), golden.projections(tree))
    assert 0.5 < estimate / golden.relative_error(off, tree) < 2


# -- processes


@pytest.mark.slow
def test_a_process_is_killed_with_all_that_it_started(tmp_path):
    child = tmp_path / "child.py"
    child.write_text(
        "import subprocess, sys, time\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('MEASURED {\"pid\": %d}' % inner.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    found = processes.measured([sys.executable, str(child)], dict(os.environ), 3, tmp_path / "log")
    assert (found["status"], found["reason"]) == ("out of time", "killed after 3 s")
    (line,) = found["lines"]
    for _ in range(100):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(line["pid"])], capture_output=True, text=True).stdout
        if not state.strip() or state.startswith("Z"):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the process of the process lives")
    failed = processes.measured([sys.executable, "-c", "raise ValueError('it')"], dict(os.environ), 60)
    assert (failed["status"], failed["reason"]) == ("failed", "exit code 1: ValueError: it")


BLOCK = """
import sys

MISSING = {"ml_collections", "msgspec", "PIL", "sklearn", "matplotlib", "tqdm", "safetensors", "array_record", "onnx",
           "requests", "clu", "tensorflow", "tensorboard", "tensorflow_datasets", "onnxruntime", "ray", "pandas"}


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocked())
"""


@pytest.mark.slow
def test_all_of_it_with_small_numbers_where_little_is_installed_and_then_where_all_is(tmp_path, root):
    """Where only JAX's own packages are, all but the study is measured; the same command elsewhere does the rest."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BLOCK)
    out = tmp_path / "out"

    def run(path: str, *parts: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "benchmarks/accelerator.py", "--scale=small", "--device=cpu", f"--out={out}", *parts]
        environment = {**os.environ, "PYTHONPATH": path}
        more = ("--minutes=20", "--commit=abc")
        done = subprocess.run([*command, *more], cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr[-2000:]
        assert "accelerator:" not in done.stderr
        return done

    def records() -> dict:
        return {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}

    few = ["golden", "speed-dnn-8", "populations-cnn", "curves", "profile-dnn", "study"]
    run(str(tmp_path / "site"), f"--parts={','.join(few)}")
    found = records()
    assert sorted(found) == sorted(few)
    study = found.pop("study")
    assert study["status"] == "failed"
    assert "No module named" in study["reason"]
    without_torch = importlib.util.find_spec("torch") is None
    for name, one in found.items():
        assert one["sides"]["minjax"]["status"] == "done", (name, one.get("reason"))
        if name == "speed-dnn-8" and without_torch:
            assert "No module named 'torch'" in one["reason"]
        else:
            assert one["status"] == "done", one["reason"]
    assert all(line["passed"] for line in found["golden"]["sides"]["minjax"]["lines"])
    assert len(found["golden"]["sides"]["minjax"]["lines"]) > 25
    assert [line["form"] for line in found["populations-cnn"]["sides"]["minjax"]["lines"]] == [
        "one after the other", "groups", "products"
    ]  # fmt: skip

    done = run("")
    after = records()
    assert set(after) == {part.name for part in SCALES["small"].parts}
    assert after["golden"] == found["golden"]  # it was not measured again
    open_ = {name for name, one in after.items() if one["status"] != "done"}
    assert open_ == ({"speed-dnn-8"} if without_torch else set())
    assert done.returncode == (1 if without_torch else 0)
    assert after["study"]["sides"]["minjax"]["lines"][0]["members"] == 4
    runs = after["determinism-dnn"]["sides"]
    assert len({digest for one in runs.values() for line in one["lines"] for digest in line["digests"]}) == 1
    accelerator_table.main([f"--records={tmp_path}", f"--out={tmp_path / 'page.md'}"])
    assert "A trial of the program" in (tmp_path / "page.md").read_text()
