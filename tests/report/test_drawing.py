"""What all pictures share: lines that are told apart, marks on lines, free places, text that the font lacks, bytes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from minjax.report.axes import bits_axis, logarithmic_if_wide, short_count, size_axis, size_limits
from minjax.report.drawing import KNEE, band, free_place, handle, legend, line_style, mark, png, shown, stack, style
from tests.report.reading import marks, png_size


def test_lines_are_told_apart():
    looks = [line_style(place) for place in range(28)]
    assert len({(look["color"], str(look["linestyle"])) for look in looks}) == 28


def test_a_mark_between_points_lies_on_the_line_and_one_off_it_is_left_out():
    axes = Figure().subplots()
    x, y = np.array([0.8, 0.85]), np.array([0.6, 0.4])
    mark(axes, 0.825, x, y, KNEE, "black")
    assert marks(axes, "D") == {(0.825, 0.5)}
    for nowhere in (None, 1.2, -0.1):
        mark(axes, nowhere, x, y, KNEE, "black")
    assert len(axes.get_lines()) == 1


def test_a_band_skips_what_no_seed_has():
    axes = Figure().subplots()
    table = np.array([[1.0, np.nan, 3.0], [2.0, np.nan, np.nan]])
    x, middle = band(axes, np.arange(3), table, opacity=0.1, color="black")
    assert (x.tolist(), middle.tolist()) == ([0, 2], [1.5, 3.0])
    assert band(axes, np.arange(3), np.full((2, 3), np.nan), opacity=0.1, color="black")[0].size == 0


def test_no_line_runs_under_a_free_place():
    axes = Figure().subplots()
    axes.plot([0, 1], [0, 1])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    x, y = free_place(axes, (0.5, 0.5), (0.3, 0.2))
    corners = [y + dy - (x + dx) for dx in (-0.15, 0.15) for dy in (-0.1, 0.1)]
    assert min(corners) > 0 or max(corners) < 0
    assert np.hypot(x - 0.5, y - 0.5) < 0.3  # and it is near what it is about


def test_text_that_the_font_lacks_becomes_boxes():
    assert shown("日 a") == "\u25a1 a"
    assert shown("_a") == " _a"  # a first underscore would keep it out of a legend


def test_pictures_of_one_width_become_one():
    figures = [Figure(figsize=(1, height)) for height in (1, 2)]
    images = [png(figure) for figure in figures]
    assert png_size(stack(images)) == (150, 450)
    assert png_size(stack(images, 2)) == (300, 300)
    assert stack(images[:1]) == images[0]


def test_names_with_dollar_signs_can_be_drawn():
    with style():
        figure = Figure(figsize=(2, 2), layout="constrained")
        figure.subplots()
        legend(figure, [handle("$\\frac", color="black")])
        assert png_size(png(figure)) == (300, 300)


def test_axes():
    axes = Figure().subplots()
    bits_axis(axes, [1, 16, 4])
    left, right = axes.get_xlim()
    assert left > 16 > 1 > right
    assert [short_count(value) for value in (900, 1500, 20_000, 3e6)] == ["900", "1,500", "20 k", "3 M"]
    size_axis(axes, [50, 50])
    assert "all have 50 learnable parameters" in axes.get_xlabel()
    low, high = size_limits([50])
    assert low < 50 < high


@pytest.mark.parametrize(
    ("values", "scale"), [([1, 100], "log"), ([1, 2], "linear"), ([0, 100], "linear"), ([], "linear")]
)
def test_losses_that_span_much_are_logarithmic(values, scale):
    axes = Figure().subplots()
    axes.plot(range(len(values)), values)
    logarithmic_if_wide(axes)
    assert axes.get_yscale() == scale
