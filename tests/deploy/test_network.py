"""A network is read back as what its file or directory says it is."""

from __future__ import annotations

import pytest

from minjax import compress
from minjax.deploy.network import describe, read
from minjax.errors import UserError
from minjax.records.record import write_config
from tests.deploy.networks import network


def packed(path, /, **changes):
    made = network("dnn")
    compress.save_packed(path, made.variables, bits=8, include=("*/kernel",), about=describe(made) | changes)
    return read(path)


def test_a_packed_file_keeps_the_type_of_the_computation_and_whether_images_are_resized(tmp_path):
    made = packed(tmp_path / "a.mjx", dtype="bfloat16", image_size=8)
    assert (made.dtype, made.resized) == ("bfloat16", True)
    made = packed(tmp_path / "b.mjx", dtype="float32", image_size=None)
    assert (made.dtype, made.resized) == ("float32", False)


def test_where_a_network_comes_from_is_its_path_whatever_the_file_says(tmp_path):
    assert packed(tmp_path / "a.mjx", path="elsewhere").about["path"] == str(tmp_path / "a.mjx")


@pytest.mark.parametrize("task", ["report", None])
def test_a_directory_of_another_task_is_no_run(tmp_path, task):
    write_config(tmp_path, {"task": task})
    with pytest.raises(UserError, match=f"is not a run directory: its task is {task!r}"):
        read(tmp_path)
