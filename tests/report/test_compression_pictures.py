"""What is drawn of a compression run: positions of marks, which curves stand beside which, cells and their outline."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from minjax.report.compression import frame, heat, pruning, quantization, trade
from minjax.report.compression.lines import RECIPE, front_of, joined
from minjax.report.compression.names import ordered, scheme_name
from minjax.report.compression.record import read
from tests.report.compression_records import DENSE, FIRST, HALVES, LEAVES, SCHEMES, make_compression, phases, point


@pytest.fixture(name="drawn")
def _drawn(monkeypatch):
    """Run a picture up to its figure, and give that."""

    def draw(picture, record):
        figures = []
        for module in (pruning, quantization, heat, trade):
            monkeypatch.setattr(module, "png", lambda figure: figures.append(figure) or b"")
        picture(record)
        return figures[0]

    return draw


@pytest.fixture(scope="module", name="record")
def _record(tmp_path_factory):
    return read(make_compression(tmp_path_factory.mktemp("run")))


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def marks(axes, marker):
    """Places of all markers of this kind, rounded."""
    lines = [line for line in axes.get_lines() if line.get_marker() == marker]
    return {(round(float(x), 6), round(float(y), 6)) for line in lines for x, y in zip(*line.get_data(), strict=True)}


def test_knees_and_collapses_are_on_their_curves(drawn, record):
    panels = drawn(pruning.picture, record).axes
    for axes, bn in zip(panels[:2], ("trained", "re-estimated"), strict=True):
        for key, marker in (("knee", "D"), ("collapse_start", "X")):
            expected = set()
            for phase in phases():
                if phase["curve"] == "pruning" and phase["bn"] == bn and phase[key] is not None:
                    (at,) = (
                        p
                        for p in record.of("pruning", method=phase["method"], exclude=tuple(phase["exclude"]), bn=bn)
                        if abs(p.amount - phase[key]) < 1e-9
                    )
                    expected.add((round(at.amount, 6), round(at.accuracy, 6)))
            assert expected
            assert marks(axes, marker) == expected


def test_a_mark_between_points_lies_on_the_line_and_one_off_it_is_left_out(record):
    axes = Figure().subplots()
    points = record.of("pruning", method="l1", bn="trained")
    look = frame.KNEE
    frame.mark(axes, 0.825, points, "amount", "accuracy", look, "black")
    low, high = (next(p.accuracy for p in points if abs(p.amount - a) < 1e-9) for a in (0.8, 0.85))
    assert marks(axes, "D") == {(0.825, round((low + high) / 2, 6))}
    for nowhere in (None, 1.2, -0.1):
        frame.mark(axes, nowhere, points, "amount", "accuracy", look, "black")
    assert len(axes.get_lines()) == 1


def test_the_fall_of_the_first_convolution_is_annotated_where_it_is(drawn, record):
    panels = drawn(pruning.picture, record).axes
    (note,) = panels[0].texts
    fall = record.part("first_layer")
    assert note.xy == (fall["amount"], fall["accuracy"])
    assert f"1 input plane: {100 * fall['accuracy']:.1f} %" in note.get_text()
    assert "(83.7 % if it is spared)" in note.get_text()
    assert not any(axes.texts for axes in panels[1:])


def test_no_line_runs_under_the_note(record):
    axes = Figure().subplots()
    axes.plot([0, 1], [0, 1])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    x, y = pruning.free_place(axes, (0.5, 0.5), (0.3, 0.2))
    corners = [y + dy - (x + dx) for dx in (-0.15, 0.15) for dy in (-0.1, 0.1)]
    assert min(corners) > 0 or max(corners) < 0
    assert np.hypot(x - 0.5, y - 0.5) < 0.3  # and it is near what it is about


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
def test_the_papers_curves_stand_beside_its_network_and_data_only(drawn, tmp_path, model, dataset, beside):
    record = read(make_compression(tmp_path, ("pruning",), model=model, dataset=dataset))
    names = [name for name in legend_of(drawn(pruning.picture, record)) if "paper" in name]
    assert len(names) == (3 if beside else 0)
    assert all(name.startswith("ResNet18 on CIFAR-10, paper: ") for name in names)


def test_a_method_that_spares_a_layer_is_its_own_line(drawn, record):
    figure = drawn(pruning.picture, record)
    names = legend_of(figure)
    assert names[:3] == ["l1", "l1_structured", f"l1_structured without {FIRST}"]
    colours = {line.get_label(): line.get_color() for line in figure.legends[0].get_lines()}
    assert colours["l1_structured"] == colours[f"l1_structured without {FIRST}"] != colours["l1"]
    assert {"dense network, 91.7 %", "chance, 10.0 %", "knee", "collapse begins"} <= set(names)


def test_one_kind_of_batch_norm_is_one_column(drawn, tmp_path, record):
    assert len(drawn(pruning.picture, record).axes) == 4
    path = make_compression(tmp_path, ("pruning",))
    lines = [line for line in (path / "compression.jsonl").read_text().splitlines() if '"re-estimated"' not in line]
    (path / "compression.jsonl").write_text("\n".join(lines) + "\n")
    accuracy, loss = drawn(pruning.picture, read(path)).axes
    assert accuracy.get_title(loc="left") == "Test accuracy"
    assert loss.get_ylabel() == "test loss (cross-entropy, nats)"


def test_bits_fall_to_the_right_and_formats_are_points(drawn, record):
    figure = drawn(quantization.picture, record)
    (axes,) = figure.axes
    left, right = axes.get_xlim()
    assert left > 16 > 1 > right
    assert marks(axes, "o") == {(16, DENSE)}  # float16
    assert marks(axes, "^") == {(8, round(DENSE - 0.004, 6))}  # float8_e4m3
    assert {"float16", "float8_e5m2", "symmetric, per channel, mse"} <= set(legend_of(figure))
    (collapsed,) = marks(axes, "X")
    assert collapsed[0] == 2


def test_aware_stands_beside_the_same_bits_after_training(drawn, record):
    (axes,) = drawn(quantization.aware_picture, record).axes
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert len(lines) == 4
    for line in lines:
        assert list(line.get_xdata()) == [2, 3, 4, 8]
    after = record.of("quantization", scheme=SCHEMES[0], bits=2)[0].accuracy
    assert lines[1].get_ydata()[0] == after


def test_cells_and_the_edge_of_the_plateau(drawn, record):
    axes = drawn(heat.joint_picture, record).axes[0]
    cells = [text.get_text() for text in axes.texts]
    assert len(cells) == 21 * 9
    dense = record.of("joint", amount=0.0, bits=None)[0].accuracy
    assert cells[0] == f"{100 * dense:.1f}"
    assert [label.get_text() for label in axes.get_yticklabels()][:2] == ["32 (not quantized)", "8"]
    (edge,) = axes.collections
    inside = np.asarray(axes.get_images()[0].get_array()) >= DENSE - 0.01
    changes = (inside[:, 1:] != inside[:, :-1]).sum() + (inside[1:] != inside[:-1]).sum()
    assert len(edge.get_segments()) == changes > 0


def test_outline_runs_between_cells():
    axes = Figure().subplots()
    heat.outline(axes, np.array([[True, False], [False, False]]))
    (edges,) = axes.collections
    segments = {tuple(map(tuple, segment.tolist())) for segment in edges.get_segments()}
    assert segments == {((0.5, -0.5), (0.5, 0.5)), ((-0.5, 0.5), (0.5, 0.5))}


def test_what_is_not_pruned_or_not_quantized_belongs_to_every_grid(tmp_path):
    path = make_compression(tmp_path, ())
    lines = [point("joint", 0.9)]  # the dense network names neither
    for method in ("l1", "global_l1"):
        lines.append(point("joint", 0.8, method=method, amount=0.5))
        lines.append(point("joint", 0.7, method=method, amount=0.5, bits=4, scheme=SCHEMES[0]))
    lines.append(point("joint", 0.85, bits=4, scheme=SCHEMES[0]))
    (path / "compression.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    groups = joined(read(path).points, *RECIPE)
    assert [(key[0], key[2]) for key in groups] == [("l1", SCHEMES[0]), ("global_l1", SCHEMES[0])]
    for group in groups.values():
        assert [p.accuracy for p in group] == [0.9, 0.8, 0.7, 0.85]


def test_every_leaf_is_a_row_and_both_halves_share_them(drawn, record):
    left, right, *_ = drawn(heat.sensitivity_picture, record).axes
    assert tuple(label.get_text() for label in left.get_yticklabels()) == LEAVES
    assert np.asarray(left.get_images()[0].get_array()).shape == (20, 10)
    assert np.asarray(right.get_images()[0].get_array()).shape == (20, 5)


def test_the_front_is_steps_and_no_point_is_above_it(drawn, record):
    axes = drawn(trade.pareto_picture, record).axes[0]
    (steps,) = (line for line in axes.get_lines() if line.get_drawstyle() == "steps-post")
    front = front_of(record)
    assert np.allclose(steps.get_xdata()[:-1], front[:, 0] / 1000)
    assert np.allclose(steps.get_ydata()[:-1], front[:, 1])
    assert marks(axes, "*") == {(4 * 701.466, DENSE)}
    sizes, best = front.T
    for p in record.points:
        if p.curve != "sensitivity":
            assert p.accuracy <= best[np.searchsorted(sizes, p.bytes, side="right") - 1]


def test_rounds_are_lines_over_sparsity(drawn, record):
    figure = drawn(trade.rounds_picture, record)
    (axes,) = figure.axes
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    assert len(lines) == 5
    assert np.allclose(lines[0].get_xdata(), [1 - 0.8**n for n in range(21)])
    assert legend_of(figure)[:2] == ["iterative", "lottery"]
    right = axes.get_xlim()[1]
    assert 1 - 0.8**20 < right < 1


def test_names_and_their_order():
    assert scheme_name("asymmetric_tensor_percentile", 8) == "asymmetric, per tensor, percentile, activations 8 bits"
    assert scheme_name("float8_e4m3") == "float8_e4m3"
    keys = [("zeta", ()), ("random", ()), ("l1", (FIRST,)), ("l1", ())]
    assert ordered(keys) == [("l1", ()), ("l1", (FIRST,)), ("random", ()), ("zeta", ())]
    looks = frame.method_looks(ordered(HALVES))
    assert len({(look["color"], str(look["linestyle"])) for look in looks.values()}) == len(looks)
