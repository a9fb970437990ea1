"""A study on several data sets: one directory each, one page over all, and a data set that is absent is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from minjax import command_line
from minjax.errors import UserError
from minjax.main import main
from minjax.tasks.study import datasets
from tests import arrows
from tests.report.reading import undrawn

INTERRUPTED = 75


def preset(*flags: str):
    config, _ = command_line.parse(["--config=configs/studies/paper.py", *flags])
    return config


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch, root):
    monkeypatch.chdir(root)


@pytest.fixture(name="pages")
def _pages(monkeypatch):
    """The directories that a page was written over, instead of the page."""
    written: list[list[Path]] = []

    def together(paths, folder, absent):
        written.append(list(paths))
        return folder

    monkeypatch.setattr("minjax.tasks.report.together", together)
    return written


class Studies:
    """Runs nothing, and remembers what it was asked for."""

    def __init__(self, absent=(), code=0):
        self.absent, self.code, self.ran = absent, code, []

    def __call__(self, config, directory):
        if config.dataset.name in self.absent:
            raise UserError(f"{config.dataset.name} cannot be downloaded")
        self.ran.append((config.name, config.dataset.name, config.dataset.path, directory))
        assert config.study.datasets == ()
        return self.code


def test_each_data_set_has_its_own_study_and_one_page_has_all(tmp_path, pages):
    config, studies = preset("--config.study.datasets=digits,My set=some/folder"), Studies()
    assert datasets.run(config, tmp_path, studies) == 0
    assert studies.ran == [
        ("studies-paper-digits", "digits", "", tmp_path / "digits"),
        ("studies-paper-My-set", "folder", "some/folder", tmp_path / "My-set"),
    ]
    assert pages == [[tmp_path / "digits", tmp_path / "My-set"]]
    assert config.study.datasets == ("digits", "My set=some/folder")


def test_a_data_set_that_is_absent_is_said_when_the_others_are_done(tmp_path, pages, capsys):
    studies = Studies(absent=("fashion_mnist",))
    with pytest.raises(UserError, match=r"not run: fashion_mnist \(fashion_mnist cannot be downloaded\)"):
        datasets.run(preset(), tmp_path, studies)
    assert [name for _, name, _, _ in studies.ran] == ["mnist", "cifar10"]
    assert pages == [[tmp_path / "mnist", tmp_path / "cifar10"]]
    assert "warning: fashion_mnist is left out" in capsys.readouterr().err


def test_where_nothing_can_be_run_the_reason_is_the_error(tmp_path, pages):
    with pytest.raises(UserError, match=r"^mnist cannot be downloaded"):
        datasets.run(preset(), tmp_path, Studies(absent=("mnist", "fashion_mnist", "cifar10")))
    assert not pages


def test_a_signal_ends_all_of_them(tmp_path, pages):
    studies = Studies(code=INTERRUPTED)
    assert datasets.run(preset(), tmp_path, studies) == INTERRUPTED
    assert len(studies.ran) == 1
    assert not pages


def test_a_single_data_set_has_its_own_page_alone(tmp_path, pages):
    assert datasets.run(preset("--config.study.datasets=digits"), tmp_path, Studies()) == 0
    assert not pages


@pytest.mark.parametrize("flag", ["--config.dataset.name=digits", "--config.dataset.path=somewhere"])
def test_a_data_set_beside_the_list_is_a_mistake(tmp_path, flag):
    with pytest.raises(UserError, match=r"but study\.datasets says what the data are"):
        datasets.run(preset(flag), tmp_path, Studies())


def test_a_data_set_may_not_be_called_after_the_page_over_all(tmp_path):
    studies = Studies()
    with pytest.raises(UserError, match="calls a data set 'report', where the page"):
        datasets.run(preset("--config.study.datasets=digits,report=somewhere"), tmp_path, studies)
    assert not studies.ran


def test_a_directory_of_a_run_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="holds a run, not studies of several data sets"):
        datasets.run(preset(), tmp_path, Studies())


@pytest.mark.slow
def test_the_sweep_on_two_data_sets_and_again(tmp_path, capsys):
    arrows.write(tmp_path / "arrows", 30)
    command = [
        "--config=configs/studies/paper.py",
        f"--workdir={tmp_path / 'sweep'}",
        f"--config.study.datasets=digits,arrows={tmp_path / 'arrows'},absent={tmp_path / 'absent'}",
        "--config.study.families=dnn",
        "--config.study.dnn.depths=1,2",
        "--config.study.dnn.widths=2,8",
        "--config.study.dnn.shapes=equal",
        "--config.study.seeds=2",
        "--config.study.amounts=3",
        "--config.study.bits=8,2",
        "--config.epochs=1",
        "--config.batch_size=32",
    ]
    with undrawn():
        assert main(command) == 2
    page = tmp_path / "sweep" / "report" / "report.md"
    text = page.read_text()
    assert "## What to use" in text
    assert "|  | claim | arrows | digits | together |" in text
    assert "Not run: absent (" in text
    assert "absent is left out" in capsys.readouterr().err
    records = {name: (tmp_path / "sweep" / name / "points.jsonl").read_bytes() for name in ("digits", "arrows")}
    with undrawn():
        assert main(command) == 2
    assert "this study is finished" in capsys.readouterr().out
    assert page.read_text() == text
    for name, lines in records.items():
        assert (tmp_path / "sweep" / name / "points.jsonl").read_bytes() == lines
