"""task=compress through the documented command: what it leaves, resuming, rounds, mistakes."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from minjax import compress, records
from minjax.main import main
from tests.conftest import ROOT, command, minjax

PRESET = "configs/compress/default.py"
MODEL = (
    "--config.model.name=cnn",
    "--config.model.channels=(6,8)",
    "--config.model.padding=SAME",
    "--config.model.batch_norm=True",
    "--config.epochs=3",
)
SMALL = (
    "--config.prune.amounts=5",
    "--config.quantize.bits=(8,4,2)",
    "--config.quantize.schemes=('symmetric_channel_minmax','bfloat16')",
    "--config.compress.joint_bits=(4,2)",
    "--config.compress.sensitivity_amounts=(0.5,)",
    "--config.compress.sensitivity_bits=(2,)",
    "--config.compress.shrink_amounts=(0.5,)",
    "--config.compress.calibration_images=200",
)
NONE = (
    "--config.prune.amounts=0",
    "--config.quantize.bits=()",
    "--config.compress.joint_method=",
    "--config.compress.sensitivity_amounts=()",
    "--config.compress.sensitivity_bits=()",
    "--config.compress.pack_bits=()",
    "--config.compress.shrink_method=",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished compression, with the training before it."""
    directory = tmp_path_factory.mktemp("compress") / "run"
    result = minjax(*MODEL, *SMALL, f"--workdir={directory}", preset=PRESET)
    assert result.returncode == 0, result.stderr
    return directory, result


def lines(directory) -> list[dict]:
    timeless = records.read_jsonl(directory / "compression.jsonl")
    return [{key: value for key, value in line.items() if key != "seconds"} for line in timeless]


