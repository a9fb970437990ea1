"""Pruning in rounds and lottery tickets: the right weights stay zero, and a killed round is trained again alike."""

from __future__ import annotations

import numpy as np
import pytest

from minjax import compress
from tests.conftest import minjax
from tests.tasks.compress.commands import NONE, PRESET, timeless


@pytest.mark.slow
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
    rounds = timeless(tmp_path / "rounds")[1:]  # after the dense network
    names = ("one_shot", "iterative", "lottery", "random_init", "random_mask")
    assert [(line.series, line.round) for line in rounds] == [(name, k) for name in names for k in (1, 2)]
    prunable = 9 * 6 + 9 * 6 * 8
    amounts = compress.rounds("geometric", 0.9, 2)
    for line in rounds:
        assert line.sparsity == pytest.approx(round(amounts[line.round - 1] * prunable) / prunable)
        assert line.status == "completed"
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
    assert timeless(tmp_path / "rounds")[1:] == rounds
