"""What is drawn of a study: bands, chosen networks, positions of points, marks and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.report.study import accuracy, families, learning, looks, phases
from minjax.report.study.bands import bands
from minjax.report.study.evidence import Evidence, Network, gather
from minjax.report.study.record import read
from tests.report.study.study_records import cnn, dnn, make_study, member, trained


@pytest.fixture(scope="module", name="evidence")
def _evidence(tmp_path_factory):
    members = dnn((1, 3, 10, 30, 100, 300, 1000), depths=(1, 2))
    found = read(make_study(tmp_path_factory.mktemp("study"), members))
    return gather([found], found.summary)


@pytest.fixture(name="drawn")
def _drawn(monkeypatch):
    """The figures of a picture function."""

    def draw(picture, *arguments):
        figures = []
        for module in (accuracy, families, learning, phases):
            monkeypatch.setattr(module, "png", lambda figure: figures.append(figure) or b"")
        picture(*arguments)
        return figures

    return draw


def network(size: int, regime: str | None = "learning", **fields) -> Network:
    about = {"labels": {}, "fields": {}, "family": "dnn", "dataset": "d", "members": (member("p", size, 0, 0.5),)}
    found = {"regimes": {"regime": regime}} if regime else {}
    name = fields.pop("name", f"n{size}")
    return Network(point=name, names=(name,), num_params=size, found=found, **(about | fields))


def test_bands_are_of_the_majority_within_a_factor_of_two():
    regimes = {100: "unstable", 150: "unstable", 220: "learning", 1000: "learning", 4000: "overfitting"}
    found = bands([network(size, regime) for size, regime in regimes.items()])
    assert [regime for _, _, regime in found] == ["unstable", "learning", "overfitting"]
    # 220 has 150 within a factor of two: as common, so the earlier; the border is half way to the next size
    assert [low for low, _, _ in found] == pytest.approx([100, np.sqrt(220 * 1000), 2000])
    assert [high for _, high, _ in found] == pytest.approx([np.sqrt(220 * 1000), 2000, 4000])
    assert [regime for _, _, regime in bands([network(100, "unstable"), network(250)])] == ["unstable", "learning"]
    assert bands([network(9, None)]) == []


def test_a_lonely_network_has_its_own_band():
    found = bands([network(100, "unstable"), *(network(10**k, "learning") for k in (3, 4, 5))])
    assert [regime for _, _, regime in found] == ["unstable", "learning"]


def test_every_network_is_drawn_at_its_size_and_accuracy(evidence, drawn):
    (figure,) = drawn(accuracy.pictures, evidence)
    whole, top = figure.axes
    centres = {
        (float(x), round(float(y), 9))
        for container in whole.containers
        for x, y in zip(*container.lines[0].get_data(), strict=True)
    }
    assert centres == {(n.num_params, round(n.number("regimes", "mean"), 9)) for n in evidence.networks}
    certificate = evidence.certificates[0]
    for axes in (whole, top):
        levels = {round(float(line.get_ydata()[0]), 9) for line in axes.get_lines() if len(set(line.get_ydata())) == 1}
        assert {0.1, round(certificate["target"], 9)} <= levels
        uprights = [line.get_xdata()[0] for line in axes.get_lines() if len(set(line.get_xdata())) == 1]
        assert certificate["num_params"] in uprights
        (bar,) = (line for line in axes.get_lines() if line.get_linewidth() == 2.2)
        assert list(bar.get_xdata()) == certificate["interval"]
        low, high = axes.get_xlim()
        assert low < min(n.num_params for n in evidence.networks)
        assert high > max(n.num_params for n in evidence.networks)
    bars = [
        (segment[1, 1] - segment[0, 1]) / 2
        for container in whole.containers
        for segment in container.lines[2][0].get_segments()
    ]
    assert sorted(bars) == pytest.approx(sorted(n.number("regimes", "sigma") for n in evidence.networks))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"depth 1", "depth 2", "mostly unstable", "mostly learning", "training accuracy"} <= set(labels)


def test_learning_curves_of_each_regime(evidence, drawn):
    (figure,) = drawn(learning.pictures, evidence)
    present = [regime for regime in ("unstable", "learning", "overfitting") if any(
        n.regime == regime for n in evidence.networks)]  # fmt: skip
    assert [axes.get_title(loc="left") for axes in figure.axes[: len(present)]] == present
    for axes, regime in zip(figure.axes[: len(present)], present, strict=True):
        chosen = learning.representative(evidence.networks, regime)
        curves = [line for line in axes.get_lines() if len(line.get_xdata()) == 30]
        assert len(curves) == len(chosen) <= 3
        for line, one in zip(curves, chosen, strict=True):
            losses = [m["history"]["train_loss"] for m in one.members]
            np.testing.assert_allclose(line.get_ydata(), np.median(losses, axis=0))
        at = {round(float(line.get_xdata()[0]), 6) for line in axes.get_lines() if line.get_marker() == "s"}
        assert at == {round(one.number("convergence", "fast_end"), 6) for one in chosen}


def test_representatives_are_spread_over_a_regime():
    history = {"train_loss": [1.0, 0.5], "test_accuracy": [0.5, None]}
    networks = [
        network(size, members=(member("p", size, 0, 0.5, history=history),)) for size in (10, 20, 100, 1000, 5000)
    ]
    assert [n.num_params for n in learning.representative(networks, "learning")] == [20, 100, 1000]
    assert learning.representative(networks, "unstable") == []
    assert [n.num_params for n in learning.representative(networks[:1], "learning")] == [10]
    assert np.isnan(learning.series(networks[0], "test_accuracy")[0, 1])


@pytest.mark.parametrize(("kind", "part", "name"), [("pruning", "redundancy", "redundancy"),
                                                    ("quantization", "minimal_bits", "bits")])  # fmt: skip
def test_where_plateaus_end_is_marked_on_the_curves(evidence, drawn, kind, part, name):
    (figure,) = drawn(phases.curve_pictures, evidence, kind)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["depth 1", "depth 2"]
    for axes, depth in zip(panels, (1, 2), strict=True):
        ends = {float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() == "D"}
        all_ends = {n.number(part, name) for n in evidence.networks if n.depth == depth}
        assert len(ends) >= 2
        assert ends <= all_ends
        lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 2]
        assert 2 <= len(lines) <= phases.LINES


def test_ends_over_size_have_their_intervals(evidence, drawn):
    (figure,) = drawn(phases.end_pictures, evidence)
    (pruned, _) = figure.axes
    drawn_ends = {
        (float(x), round(float(y), 9)) for c in pruned.containers for x, y in zip(*c.lines[0].get_data(), strict=True)
    }
    measured = [n for n in evidence.networks if n.number("redundancy", "redundancy") is not None]
    assert drawn_ends == {(n.num_params, round(n.number("redundancy", "redundancy"), 9)) for n in measured}
    lengths = [s[1, 1] - s[0, 1] for c in pruned.containers for s in c.lines[2][0].get_segments()]
    intervals = [n.interval("redundancy") or (0, 0) for n in measured]
    assert sorted(lengths) == pytest.approx(sorted(high - low for low, high in intervals), abs=1e-9)


def test_kinds_are_depths_or_a_label_or_nothing():
    assert looks.kinds([network(9, labels={"depth": 2}), network(9, fields={"widths": [3]})]).values == ("1", "2")
    swept = [network(9, labels={"rate": rate, "size": size}) for rate, size in ((0.1, 1), (0.02, 1), (0.1, 1))]
    found = looks.kinds(swept)
    assert (found.label, found.values) == ("rate", ("0.02", "0.1"))
    assert looks.kinds([network(9)]).split([network(9)]).keys() == {""}
    mixed = [network(9, labels={"depth": 1}), network(9, labels={})]
    assert list(looks.kinds(mixed).split(mixed)) == ["1", "no depth"]


def test_networks_of_one_size_stand_beside_one_another():
    places = looks.across([network(50, name=name) for name in "abc"])
    assert len(set(places.values())) == 3
    low, high = looks.limits([50])
    assert all(low < place < high for place in places.values())


def test_spread_keeps_the_ends():
    chosen = looks.spread([network(round(10 * 1.3**k)) for k in range(30)], 6)
    assert len(chosen) == 6
    assert (chosen[0].num_params, chosen[-1].num_params) == (10, round(10 * 1.3**29))


def test_families_share_a_panel_and_data_sets_another(tmp_path, drawn):
    studies = [
        read(make_study(tmp_path / name, members))
        for name, members in (
            ("a", dnn((1, 10, 100), depths=(1,), curves=False) + cnn((1, 8, 32), depths=(1,), curves=False)),
            ("b", dnn((1, 10, 100), depths=(1,), curves=False, dataset="letters")),
        )
    ]
    parts = ("regimes", "minimals", "convergence", "redundancy", "minimal_bits", "claims")
    findings = {part: [one for study in studies for one in study.summary[part]] for part in parts}
    evidence = gather(studies, findings)
    (figure,) = drawn(families.pictures, evidence)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["digits", "dnn"]
    alone = Evidence(evidence.studies, tuple(n for n in evidence.networks if n.family == "cnn"), (), ())
    assert families.pictures(alone) == []


def test_odd_records_are_drawn(tmp_path):
    """Losses that are not finite, a history that ends early, curves of other places, labels that are lists."""
    members = []
    for number, rate in enumerate(([1, 2], [3], [4, 5])):
        members += trained(f"n{number}", [f"n{number}"], {}, {"rate": rate}, 900 + number, family="resnet", classes=200)
    members[0]["history"] = {key: [*values[:4], None] for key, values in members[0]["history"].items()}
    members[1]["history"]["train_loss"] = [None] * 30
    members[2]["curves"]["pruning"] = [[0.0, 0.9], [0.03, 0.8], [0.5, 0.2]]
    study = read(make_study(tmp_path, members))
    evidence = gather([study], study.summary)
    assert accuracy.pictures(evidence)
    assert learning.pictures(evidence)
    assert phases.curve_pictures(evidence, "pruning")
    assert phases.end_pictures(evidence)
