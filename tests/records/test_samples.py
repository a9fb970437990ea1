"""samples.npz comes back as it was written, and nothing else is taken for it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from minjax.errors import UserError
from minjax.records.samples import SAMPLES, Samples, read_samples, write_samples

GOOD = Samples(np.full((2, 3, 4, 1), 7, np.uint8), np.array([5, 9]), np.zeros((1, 3, 4, 1), np.uint8), np.array([1]))


def test_what_was_written(tmp_path):
    write_samples(tmp_path / SAMPLES, GOOD)
    found = read_samples(tmp_path / SAMPLES)
    for name, array in vars(GOOD).items():
        np.testing.assert_array_equal(getattr(found, name), array)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"mistakes": np.zeros((2, 3, 4, 1))}, "mistakes are float64"),
        ({"mistakes": np.zeros((2, 3, 4, 2), np.uint8)}, "not uint8 images"),
        ({"inputs": np.zeros((1, 200, 4, 1), np.uint8)}, "more or larger than a page shows"),
        ({"mistakes": np.zeros((65, 3, 4, 1), np.uint8)}, "more or larger than a page shows"),
        ({"places": np.array([1])}, r"places are int64 \(1,\) for 2 images"),
        ({"labels": np.array([-1])}, "labels are int64"),
    ],
)
def test_what_cannot_be_samples_is_refused(tmp_path, changes, problem):
    write_samples(tmp_path / SAMPLES, dataclasses.replace(GOOD, **changes))
    with pytest.raises(UserError, match=problem):
        read_samples(tmp_path / SAMPLES)
