"""task=report: which report of which directories, where compression runs are among them."""

from __future__ import annotations

import pytest
from ml_collections import ConfigDict

from minjax.errors import UserError
from minjax.tasks import report
from tests.report.compression_records import make_compression
from tests.report.conftest import make_run


@pytest.fixture(name="runs")
def _runs(tmp_path):
    for seed in (1, 2):
        make_run(tmp_path / f"trained-{seed}", seed=seed, epochs=2, predictions=False)
    make_compression(tmp_path / "compressed", ("aware",))
    return tmp_path


def ask(run: str, directory=None) -> int:
    return report.run(ConfigDict({"run": run}), directory, "")


def test_a_single_compression_run_gets_its_own_report(runs, capsys):
    assert ask(f"{runs}/compressed") == 0
    page = runs / "compressed" / "report" / "index.html"
    assert str(page) in capsys.readouterr().out
    assert "compressed" in page.read_text()
    assert (page.parent / "aware.png").exists()


def test_a_glob_leaves_compression_runs_out_and_says_so(runs, capsys):
    assert ask(f"{runs}/*", runs / "page") == 0
    assert f"not compared, compression runs: {runs}/compressed" in capsys.readouterr().out
    assert "Comparison of 2 runs" in (runs / "page" / "index.html").read_text()


@pytest.mark.parametrize(
    "asked", ["{0}/trained-*,{0}/compressed", "{0}/compressed,{0}/*", "{0}/compressed,{0}/trained-1", "{0}/comp*"]
)
def test_one_that_is_named_to_be_compared_is_a_mistake(runs, asked):
    with pytest.raises(UserError, match=r"compressed: a compression run is not compared with others; name one alone"):
        ask(asked.format(runs), runs / "page")
    assert not (runs / "page").exists()
