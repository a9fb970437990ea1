"""What is drawn of a compression: positions of marks, which curves stand beside which, cells and their outline."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure

from minjax.records.compression import TRAINED, Compression, read_compression
from minjax.report.compression import maps, pruning, quantization, tradeoff
from minjax.report.compression.curves import front_of
from tests.report.compressions import DENSE, FIRST, LEAVES, SCHEMES, make_compression
from tests.report.reading import figures_of, legend_of, marks


@pytest.fixture(scope="module", name="compression")
def _compression(compressed):
    return read_compression(compressed)


def only(picture, compression):
    """The one figure of a picture."""
    (figure,) = figures_of(picture, compression)
    return figure


def one(compression, **fields):
    """The only measurement with these fields."""
    (line,) = (m for m in compression.measurements if all(getattr(m, name) == value for name, value in fields.items()))
    return line


def test_knees_and_collapses_are_on_their_curves(compression):
    panels = only(pruning.picture, compression).axes
    for axes, kind in zip(panels[:2], ("trained", "re-estimated"), strict=True):
        for name, marker in (("knee", "D"), ("collapse_start", "X")):
            expected = set()
            for phases in compression.summary.phases:
                at = getattr(phases, name)
                if phases.curve == "pruning" and phases.batch_norm == kind and at is not None:
                    about = {"curve": "pruning", "method": phases.method, "exclude": phases.exclude, "batch_norm": kind}
                    lines = [m for m in compression.measurements if all(getattr(m, k) == v for k, v in about.items())]
                    (line,) = (line for line in lines if abs(line.amount - at) < 1e-9)
                    expected.add((round(line.amount, 6), round(line.accuracy, 6)))
            assert expected
            assert marks(axes, marker) == expected


def test_the_fall_of_the_first_convolution_is_annotated_where_it_is(compression):
    panels = only(pruning.picture, compression).axes
    (note,) = panels[0].texts
    fall = compression.summary.first_layer
    assert note.xy == (fall.amount, fall.accuracy)
    assert f"1 input plane: {100 * fall.accuracy:.1f} %" in note.get_text()
    assert "(83.7 % if it is spared)" in note.get_text()
    assert not any(axes.texts for axes in panels[1:])


@pytest.mark.parametrize(
    ("model", "dataset", "beside"),
    [
        ("resnet18_s", "cifar10", True),
        ("resnet18", "cifar10-jpeg", True),
        ("resnet18_s", "cifar100", False),
        ("vgg16_s", "cifar10", False),
        ("resnet18_s", "digits", False),
    ],
)
def test_the_papers_curves_stand_beside_its_network_and_data_only(compression, model, dataset, beside):
    summary = msgspec.structs.replace(compression.summary, model=model, dataset=dataset)
    other = Compression(compression.path, compression.config, compression.measurements, summary)
    names = [name for name in legend_of(only(pruning.picture, other)) if "paper" in name]
    assert len(names) == (3 if beside else 0)
    assert all(name.startswith("ResNet18 on CIFAR-10, paper 1: ") for name in names)


def test_a_method_that_spares_a_layer_is_its_own_line(compression):
    figure = only(pruning.picture, compression)
    names = legend_of(figure)
    assert names[:3] == ["l1", "l1_structured", f"l1_structured except {FIRST}"]
    colours = {line.get_label(): line.get_color() for line in figure.legends[0].get_lines()}
    assert colours["l1_structured"] == colours[f"l1_structured except {FIRST}"] != colours["l1"]
    assert {"dense network, 91.7 %", "chance, 10.0 %", "knee", "collapse begins"} <= set(names)


def test_one_kind_of_batch_norm_is_one_column(compression):
    assert len(only(pruning.picture, compression).axes) == 4
    lines = [line for line in compression.measurements if line.batch_norm == TRAINED]
    alone = Compression(compression.path, compression.config, lines, compression.summary)
    accuracy, loss = only(pruning.picture, alone).axes
    assert accuracy.get_title(loc="left") == "Test accuracy"
    assert loss.get_ylabel() == "test loss (cross-entropy, nats)"


def test_bits_fall_to_the_right_and_formats_are_points(compression):
    figure = only(quantization.picture, compression)
    (axes,) = figure.axes
    left, right = axes.get_xlim()
    assert left > 16 > 1 > right
    assert marks(axes, "o") == {(16, DENSE)}  # float16
    assert marks(axes, "^") == {(8, round(DENSE - 0.004, 6))}  # float8_e4m3
    assert {"float16", "float8_e5m2", "symmetric, per channel, mse"} <= set(legend_of(figure))
    (collapsed,) = marks(axes, "X")
    assert collapsed[0] == 2


def test_aware_stands_beside_the_same_bits_after_training(compression):
    (axes,) = only(quantization.aware_picture, compression).axes
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert len(lines) == 4
    for line in lines:
        assert list(line.get_xdata()) == [2, 3, 4, 8]
    assert lines[1].get_ydata()[0] == one(compression, curve="quantization", scheme=SCHEMES[0], bits=2).accuracy


def test_cells_and_the_edge_of_the_plateau(compression):
    axes = only(maps.joint_pictures, compression).axes[0]
    cells = [text.get_text() for text in axes.texts]
    assert len(cells) == 21 * 9
    assert cells[0] == f"{100 * one(compression, curve='joint', amount=0.0, bits=None).accuracy:.1f}"
    assert [label.get_text() for label in axes.get_yticklabels()][:2] == ["32 (not quantized)", "8"]
    (edge,) = axes.collections
    inside = np.asarray(axes.get_images()[0].get_array()) >= DENSE - 0.01
    changes = (inside[:, 1:] != inside[:, :-1]).sum() + (inside[1:] != inside[:-1]).sum()
    assert len(edge.get_segments()) == changes > 0


def test_outline_runs_between_cells():
    axes = Figure().subplots()
    maps.outline(axes, np.array([[True, False], [False, False]]))
    (edges,) = axes.collections
    segments = {tuple(map(tuple, segment.tolist())) for segment in edges.get_segments()}
    assert segments == {((0.5, -0.5), (0.5, 0.5)), ((-0.5, 0.5), (0.5, 0.5))}


def test_every_leaf_is_a_row_and_both_halves_share_them(compression):
    left, right, *_ = only(maps.sensitivity_pictures, compression).axes
    assert tuple(label.get_text() for label in left.get_yticklabels()) == LEAVES
    assert np.asarray(left.get_images()[0].get_array()).shape == (20, 10)
    assert np.asarray(right.get_images()[0].get_array()).shape == (20, 5)


def test_the_front_is_steps_and_no_point_is_above_it(compression):
    axes = only(tradeoff.picture, compression).axes[0]
    (steps,) = (line for line in axes.get_lines() if line.get_drawstyle() == "steps-post")
    front = front_of(compression)
    assert np.allclose(steps.get_xdata()[:-1], front[:, 0] / 1000)
    assert np.allclose(steps.get_ydata()[:-1], front[:, 1])
    assert marks(axes, "*") == {(4 * 701.466, DENSE)}
    sizes, best = front.T
    for line in compression.measurements:
        if line.curve != "sensitivity":
            assert line.accuracy <= best[np.searchsorted(sizes, line.bytes_theoretical, side="right") - 1]


def test_rounds_are_lines_over_sparsity(compression):
    figure = only(pruning.rounds_picture, compression)
    (axes,) = figure.axes
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert len(lines) == 5
    assert np.allclose(lines[0].get_xdata(), [1 - 0.8**n for n in range(1, 21)])
    assert legend_of(figure)[:2] == ["iterative", "lottery"]
    assert 1 - 0.8**20 < axes.get_xlim()[1] < 1


def test_a_compression_without_curves_has_no_pictures(tmp_path):
    nothing = read_compression(make_compression(tmp_path, (), pareto=[]))
    for picture in (
        *(pruning.picture, pruning.rounds_picture, quantization.picture, quantization.aware_picture),
        tradeoff.picture,
    ):
        assert picture(nothing) is None
    assert maps.joint_pictures(nothing) == maps.sensitivity_pictures(nothing) == []
