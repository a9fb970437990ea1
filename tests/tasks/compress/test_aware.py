"""Quantization-aware training, from the trained network and from scratch."""

from __future__ import annotations

import pytest

from tests.conftest import minjax
from tests.tasks.compress.commands import NONE, PRESET, timeless


@pytest.mark.slow
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
        after = next(line for line in timeless(tmp_path / start) if line.curve == "aware")
        assert (after.bits, after.scheme, after.status) == (2, "symmetric_channel_minmax", "completed")
        before = next(line for line in timeless(tmp_path / start) if line.bits == 2 and line.batch_norm == "trained")
        assert after.accuracy != before.accuracy
