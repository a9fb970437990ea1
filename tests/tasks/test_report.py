"""task=report: which report of which directories, where compressions and studies are among them."""

from __future__ import annotations

import pytest
from ml_collections import ConfigDict

from minjax.errors import UserError
from minjax.records.record import read_config, write_config
from minjax.records.study import read_study
from minjax.tasks import report
from tests.report.compressions import make_compression
from tests.report.reading import undrawn
from tests.report.runs import make_run
from tests.report.sets import make_cell, make_table
from tests.report.studies import cnn, dnn, make_study


@pytest.fixture(name="runs")
def _runs(tmp_path):
    for seed in (1, 2):
        make_run(tmp_path / f"trained-{seed}", seed=seed, epochs=2, with_predictions=False)
    make_compression(tmp_path / "compressed", ("aware",))
    return tmp_path


def ask(run: str, directory=None) -> int:
    with undrawn():
        return report.run(ConfigDict({"run": run}), directory, "")


def test_a_single_compression_gets_its_own_report(runs, capsys):
    assert ask(f"{runs}/compressed") == 0
    page = runs / "compressed" / "report" / "index.html"
    assert str(page) in capsys.readouterr().out
    assert "compressed" in page.read_text()
    assert (page.parent / "aware.png").exists()


def test_a_glob_leaves_compressions_out_and_says_so(runs, capsys):
    assert ask(f"{runs}/*", runs / "page") == 0
    assert f"not compared, compressions: {runs}/compressed" in capsys.readouterr().out
    assert "Comparison of 2 runs" in (runs / "page" / "index.html").read_text()


@pytest.mark.parametrize(
    "asked", ["{0}/trained-*,{0}/compressed", "{0}/compressed,{0}/*", "{0}/compressed,{0}/trained-1", "{0}/comp*"]
)
def test_one_that_is_named_to_be_compared_is_a_mistake(runs, asked):
    with pytest.raises(UserError, match=r"compressed: a compression is not compared with others; name it alone"):
        ask(asked.format(runs), runs / "page")
    assert not (runs / "page").exists()


BARE = {"curves": False, "history": False}


@pytest.fixture(name="studies")
def _studies(tmp_path):
    make_study(tmp_path / "study-a", dnn((1, 5, 20), depths=(1,), **BARE), name="a")
    make_study(tmp_path / "study-b", cnn((1, 4, 16), depths=(1,), **BARE), name="b")
    return tmp_path


def section(path, **fields):
    write_config(path, read_config(path) | fields)


def test_a_single_study_gets_its_own_report(studies, capsys):
    assert ask(f"{studies}/study-a") == 0
    page = studies / "study-a" / "report" / "index.html"
    assert str(page) in capsys.readouterr().out
    assert "Study a" in page.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["{0}/study-a,{0}/study-b", "{0}/study-*"])
def test_several_studies_stand_on_one_page_with_their_findings_together(studies, asked):
    assert ask(asked.format(studies), studies / "page") == 0
    text = (studies / "page" / "index.html").read_text()
    assert "2 studies together" in text
    assert all(f"{family}-1-equal-" in text for family in ("dnn", "cnn"))
    (alone,) = {one.family for one in read_study(studies / "study-a").summary.findings.certificates}
    assert alone == "dnn"
    assert not (studies / "study-a" / "report").exists()


def test_a_glob_leaves_studies_out_of_training_runs_and_says_so(runs, studies, capsys):
    assert ask(f"{runs}/*", runs / "page") == 0
    said = capsys.readouterr().out
    assert f"not compared, studies: {studies}/study-a, {studies}/study-b" in said
    assert f"not compared, compressions: {runs}/compressed" in said
    assert "Comparison of 2 runs" in (runs / "page" / "index.html").read_text()


def test_a_glob_leaves_compressions_out_of_studies(studies, capsys):
    make_compression(studies / "compressed", ("aware",))
    assert ask(f"{studies}/*", studies / "page") == 0
    assert f"not compared, compressions: {studies}/compressed" in capsys.readouterr().out


@pytest.mark.parametrize("asked", ["{0}/trained-1,{0}/study-a", "{0}/trained-*,{0}/study-a,{0}/study-b"])
def test_studies_named_among_training_runs_are_a_mistake(runs, studies, asked):
    with pytest.raises(UserError, match=r"study-\w: a study is not compared with training runs; name only studies"):
        ask(asked.format(runs), runs / "page")
    assert not (runs / "page").exists()


def test_a_compression_named_among_studies_is_a_mistake(runs, studies):
    with pytest.raises(UserError, match="compressed: a compression is not compared with others"):
        ask(f"{studies}/study-a,{runs}/compressed", runs / "page")


def test_studies_of_different_tolerances_are_not_mixed(studies):
    section(studies / "study-b", study={"seeds": 5, "tolerance": 0.02})
    with pytest.raises(UserError, match=r"study-a and .*study-b have different tolerances"):
        ask(f"{studies}/study-*", studies / "page")
    section(studies / "study-a", study={"seeds": 5, "tolerance": 0.02})
    assert ask(f"{studies}/study-*", studies / "page") == 0


def test_an_unfinished_study_is_refused(studies):
    (studies / "study-b" / "study.json").unlink()
    for asked in (f"{studies}/study-b", f"{studies}/study-*"):
        with pytest.raises(UserError, match=r"study-b is not finished: it has no study.json"):
            ask(asked, None if "*" not in asked else studies / "page")


def test_a_set_of_runs_gets_its_own_page_and_is_not_compared(runs, capsys):
    path = runs / "tables"
    make_table(path, [make_cell(path, "vit_s", "adam", best=0.5)])
    assert ask(f"{path}") == 0
    assert f"report: {path}/report/index.html" in capsys.readouterr().out
    assert "tables and figures, made again" in (path / "report" / "index.html").read_text()
    assert ask(f"{runs}/*", runs / "page") == 0
    assert f"not compared, sets of runs: {path}" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"tables: a set of runs is not compared with others; name it alone"):
        ask(f"{path},{runs}/trained-1", runs / "page")
