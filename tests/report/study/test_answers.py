"""The top of a study's page: what it says first, the staircase and the envelope as drawn."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.findings import screen, sentences
from minjax.records.record import write
from minjax.records.study import SUMMARY, read_study
from minjax.report.study import answers, page
from minjax.report.study.results import gather
from tests.findings.synthetic import changed
from tests.findings.test_screen import _summary  # noqa: F401 - the fixture `summary`
from tests.report.reading import figures_of, legend_of, text_of
from tests.report.studies import dnn, make_study


@pytest.fixture(scope="module", name="results")
def _results(tmp_path_factory):
    found = read_study(make_study(tmp_path_factory.mktemp("study"), dnn((1, 5, 20, 50, 200), depths=(1, 2))))
    return gather([found], found.summary.findings)


def test_the_staircase_is_drawn_as_it_was_found(results):
    (figure,) = figures_of(answers.stairs_pictures, results)
    (axes,) = figure.axes
    stairs = results.findings.staircase
    reached = [one for one in stairs if one.num_params is not None]
    (line,) = (line for line in axes.get_lines() if line.get_marker() == "o")
    np.testing.assert_allclose(line.get_xdata(), [1 - one.accuracy for one in reached])
    assert list(line.get_ydata()) == [one.num_params for one in reached]
    assert "no network of the grid reaches it" in legend_of(figure)
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"{100 * one.accuracy:.4g}" for one in stairs]
    low, high = axes.get_ylim()
    assert low < results.findings.minimal.grid[0] < results.findings.minimal.grid[-1] < high


def test_the_envelope_goes_through_the_best_of_each_size(results):
    (figure,) = figures_of(answers.envelope_pictures, results)
    steps = results.findings.envelope
    for axes in figure.axes:
        (line,) = (line for line in axes.get_lines() if line.get_drawstyle() == "steps-post")
        assert list(line.get_xdata()[1:-1]) == [step.num_params for step in steps[1:]]
        assert list(line.get_ydata()[:-1]) == [step.accuracy for step in steps]
        (star,) = (line for line in axes.get_lines() if line.get_marker() == "*")
        winner = results.findings.minimal.winner
        assert (star.get_xdata()[0], star.get_ydata()[0]) == (winner.num_params, winner.accuracy)
    drawn = sum(len(line.get_xdata()) for line in figure.axes[0].get_lines() if line.get_alpha() == 0.6)
    assert drawn == len(results.networks)


def test_tiles_name_the_answers(results):
    names = [tile.name for tile in answers.tiles(results)]
    assert names == ["Smallest as good as the best", "Smallest that trains stably", "Most accurate"]
    target = changed(results.findings.minimal, question="target", level=0.9)
    found = changed(results.findings, minimal=target)
    names = [tile.name for tile in answers.tiles(gather(results.studies, found))]
    assert names[:2] == ["Smallest that reaches 90 %", "Smallest as good as the best"]


def test_the_network_to_use_stands_first(tmp_path, summary):
    path = make_study(tmp_path, dnn((1, 5, 20), depths=(1,)))
    write(path / SUMMARY, summary)
    text = text_of(page.write(path).read_text())
    use = " ".join(screen.decision(summary.findings, summary.winner))
    assert use.startswith("Use b, 1,000 parameters: ")
    assert use in text
    first = text.index(use)
    assert text.index("python -m minjax predict") > first
    assert text.index("Parameters over required accuracy") > text.index("What the answer rests on") > first
    assert " ".join(sentences.details(summary.findings.minimal))[:60] in text
    for row in screen.tested(summary.winner):
        assert row[0] in text
    assert 'href="../winner/compressed/report/index.html"' in (path / "report" / "index.html").read_text()