def test_what_it_leaves(run):
    directory, result = run
    measured = lines(directory)
    curves = {name: [line for line in measured if line["curve"] == name] for name in {m["curve"] for m in measured}}
    structured = 2  # of the six methods, again without the first convolution
    assert {name: len(points) for name, points in curves.items()} == {
        "dense": 1,
        "pruning": (6 + structured) * 2 * 5,
        "quantization": 2 * (1 + 3 + 1),
        "joint": 3 * 5,
        "sensitivity": 2 * 2,
    }
    summary = records.read_json(directory / "compression.json")
    assert summary["compilations"] == 1
    trained = records.read_json(directory / "trained" / "summary.json")
    assert summary["dense"]["accuracy"] == trained["final"]["test_accuracy"]
    dense = next(line for line in measured if line["amount"] == 0 and line["bn"] == "trained")
    assert dense["bytes_theoretical"] == dense["bytes_dense"] == 4 * (summary["num_params"] + 2 * (6 + 8))
    empty = [line for line in curves["pruning"] if line["amount"] == 1 and not line["exclude"]]
    assert {line["sparsity"] for line in empty} == {1}
    assert summary["pareto"]
    assert all(p["same_predictions"] for p in summary["packed"])
    eight, four, *_ = summary["packed"]
    assert eight["bytes_measured"] == (directory / eight["file"]).stat().st_size > four["bytes_measured"]
    (shrunk,) = summary["shrink"]
    assert shrunk["largest_difference"] < 1e-4
    assert shrunk["params_after"] < shrunk["params_before"]
    assert (directory / "report" / "index.html").exists()
    for name in ("pruning", "quantization", "joint", "sensitivity", "pareto"):
        assert (directory / "report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "dense" in result.stdout.splitlines()[-1]


def test_a_packed_file_says_what_network_it_is(run):
    directory, _ = run
    variables, about = compress.load_packed(directory / "packed" / "8bit.mjx")
    assert about["model"]["name"] == "cnn"
    assert about["num_classes"] == 10
    assert variables["params"]["conv1"]["kernel"].shape == (3, 3, 1, 6)


def test_again_says_that_it_is_finished(run):
    directory, _ = run
    again = minjax(*MODEL, *SMALL, f"--workdir={directory}", preset=PRESET)
    assert again.returncode == 0
    assert "this compression is finished: dense" in again.stdout
    other = minjax(*MODEL, *SMALL, "--config.prune.amounts=3", f"--workdir={directory}", preset=PRESET)
    assert other.returncode == 2
    assert "prune.amounts: there 5, asked for 3" in other.stderr


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
    assert subprocess.run(arguments, cwd=ROOT, capture_output=True).returncode == 0
    key = lambda line: json.dumps(line, sort_keys=True)  # noqa: E731
    assert sorted(lines(tmp_path / "killed"), key=key) == sorted(lines(directory), key=key)
    ours, theirs = (records.read_json(d / "compression.json") for d in (tmp_path / "killed", directory))
    assert ours["phases"] == theirs["phases"]
    assert ours["pareto"] == theirs["pareto"]


def test_rounds_and_lottery_tickets(run, tmp_path):
    directory, _ = run
    arguments = (
        f"--config.run={directory / 'trained'}",
        *NONE,
        "--config.prune.series=('one_shot','iterative','random_init','random_mask')",
        "--config.prune.rounds=2",
        "--config.prune.epochs=1",
        "--config.prune.rewind_epoch=1",
        f"--workdir={tmp_path / 'rounds'}",
    )
    result = minjax(*arguments, preset=PRESET)
    assert result.returncode == 0, result.stderr
    rounds = lines(tmp_path / "rounds")[1:]  # after the dense network
    names = ("one_shot", "iterative", "lottery", "random_init", "random_mask")
    assert [(line["series"], line["round"]) for line in rounds] == [(name, k) for name in names for k in (1, 2)]
    prunable = 9 * 6 + 9 * 6 * 8
    amounts = compress.rounds("geometric", 0.9, 2)
    for line in rounds:
        assert line["sparsity"] == pytest.approx(round(amounts[line["round"] - 1] * prunable) / prunable)
        assert line["status"] == "completed"
    saved = {name: np.load(tmp_path / "rounds" / "rounds" / f"{name}-2.npz") for name in names}
    shapes = {name: [file[key].shape for key in file.files] for name, file in saved.items()}
    assert len(set(map(str, shapes.values()))) == 1
    for file in saved.values():  # sorted by name: masks, statistics, parameters; nothing has grown again
        arrays = [file[str(i)] for i in range(len(file.files))]
        masks = [array for array in arrays if array.dtype == bool]
        weights = arrays[-len(masks) :]
        assert sum(int((~mask).sum()) for mask in masks) == round(0.9 * prunable)
        assert all((array[~mask] == 0).all() for mask, array in zip(masks, weights, strict=True))
    # The last round again, as after a kill between its training and its line: the same to the last digit.
    kept = (tmp_path / "rounds" / "compression.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "rounds" / "compression.jsonl").write_text("".join(kept[:-1]))
    (tmp_path / "rounds" / "compression.json").unlink()
    assert minjax(*arguments, preset=PRESET).returncode == 0
    assert lines(tmp_path / "rounds")[1:] == rounds


def test_quantization_aware_training(run, tmp_path):
    directory, _ = run
    for start in ("trained", "scratch"):
        arguments = (
            f"--config.run={directory / 'trained'}",
            *NONE,
            "--config.quantize.bits=(2,)",
            "--config.quantize.aware_bits=(2,)",
            "--config.quantize.aware_epochs=2",
            f"--config.quantize.aware_from={start}",
            f"--workdir={tmp_path / start}",
        )
        result = minjax(*arguments, preset=PRESET)
        assert result.returncode == 0, result.stderr
        after = next(line for line in lines(tmp_path / start) if line["curve"] == "aware")
        assert (after["bits"], after["scheme"], after["status"]) == (2, "symmetric_channel_minmax", "completed")
        before = next(line for line in lines(tmp_path / start) if line["bits"] == 2 and line["bn"] == "trained")
        assert after["accuracy"] != before["accuracy"]


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


def test_runs_that_cannot_be_compressed(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    directory, _ = run
    trained = directory / "trained"

    def attempt(source) -> str:
        assert main([f"--config={PRESET}", f"--config.run={source}", *NONE, f"--workdir={tmp_path / 'out'}"]) == 2
        return capsys.readouterr().err

    assert "is a run of task=compress; task=compress needs a finished one of task=train" in attempt(directory)
    for name, change, message in (
        ("unfinished", lambda d: (d / "summary.json").unlink(), "is not finished .it has no summary.json"),
        ("interrupted", lambda d: status(d, "interrupted"), "is not finished: its status is interrupted"),
        ("other", lambda d: architecture(d), "no checkpoint can be read as a cnn for 10 classes"),
        ("empty", lambda d: remove(d / "checkpoints"), "has no checkpoints"),
    ):
        copy = tmp_path / name
        shutil.copytree(trained, copy)
        change(copy)
        assert re.search(message, attempt(copy)), name
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    code = main(
        [
            f"--config={PRESET}",
            f"--config.run={trained}",
            "--config.prune.include=('conv9*',)",
            f"--workdir={tmp_path / 'p'}",
        ]
    )
    assert code == 2
    assert "'conv9*' matches no parameter; there are: conv1/kernel" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()  # so that the corrected command is not refused


def status(directory, value: str) -> None:
    summary = records.read_json(directory / "summary.json") | {"status": value}
    records.write_json(directory / "summary.json", summary)


def architecture(directory) -> None:
    config = records.read_json(directory / "config.json")
    config["model"]["channels"] = [6, 9]
    records.write_json(directory / "config.json", config)


def remove(directory) -> None:
    shutil.rmtree(directory)
