"""Checkpoints: what is kept, what a damaged one does."""

from __future__ import annotations

import resource
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from minjax.errors import UserError
from minjax.train.checkpoint import Checkpoints, Position


def tree(value: float) -> dict:
    return {"w": np.full((300, 5), value, np.float32), "n": {"step": np.int32(value)}, "k": np.zeros(2, np.uint32)}


@pytest.fixture
def saved(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step, accuracy in enumerate([0.1, 0.9, 0.3, 0.4, None], start=1):
        checkpoints.save(step, tree(step), Position(step), accuracy)
    checkpoints.wait()
    yield checkpoints
    checkpoints.close()


def damage(checkpoints, step, how):
    files = [p for p in (checkpoints.directory / str(step) / "state").rglob("*") if p.is_file()]
    if how == "gone":
        for file in files:
            file.unlink()
        return
    for file in files:
        data = bytearray(file.read_bytes())
        if how == "truncated":
            data = data[: len(data) // 2]
        elif data:
            data[len(data) // 2] ^= 0xFF
        file.write_bytes(data)


def test_the_newest_two_and_the_best_are_kept(saved):
    assert saved.steps() == [2, 4, 5]


def test_what_was_saved_comes_back(saved):
    restored = saved.restore(tree(0), pytest.fail)
    assert (restored.step, restored.position) == (5, Position(5))
    np.testing.assert_array_equal(restored.tree["w"], tree(5)["w"])
    assert restored.tree["n"]["step"] == 5
    assert saved.restore(tree(0), pytest.fail, step=2).position == Position(2)


@pytest.mark.parametrize("how", ["truncated", "flipped", "gone"])
def test_a_damaged_one_is_passed_over_with_a_warning(saved, how):
    damage(saved, 5, how)
    warnings = []
    assert saved.restore(tree(0), warnings.append).step == 4
    assert len(warnings) == 1
    assert str(saved.directory / "5") in warnings[0]


def test_refused_only_if_none_is_good(saved):
    for step in saved.steps():
        damage(saved, step, "truncated")
    with pytest.raises(UserError, match=r"no checkpoint in .* can be read"):
        saved.restore(tree(0), lambda text: None)


def test_no_space_is_said_before_anything_is_written(saved, monkeypatch):
    usage = shutil.disk_usage(saved.directory)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(UserError, match=r"no space for a checkpoint in .*: 1,000 bytes free"):
        saved.save(9, tree(9), Position(9), 0.5)
    assert saved.steps() == [2, 4, 5]


@pytest.fixture
def small_files():
    """As under a quota: the disk has space, the process may not write it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_quota_is_one_error_and_nothing_from_threads(saved, small_files, capfd):
    with pytest.raises(UserError, match=r"cannot write a checkpoint in .*: File too large; .* same command resumes"):
        saved.save(9, {"w": np.zeros(100_000)}, Position(9), 0.5)
    assert saved.steps() == [2, 4, 5]
    assert sorted(path.name for path in saved.directory.iterdir()) == ["2", "4", "5"]
    assert capfd.readouterr().err == ""


def test_a_disk_that_fails_after_the_check_is_the_same_error(saved, small_files, monkeypatch, caplog):
    monkeypatch.setattr(saved, "_check_space", lambda size: None)
    saved.save(9, {"w": np.random.default_rng(0).random(1_000_000)}, Position(9), 0.5)
    with pytest.raises(UserError, match=r"cannot write a checkpoint in .*: File too large"):
        saved.wait()
    assert caplog.records == []
    assert saved.restore(tree(0), pytest.fail).step == 5


def test_a_step_can_be_saved_again(saved):
    saved.save(5, tree(7), Position(7), 0.5)
    saved.wait()
    assert saved.restore(tree(0), pytest.fail).position == Position(7)


def test_an_empty_directory_has_none(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.restore({"w": jnp.zeros(3)}, pytest.fail) is None
    checkpoints.close()
