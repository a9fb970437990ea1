"""task=compress through the documented command: what it leaves, resuming, mistakes."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from minjax import compress
from minjax.main import main
from minjax.records.compression import CompressionSummary
from minjax.records.record import read
from minjax.records.run import read_summary
from tests.conftest import ROOT, command, minjax
from tests.tasks.compress.commands import MODEL, PRESET, SMALL, timeless


def summary_of(directory: Path) -> CompressionSummary:
    return read(directory / "compression.json", CompressionSummary)


@pytest.mark.slow
def test_what_it_leaves(run):
    directory, result = run
    measured = timeless(directory)
    structured = 2  # of the six methods, again without the first convolution
    assert Counter(m.curve for m in measured) == {
        "dense": 1,
        "pruning": (6 + structured) * 2 * 5,
        "quantization": 2 * (1 + 3 + 1),
        "joint": 3 * 5,
        "sensitivity": 2 * 2,
    }
    summary = summary_of(directory)
    assert summary.compilations == 1
    trained = read_summary(directory / "trained")
    assert summary.dense.accuracy == trained.final.test_accuracy
    dense = next(m for m in measured if m.amount == 0 and m.batch_norm == "trained")
    assert dense.bytes_theoretical == dense.bytes_dense == 4 * (summary.num_params + 2 * (6 + 8))
    assert {m.sparsity for m in measured if m.curve == "pruning" and m.amount == 1 and not m.exclude} == {1}
    assert summary.pareto
    assert all(file.same_predictions for file in summary.packed)
    eight, four, *_ = summary.packed
    assert eight.bytes_measured == (directory / eight.file).stat().st_size > four.bytes_measured
    (shrunk,) = summary.shrink
    assert shrunk.largest_difference < 1e-4
    assert shrunk.params_after < shrunk.params_before
    assert (directory / "report" / "index.html").exists()
    for name in ("pruning", "quantization", "joint", "sensitivity", "pareto"):
        assert (directory / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "% test accuracy before compression; at most 1 point less with" in result.stdout


@pytest.mark.slow
def test_a_packed_file_says_what_network_it_is(run):
    directory, _ = run
    variables, about = compress.load_packed(directory / "packed" / "8bit.mjx")
    assert about["model"]["name"] == "cnn"
    assert about["num_classes"] == 10
    assert (about["dtype"], about["image_size"]) == ("float32", None)
    assert variables["params"]["conv1"]["kernel"].shape == (3, 3, 1, 6)


@pytest.mark.slow
def test_again_says_that_it_is_finished(run):
    directory, _ = run
    again = minjax(*MODEL, *SMALL, f"--workdir={directory}", preset=PRESET)
    assert again.returncode == 0
    assert "this compression is finished: " in again.stdout
    other = minjax(*MODEL, *SMALL, "--config.prune.amounts=3", f"--workdir={directory}", preset=PRESET)
    assert other.returncode == 2
    assert "prune.amounts: there 5, asked for 3" in other.stderr


@pytest.mark.slow
def test_killed_and_resumed_is_as_undisturbed(run, tmp_path):
    directory, _ = run
    source = f"--config.run={directory / 'trained'}"
    arguments = command(source, *SMALL, f"--workdir={tmp_path / 'killed'}", preset=PRESET)
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = tmp_path / "killed" / "compression.jsonl"
    for _ in range(1200):
        if path.exists() and path.read_text().count("\n") > 3:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with path.open("a") as file:
        file.write('{"curve": "prun')  # as a kill may leave it
    assert not (tmp_path / "killed" / "compression.json").exists()
    assert minjax(source, *SMALL, f"--workdir={tmp_path / 'killed'}", preset=PRESET).returncode == 0
    assert Counter(timeless(tmp_path / "killed")) == Counter(timeless(directory))
    ours, theirs = summary_of(tmp_path / "killed"), summary_of(directory)
    assert ours.phases == theirs.phases
    assert [m.version for m in ours.pareto] == [m.version for m in theirs.pareto]


BAD = {
    "unknown method": (
        ["--config.prune.methods=('l7',)"],
        "prune.methods has 'l7'; each must be .*l1_structured.* or N:M",
    ),
    "amounts": (["--config.prune.amounts=1"], "prune.amounts is 1; it must be 0 or at least 2"),
    "bits": (["--config.quantize.bits=(8,17)"], "quantize.bits has 17; each must be at most 16"),
    "scheme": (
        ["--config.quantize.schemes=('int8',)"],
        "quantize.schemes has 'int8'; each must be symmetric_channel_minmax, .* or float8_e5m2",
    ),
    "series": (["--config.prune.series=('magic',)"], "prune.series has 'magic'; each must be .*lottery"),
    "schedule": (
        ["--config.prune.schedule=square"],
        "prune.schedule is 'square'; it must be geometric, linear or cubic",
    ),
    "pack amount": (["--config.compress.pack_amount=1.5"], "compress.pack_amount is 1.5; it must be at most 1"),
    "statistics": (
        ["--config.compress.batch_norm=('new',)"],
        "compress.batch_norm has 'new'; each must be trained or re-estimated",
    ),
    "include": (["--config.prune.include=conv9*"], "'conv9.' matches no parameter; there are: conv/kernel"),
    "exclude": (["--config.prune.exclude=conv9*"], "'conv9.' matches no parameter; there are: conv/kernel"),
    "no such run": (["--config.run=/nowhere"], "config.run: /nowhere is not a run directory"),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes_are_one_line_and_nothing_is_written(case, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    arguments, message = BAD[case]
    workdir = tmp_path / "run"
    code = main([f"--config={PRESET}", *arguments, f"--workdir={workdir}"])
    error = capsys.readouterr().err
    assert code == 2
    assert len(error.splitlines()) == 1
    assert re.search(message, error), error
    assert not workdir.exists()
