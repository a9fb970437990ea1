"""The page beside the paper's own code: what was run, what was not, and what is refused."""

from __future__ import annotations

import json
import shutil

import pytest

from minjax.errors import UserError

RUN = "resnet18_s_adabound"


@pytest.fixture
def results(tmp_path, root):
    """A folder of results with AdaBound's alone."""
    shutil.copytree(root / "docs" / "results" / f"{RUN}-paper", tmp_path / "results" / f"{RUN}-paper")
    return tmp_path / "results"


def test_the_page_has_all_three_optimizers_and_says_what_was_not_run(benchmark, results, tmp_path):
    benchmark("reference_runs").main([f"--records={results}", f"--out={tmp_path / 'page.md'}"])
    adabound, adam, sgdm = (tmp_path / "page.md").read_text().split("\n## ")[1:]
    assert "| 4 | 0.7960 | 0.7831 | 71.91 % | 72.34 % | 68.20 % | 69.05 % |" in adabound
    assert "minjax has not run it." in adam
    assert "| 4 | not run | 0.9195 | not run | 67.90 % | not run | 63.65 % |" in sgdm


def test_what_is_missing_is_trained_and_copied(benchmark, results, tmp_path, monkeypatch):
    commands = []

    def pretend(arguments):
        commands.append(arguments)
        workdir = next(one.split("=")[1] for one in arguments if one.startswith("--workdir="))
        shutil.copytree(results / f"{RUN}-paper", workdir)
        return 0

    monkeypatch.setattr("minjax.main.main", pretend)
    command = [f"--records={results}", f"--out={tmp_path / 'page.md'}", "--images=i", f"--runs={tmp_path / 'runs'}"]
    reference = benchmark("reference_runs")
    reference.main(command)
    assert [one[2] for one in commands] == ["--config.optimizer.name=adam", "--config.optimizer.name=sgdm"]
    assert all("--config=paper/resnet18_s" in one and "--config.epochs=4" in one for one in commands)
    assert sorted(path.name for path in (results / "resnet18_s_adam-paper").iterdir()) == sorted(reference.FILES)
    assert "not run" not in (tmp_path / "page.md").read_text()
    reference.main(command)
    assert len(commands) == 2


def test_a_run_that_was_interrupted_is_not_copied(benchmark, results, tmp_path, monkeypatch):
    monkeypatch.setattr("minjax.main.main", lambda arguments: 75)
    with pytest.raises(UserError, match="resnet18_s_adam ended with code 75; the same command goes on"):
        benchmark("reference_runs").main([f"--records={results}", "--images=i", f"--runs={tmp_path / 'runs'}"])
    assert not (results / "resnet18_s_adam-paper").exists()


def test_other_images_are_refused(benchmark, results, tmp_path):
    path = results / f"{RUN}-paper" / "config.json"
    config = json.loads(path.read_text())
    config["data"] |= {"fingerprint": "another", "name": "svhn"}
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"is of other images \(svhn\)"):
        benchmark("reference_runs").main([f"--records={results}", f"--out={tmp_path / 'page.md'}"])
