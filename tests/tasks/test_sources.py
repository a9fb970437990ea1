"""Data sets as they are typed."""

from __future__ import annotations

import pytest

from minjax.errors import UserError
from minjax.tasks.sources import Source, sources


def test_digits_a_tfds_name_and_a_folder():
    found = sources(["digits", "imagenette/160px:1.0.0", "CIFAR-10 (JPEG) = my/cifar"], "study.datasets")
    assert found == [
        Source("digits", "digits"),
        Source("imagenette/160px:1.0.0", "imagenette/160px:1.0.0"),
        Source("CIFAR-10 (JPEG)", "folder", "my/cifar"),
    ]
    assert [source.slug for source in found] == ["digits", "imagenette-160px-1.0.0", "CIFAR-10--JPEG-"]


@pytest.mark.parametrize("text", ["", "=folder", "label=", "folder", "a b", "/x=y"])
def test_what_names_nothing(text):
    with pytest.raises(UserError, match=r"study\.datasets has '.*'; each must be digits, the name of a TFDS set"):
        sources(["digits", text], "study.datasets")


def test_two_with_one_directory():
    with pytest.raises(UserError, match=r"tables\.datasets has 'a-b' twice"):
        sources(["a b=x", "a-b=y"], "tables.datasets")
