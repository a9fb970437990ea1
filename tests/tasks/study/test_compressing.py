"""How a winner is compressed: what is asked of task=compress."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from minjax.interruption import RESUMABLE
from minjax.tasks.study import compressing
from minjax.tasks.study.demands import KERNELS


def test_every_kernel_is_packed_as_the_predicted_bytes_have_it(tmp_path, monkeypatch):
    """By default a compression of a network with convolutions leaves its linear layer as it is."""
    asked = []

    def interrupted(config, directory, command):
        asked.append(config)
        return RESUMABLE

    monkeypatch.setattr(compressing, "find", lambda task: interrupted)
    study = {"target_accuracy": None, "tolerance": 0.02, "metric": "accuracy", "deploy_bits": 6}
    assert compressing.compressed(tmp_path / "winner", study, 0.9) is None
    assert asked[0].prune.include == (KERNELS,)
    assert (asked[0].compress.pack_bits, asked[0].compress.tolerance) == ((6,), 0.02)


@pytest.mark.parametrize(("accuracy", "asked"), [(0.9, 0.8), (0.8, 0.8), (0.79, None)])
def test_a_target_that_the_winner_misses_is_not_asked_of_its_files(tmp_path, monkeypatch, accuracy, asked):
    found = []
    monkeypatch.setattr(compressing, "find", lambda task: lambda config, *_: found.append(config) or RESUMABLE)
    study = {"target_accuracy": 0.8, "tolerance": 0.02, "metric": "accuracy", "deploy_bits": 6}
    assert compressing.compressed(tmp_path / "winner", study, accuracy) is None
    assert found[0].compress.target_accuracy == asked


def test_where_no_file_keeps_the_accuracy_the_one_that_loses_least_is_handed_over(tmp_path, monkeypatch):
    found = SimpleNamespace(packed=("plain",), recommended=None, runner_up="loses least")
    monkeypatch.setattr(compressing, "find", lambda task: lambda *_: 0)
    monkeypatch.setattr(compressing, "read", lambda *_: found)
    study = {"target_accuracy": 0.8, "tolerance": 0.02, "metric": "accuracy", "deploy_bits": 6}
    assert compressing.compressed(tmp_path, study, 0.9) == compressing.Compressed("loses least", "plain", keeps=False)
    found.recommended = "smallest"
    assert compressing.compressed(tmp_path, study, 0.9) == compressing.Compressed("smallest", "plain", keeps=True)
