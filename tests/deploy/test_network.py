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


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model": {"name": "dnn", "widths": [11, 7], "axis_name": "batch"}}, "its model has the field 'axis_name'"),
        ({"model": {}}, "its model has the name None"),
        ({"model": {"name": "dnn", "widths": [1] * 1000}, "shrunk": None}, "a network of 1000 layers in 6 arrays"),
        ({"model": {"name": "cnn", "channels": [4], "kernel_size": 9}, "shrunk": None}, "cannot take 6x5 images"),
        ({"model": {"name": "dnn", "widths": [11, 8]}, "shrunk": None}, "holds another network than it says: 'params/"),
        ({"model": {"name": "dnn", "widths": [11]}, "shrunk": None}, "missing, left over, or of another shape or type"),
        ({"num_classes": 10**9}, "num_classes: expected `int` <= 1048576"),
        ({"class_names": ["one"]}, "1 class names for 5 classes"),
        ({"image_shape": [6, 5, 4]}, "image_shape[2]: "),
        ({"mean": [0.5]}, "1 means and 3 deviations for 3 channels"),
        ({"std": [0.1, 0.0, 0.2]}, "a deviation that is not positive"),
        ({"dtype": "int8"}, "dtype: invalid enum value 'int8'"),
    ],
)
def test_what_a_file_says_of_its_network_is_checked(tmp_path, changes, problem):
    path = tmp_path / "a.mjx"
    with pytest.raises(UserError) as caught:
        packed(path, **changes)
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)
