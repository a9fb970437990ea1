"""The network that a study hands over: an ordinary run, made again to the same bits by the command that is stated."""

from __future__ import annotations

import shlex
import subprocess
import sys

import numpy as np
import pytest

import minjax
from minjax.command_line import parse
from minjax.config.resolving import resolve
from minjax.main import main
from minjax.records.compression import read_compression
from minjax.records.run import read_summary
from minjax.records.study import read_study
from minjax.tasks.study import settings, winner
from minjax.tasks.study.plan import Plan
from minjax.train.checkpoint import Checkpoints
from tests.conftest import ROOT, read_json, read_jsonl
from tests.tasks.study.small_studies import small

GRIDS = {
    "dnn": (),
    "cnn": ("--config.study.families=cnn", "--config.study.cnn.batch_norms=True", "--config.study.cnn.channels=2"),
    "resnet": ("--config.study.families=resnet", "--config.study.resnet.depths=8", "--config.study.resnet.widths=2"),
    "adam": ("--config.study.axes=(('optimizer.name',('adam',)),('optimizer.learning_rate',(0.1/3,)))",),
}
KNEE = (
    "--config.study.extent=knee", "--config.study.coarse=1", "--config.study.dnn.depths=(1,)",
    "--config.study.dnn.widths=(2,8,16,32,64)", "--config.study.tolerance=0.1", "--config.study.sigma=0.1",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", GRIDS)
def test_the_command_asks_for_the_configuration_that_it_was_made_from(name, tmp_path):
    arguments = [argument.replace("0.1/3", repr(0.1 / 3)) for argument in GRIDS[name]]
    plan = Plan(settings.settle(parse(small(tmp_path, *arguments))[0]))
    wanted = winner.configuration(plan.networks[0], 43, "a name")
    python, module, main_module, *flags = shlex.split(winner.command(wanted, tmp_path / "a run"))
    assert (python, module, main_module) == ("python", "-m", "minjax.main")
    config, directory = parse(flags)
    assert resolve(config) == wanted
    assert directory == str(tmp_path / "a run")


def arrays(run):
    """The parameters and statistics at the end of a run."""
    checkpoints = Checkpoints(run / "checkpoints")
    try:
        found = checkpoints.arrays(read_summary(run).steps)
    finally:
        checkpoints.close()
    return {name: array for name, array in found.items() if name.startswith(("state.params", "state.model_state"))}


@pytest.fixture(scope="module", name="study")
def _study(tmp_path_factory):
    directory = tmp_path_factory.mktemp("studies") / "knee"
    assert main(small(directory, *KNEE, "--config.epochs=6")) == 0
    return directory


@pytest.mark.slow
def test_the_winner_is_an_ordinary_run_of_the_best_seed(study, capsys):
    found = read_study(study)
    handed = found.summary.winner
    config = read_json(study / "winner" / "config.json")
    assert (config["task"], config["seed"], config["epochs"]) == ("train", handed.seed, 6)
    member = next(one for one in found.members if (one.point, one.seed) == (handed.point, handed.seed))
    assert member.fields["widths"] == config["model"]["widths"]
    assert member.final.accuracy == max(one.final.accuracy for one in found.members if one.point == handed.point)
    assert handed.point == found.summary.findings.chosen.point
    last = read_jsonl(study / "winner" / "metrics.jsonl")[-1]
    assert (handed.validation.accuracy, handed.test.accuracy) == (last["validation_accuracy"], last["test_accuracy"])
    assert handed.validation.accuracy == handed.member_accuracy == member.final.accuracy
    low, high = handed.test.interval
    assert 0 < low < handed.test.accuracy < high < 1
    assert (study / "winner" / "report" / "index.html").exists()
    assert handed.num_params == read_summary(study / "winner").num_params
    summary = (study / "winner" / "summary.json").read_bytes()
    assert main(small(study, *KNEE, "--config.epochs=6")) == 0
    assert "finished" in capsys.readouterr().out
    assert (study / "winner" / "summary.json").read_bytes() == summary


@pytest.mark.slow
def test_the_command_makes_the_winner_again_to_the_same_bits(study, tmp_path):
    _, *rest = shlex.split(read_study(study).summary.winner.command)
    # As in a fresh clone: the presets and the package, and nothing that was trained.
    command = [sys.executable, *rest, f"--workdir={tmp_path / 'again'}"]
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    first, second = arrays(study / "winner"), arrays(tmp_path / "again")
    assert list(first) == list(second)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name, strict=True)


@pytest.mark.slow
def test_a_study_is_loaded_as_its_winner(study):
    test = Plan(settings.settle(parse(small(study, *KNEE, "--config.epochs=6"))[0])).dataset.test
    predictor = minjax.load(study)
    right = predictor.probabilities(test.images).argmax(-1) == test.labels
    assert right.mean() == pytest.approx(read_study(study).summary.winner.test.accuracy)


@pytest.mark.slow
def test_the_compressed_winner_is_the_recommended_file(study):
    handed = read_study(study).summary.winner
    summary = read_compression(study / "winner" / "compressed").summary
    assert handed.compressed == summary.recommended
    assert summary.choice.dense == handed.validation
    assert summary.choice.dense_test == handed.test
    assert (study / handed.packed).stat().st_size == handed.compressed.bytes < handed.bytes
    small = minjax.load(study / "winner" / "compressed")
    assert small.network.about["path"] == str(study / handed.packed)


@pytest.mark.slow
def test_the_test_split_is_used_for_networks_that_validation_images_chose(study):
    found = read_study(study)
    handed = found.summary.winner
    first, *others = handed.finalists
    assert first.roles == ("winner",)
    roles = {role: one for one in handed.finalists for role in one.roles}
    assert {"winner", "smaller", "best"} <= set(roles) <= {"winner", "smaller", "best", "same_size"}
    assert "same_size" not in roles or roles["same_size"].bytes <= handed.compressed.bytes
    for one in others:
        member = next(member for member in found.members if (member.point, member.seed) == (one.point, one.seed))
        assert one.validation.accuracy == member.final.accuracy
        assert one.test.images == 360
    assert all(not certificate.tested for certificate in found.summary.findings.certificates)


@pytest.mark.slow
def test_once_chosen_the_winner_stands(study, capsys):
    """More members would let the study choose otherwise, after the test split was used."""
    members = (study / "points.jsonl").read_text()
    (study / "study.json").unlink()
    try:
        (study / "points.jsonl").write_text("".join(line + "\n" for line in members.splitlines()[5:]))
        before = (study / "winner" / "summary.json").read_bytes()
        main(small(study, *KNEE, "--config.epochs=6"))
        assert len(read_jsonl(study / "points.jsonl")) == len(members.splitlines()) - 5
        assert (study / "winner" / "summary.json").read_bytes() == before
    finally:
        (study / "points.jsonl").write_text(members)
        assert main(small(study, *KNEE, "--config.epochs=6")) == 0
