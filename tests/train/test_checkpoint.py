"""Checkpoints: what is kept, what a damaged one does, what is no damage."""

from __future__ import annotations

import json
import os
import resource
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

from minjax.errors import UserError
from minjax.interruption import Interrupted
from minjax.train.checkpoint import Checkpoints
from minjax.train.metadata import Extent, Position, digest


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


def rewrite(checkpoints, step, change):
    """Change the JSON text of a checkpoint's metadata."""
    path = checkpoints.directory / str(step) / "meta" / "metadata"
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before


METADATA = {
    "another epoch": lambda text: text.replace('"epoch": 5', '"epoch": 4'),
    "a later epoch": lambda text: text.replace('"epoch": 5', '"epoch": 55'),
    "more steps": lambda text: text.replace('"done": 0', '"done": 8'),
    "a negative number": lambda text: text.replace('"done": 0', '"done": -1'),
    "a fraction": lambda text: text.replace('"done": 0', '"done": 0.5'),
    "another step": lambda text: text.replace('"step": 5', '"step": 4'),
    "another accuracy": lambda text: text.replace('"accuracy": null', '"accuracy": 0.5'),
    "more seconds": lambda text: text.replace('"train_seconds": 0.0', '"train_seconds": 1.0'),
    "no history": lambda text: text.replace('"history": null', '"history": []'),
    "a renamed key": lambda text: text.replace('"done"', '"dome"'),
    "another key": lambda text: text.replace('"done"', '"more": 1, "done"'),
    "another format": lambda text: text.replace('"format": 2', '"format": 3'),
    "the first format": lambda text: text.replace('"format": 2, "step": 5, ', "").replace(', "history": null', ""),
    "a list": lambda text: "[]",
    "an empty object": lambda text: "{}",
    "null": lambda text: "null",
    "nothing": lambda text: "",
    "half of it": lambda text: text[: len(text) // 2],
    "deep nesting": lambda text: "[" * 100_000,
    "long digits": lambda text: text.replace('"done": 0', '"done": 1' + "0" * 5000),
}


@pytest.mark.parametrize("what", METADATA)
def test_no_part_of_the_metadata_can_change_unnoticed(saved, what, caplog):
    rewrite(saved, 5, METADATA[what])
    warnings = []
    restored = saved.restore(tree(0), warnings.append)
    assert (restored.step, restored.position) == (4, Position(4))
    (warning,) = warnings
    assert warning.startswith(f"checkpoint {saved.directory / '5'} is damaged and skipped: ")
    assert caplog.records == []


@pytest.mark.parametrize("content", [b"[]", b"{}", b"null", b"", b"\xff\xfe", b'{"item_handlers": 3}', b"[" * 100_000])
@pytest.mark.parametrize("name", ["_CHECKPOINT_METADATA", "state/_METADATA", "state/manifest.ocdbt"])
def test_damage_to_orbaxs_own_files_costs_at_most_one_warning(saved, name, content):
    (saved.directory / "5" / name).write_bytes(content)
    again, warnings = Checkpoints(saved.directory), []
    restored = again.restore(tree(0), warnings.append)
    assert (restored.step, len(warnings)) in [(4, 1), (5, 0)]  # what orbax does not need, it does not miss
    np.testing.assert_array_equal(restored.tree["w"], tree(restored.step)["w"])
    again.save(6, tree(6), Position(6), 0.2)
    again.close()
    assert again.restore(tree(0), pytest.fail).step == 6


def test_a_directory_with_another_number_is_not_that_step(saved):
    (saved.directory / "5").rename(saved.directory / "6")
    warnings = []
    assert saved.restore(tree(0), warnings.append).step == 4
    assert "it is of step 5, not 6" in warnings[0]


@pytest.mark.parametrize(
    ("position", "step", "problem"),
    [
        (Position(3, 4), 14, None),
        (Position(3, 5), 15, None),  # interrupted during the evaluation
        (Position(11, 0), 50, None),  # at the end
        (Position(12, 0), 55, "the run has 10 epochs"),
        (Position(11, 1), 51, "the run has 10 epochs"),
        (Position(3, 6), 16, "an epoch has 5 steps"),
        (Position(3, 4), 13, "which is step 14 of the run, not 13"),
    ],
)
def test_a_position_outside_the_run_is_refused(tmp_path, position, step, problem):
    checkpoints, warnings = Checkpoints(tmp_path), []
    checkpoints.save(0, tree(1), Position())
    checkpoints.save(step, tree(step), position)
    checkpoints.wait()
    restored = checkpoints.restore(tree(0), warnings.append, extent=Extent(10, 5))
    checkpoints.close()
    assert restored is not None
    assert (restored.step, len(warnings)) == ((step, 0) if problem is None else (0, 1)), warnings
    assert problem is None or problem in warnings[0]


def test_a_checkpoint_of_an_earlier_version_still_loads(saved):
    like = tree(5)
    arrays = {"w": like["w"], "n.step": np.asarray(like["n"]["step"]), "k": like["k"]}
    old = {"position": {"epoch": 5, "done": 0, "train_seconds": 0.0}, "digest": digest(arrays), "accuracy": None}
    rewrite(saved, 5, lambda text: json.dumps(old))
    restored = saved.restore(tree(0), pytest.fail)
    assert (restored.step, restored.position, restored.history) == (5, Position(5), None)
    rewrite(saved, 5, lambda text: text.replace('"epoch": 5', '"epoch": 4'))  # its digest does not cover the position
    warnings = []
    assert saved.restore(tree(0), warnings.append, step=5).position == Position(4)
    with pytest.raises(UserError, match="no checkpoint in"):
        saved.restore(tree(0), warnings.append, step=5, extent=Extent(9, 1))
    assert warnings[0].endswith("its position is epoch 4, step 0, which is step 3 of the run, not 5")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_what_cannot_be_read_is_not_damaged(saved, monkeypatch, error):
    monkeypatch.setattr(saved._writer, "restore", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(UserError, match=rf"cannot read the checkpoint .*/5: {os.strerror(error.errno)}"):
        saved.restore(tree(0), pytest.fail)


def test_too_little_memory_is_not_damage(saved, monkeypatch):
    monkeypatch.setattr(saved._writer, "restore", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(UserError, match="not enough memory to read the checkpoint"):
        saved.restore(tree(0), pytest.fail)


def test_a_signal_is_not_damage(saved, monkeypatch):
    monkeypatch.setattr(saved._writer, "restore", lambda *_: (_ for _ in ()).throw(Interrupted("SIGTERM")))
    with pytest.raises(Interrupted):
        saved.restore(tree(0), pytest.fail)


def test_the_best_is_kept_by_a_later_process_too(saved):
    saved.close()
    again = Checkpoints(saved.directory)
    again.save(6, tree(6), Position(6), 0.2)
    again.save(7, tree(7), Position(7), 0.2)
    again.close()
    assert again.steps() == [2, 6, 7]


def test_what_a_kill_left_is_removed(saved):
    for name in ("8.orbax-checkpoint-tmp", "1.deleted"):
        (saved.directory / name / "state").mkdir(parents=True)
    again = Checkpoints(saved.directory)
    assert again.restore(tree(0), pytest.fail).step == 5
    again.close()
    assert sorted(path.name for path in saved.directory.iterdir()) == ["2", "4", "5"]


def test_a_disk_without_inodes_is_said_before_anything_is_written(saved, monkeypatch):
    few = os.statvfs_result((4096, 4096, 10**9, 10**9, 10**9, 1000, 7, 7, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda path: few)
    with pytest.raises(UserError, match=r"no space for a checkpoint in .*: 7 inodes free, 200 needed"):
        saved.save(9, tree(9), Position(9), 0.5)
    assert saved.steps() == [2, 4, 5]


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
