"""What is drawn of a study: bands, chosen networks, positions of points, marks and intervals."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from minjax.findings.study import findings
from minjax.records.finding import Regime
from minjax.records.member import History
from minjax.records.study import read_study
from minjax.report.axes import size_limits
from minjax.report.study import accuracy, families, kinds, learning, resilience
from minjax.report.study.accuracy import bands
from minjax.report.study.results import Network, Results, gather, plateau_end
from tests.findings.synthetic import member
from tests.report.reading import figures_of, legend_of
from tests.report.studies import cnn, dnn, make_study, trained


@pytest.fixture(scope="module", name="results")
def _results(studied):
    found = read_study(studied)
    return gather([found], found.summary.findings)


def network(size: int, regime: str | None = "learning", **fields) -> Network:
    """A network of one member."""
    point = fields.pop("name", f"n{size}")
    about = {"dataset": "d", "family": "dnn", "num_params": size, "point": point, "name": point, "slope": None}
    numbers = {"mean": 0.5, "sigma": 0.0, "gap": 0.0, "seeds": 1, "at_chance": 0}
    found = Regime(regime=regime, **about, **numbers) if regime else None
    return Network(members=(member(point, size, 0, 0.5, **fields),), names=(point,), regime=found)


def test_bands_are_of_the_majority_within_a_factor_of_two():
    regimes = {100: "unstable", 150: "unstable", 220: "learning", 1000: "learning", 4000: "overfitting"}
    found = bands([network(size, regime) for size, regime in regimes.items()])
    assert [regime for _, _, regime in found] == ["unstable", "learning", "overfitting"]
    # 220 has 150 within a factor of two: as common, so the earlier; the border is half way to the next size
    assert [low for low, _, _ in found] == pytest.approx([100, np.sqrt(220 * 1000), 2000])
    assert [high for _, high, _ in found] == pytest.approx([np.sqrt(220 * 1000), 2000, 4000])
    assert [regime for _, _, regime in bands([network(100, "unstable"), network(250)])] == ["unstable", "learning"]
    assert bands([network(9, None)]) == []


def test_every_network_is_drawn_at_its_size_and_accuracy(results):
    (figure,) = figures_of(accuracy.pictures, results)
    whole, top = figure.axes
    centres = {
        (float(x), round(float(y), 9))
        for container in whole.containers
        for x, y in zip(*container.lines[0].get_data(), strict=True)
    }
    assert centres == {(n.num_params, round(n.regime.mean, 9)) for n in results.networks}
    (certificate,) = results.certificates
    for axes in (whole, top):
        levels = {round(float(line.get_ydata()[0]), 9) for line in axes.get_lines() if len(set(line.get_ydata())) == 1}
        assert {0.1, round(certificate.minimal.level, 9)} <= levels
        uprights = [line.get_xdata()[0] for line in axes.get_lines() if len(set(line.get_xdata())) == 1]
        assert certificate.minimal.num_params in uprights
        (bar,) = (line for line in axes.get_lines() if line.get_linewidth() == 2.2)
        assert tuple(bar.get_xdata()) == certificate.minimal.interval
        low, high = axes.get_xlim()
        assert low < results.networks[0].num_params < results.networks[-1].num_params < high
    bars = [
        (segment[1, 1] - segment[0, 1]) / 2
        for container in whole.containers
        for segment in container.lines[2][0].get_segments()
    ]
    assert sorted(bars) == pytest.approx(sorted(n.regime.sigma for n in results.networks))
    assert {"depth 1", "depth 2", "mostly unstable", "mostly learning", "training accuracy"} <= set(legend_of(figure))


def with_minimal(results, **fields):
    """The same results with another minimal size of their one family."""
    (certificate,) = results.certificates
    other = msgspec.structs.replace(certificate, minimal=msgspec.structs.replace(certificate.minimal, **fields))
    found = msgspec.structs.replace(results.findings, certificates=[other])
    return Results(results.studies, results.networks, found, results.limits)


def test_an_interval_without_an_end_is_open_in_the_picture(results):
    first = results.networks[0].num_params
    (figure,) = figures_of(accuracy.pictures, with_minimal(results, interval=(first, None)))
    for axes in figure.axes:
        (bar,) = (line for line in axes.get_lines() if line.get_linewidth() == 2.2)
        assert tuple(bar.get_xdata()) == (first, axes.get_xlim()[1])
    assert f"minimal size; bar: 95 % interval, {first:,} or more" in legend_of(figure)


def test_without_a_minimal_size_the_heading_says_so(results):
    (figure,) = figures_of(accuracy.pictures, with_minimal(results, num_params=None, interval=(None, None), level=None))
    assert figure.get_suptitle() == "dnn on digits; minimal size: none"


def test_learning_curves_of_each_regime(results):
    (figure,) = figures_of(learning.pictures, results)
    found = {n.regime.regime for n in results.networks}
    present = [regime for regime in ("unstable", "learning", "overfitting") if regime in found]
    assert [axes.get_title(loc="left") for axes in figure.axes[: len(present)]] == present
    for axes, regime in zip(figure.axes[: len(present)], present, strict=True):
        chosen = learning.representative(results.networks, regime)
        curves = [line for line in axes.get_lines() if len(line.get_xdata()) == 30]
        assert len(curves) == len(chosen) <= 3
        for line, one in zip(curves, chosen, strict=True):
            losses = [m.history.train_loss for m in one.members]
            np.testing.assert_allclose(line.get_ydata(), np.median(losses, axis=0))
        at = {round(float(line.get_xdata()[0]), 6) for line in axes.get_lines() if line.get_marker() == "s"}
        assert at == {round(one.convergence.fast_end, 6) for one in chosen}


def test_representatives_are_spread_over_a_regime():
    history = History(
        train_loss=[1.0, 0.5], train_accuracy=[0.5, 0.6], validation_loss=[1.0, 0.5], validation_accuracy=[0.5, None]
    )
    networks = [network(size, history=history) for size in (10, 20, 100, 1000, 5000)]
    assert [n.num_params for n in learning.representative(networks, "learning")] == [20, 100, 1000]
    assert learning.representative(networks, "unstable") == []
    assert [n.num_params for n in learning.representative(networks[:1], "learning")] == [10]
    assert np.isnan(learning.series(networks[0], "accuracy")[0, 1])


@pytest.mark.parametrize("kind", ["pruning", "quantization"])
def test_where_plateaus_end_is_marked_on_the_curves(results, kind):
    (figure,) = figures_of(resilience.curve_pictures, results, kind)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["depth 1", "depth 2"]
    for axes, depth in zip(panels, (1, 2), strict=True):
        ends = {float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() == "D"}
        measured = [n.resilience(kind) for n in results.networks if n.depth == depth and n.resilience(kind)]
        assert len(ends) >= 2
        assert ends <= {plateau_end(found) for found in measured}
        lines = [line for line in axes.get_lines() if len(line.get_xdata()) > 2]
        assert 2 <= len(lines) <= resilience.LINES


def test_ends_over_size_have_their_intervals(results):
    (figure,) = figures_of(resilience.end_pictures, results)
    (pruned, _) = figure.axes
    drawn = {
        (float(x), round(float(y), 9)) for c in pruned.containers for x, y in zip(*c.lines[0].get_data(), strict=True)
    }
    measured = [n for n in results.networks if n.redundancy]
    assert drawn == {(n.num_params, round(n.redundancy.redundancy, 9)) for n in measured}
    lengths = [s[1, 1] - s[0, 1] for c in pruned.containers for s in c.lines[2][0].get_segments()]
    intervals = [n.redundancy.interval or (0, 0) for n in measured]
    assert sorted(lengths) == pytest.approx(sorted(high - low for low, high in intervals), abs=1e-9)


def test_kinds_are_depths_or_a_label_or_nothing():
    assert kinds.kinds([network(9, labels={"depth": 2}), network(9, fields={"widths": [3]})]).values == ("1", "2")
    swept = [network(9, labels={"rate": rate, "size": size}) for rate, size in ((0.1, 1), (0.02, 1), (0.1, 1))]
    found = kinds.kinds(swept)
    assert (found.label, found.values) == ("rate", ("0.02", "0.1"))
    assert kinds.kinds([network(9)]).split([network(9)]).keys() == {""}
    mixed = [network(9, labels={"depth": 1}), network(9, labels={})]
    assert list(kinds.kinds(mixed).split(mixed)) == ["1", "no depth"]


def test_networks_of_one_size_stand_beside_one_another():
    places = kinds.across([network(50, name=name) for name in "abc"])
    assert len(set(places.values())) == 3
    low, high = size_limits([50])
    assert all(low < place < high for place in places.values())


def test_spread_keeps_the_ends():
    chosen = resilience.spread([network(round(10 * 1.3**k)) for k in range(30)], 6)
    assert len(chosen) == 6
    assert (chosen[0].num_params, chosen[-1].num_params) == (10, round(10 * 1.3**29))


def test_families_share_a_panel_and_data_sets_another(tmp_path):
    about = {"curves": False, "history": False}
    members = [
        dnn((1, 10, 100), depths=(1,), **about) + cnn((1, 8, 32), depths=(1,), **about),
        dnn((1, 10, 100), depths=(1,), dataset="letters", **about),
    ]
    studies = [read_study(make_study(tmp_path / str(place), some)) for place, some in enumerate(members)]
    results = gather(studies, findings(members[0] + members[1]))
    (figure,) = figures_of(families.pictures, results)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["digits", "dnn"]
    cnns = tuple(n for n in results.networks if n.key[1] == "cnn")
    assert families.pictures(Results(results.studies, cnns, results.findings, results.limits)) == []


@pytest.mark.slow
def test_odd_records_are_drawn(tmp_path):
    """Losses that are not finite, a history that ends early, curves of other places, labels that are lists."""
    members = []
    for number, rate in enumerate(([1, 2], [3], [4, 5])):
        members += trained(f"n{number}", [f"n{number}"], {}, {"rate": rate}, 900 + number, family="resnet", classes=200)
    every = msgspec.structs.asdict(members[0].history)
    early = {key: [*values[:4], None] for key, values in every.items() if values is not None}
    members[0] = msgspec.structs.replace(members[0], history=History(**early))
    history = msgspec.structs.replace(members[1].history, train_loss=[None] * 30)
    members[1] = msgspec.structs.replace(members[1], history=history)
    curves = msgspec.structs.replace(members[2].curves, pruning=[(0.0, 0.9), (0.03, 0.8), (0.5, 0.2)])
    members[2] = msgspec.structs.replace(members[2], curves=curves)
    study = read_study(make_study(tmp_path, members))
    results = gather([study], study.summary.findings)
    assert accuracy.pictures(results)
    assert learning.pictures(results)
    assert resilience.curve_pictures(results, "pruning")
    assert resilience.end_pictures(results)
