"""`jit` over eight devices and `pmap` over eight take the steps that one device takes (float32: to its rounding)."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def losses(mode: str, devices: int) -> dict:
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.parallel_losses", mode],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["devices"] == devices
    return result


@pytest.fixture(scope="module")
def one_device() -> dict:
    return losses("jit", 1)


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_eight_devices_equal_one(one_device, mode):
    eight = losses(mode, 8)
    assert eight["losses"] == pytest.approx(one_device["losses"], rel=1e-5)
    assert eight["params"] == pytest.approx(one_device["params"], rel=1e-5)
    assert eight["test_loss"] == pytest.approx(one_device["test_loss"], rel=1e-4)


def test_a_batch_that_does_not_divide_by_the_devices_is_refused():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    arguments = ["--config=configs/dnn.py", "--config.dataset.name=digits", "--config.batch_size=60"]
    done = subprocess.run(
        [sys.executable, "-m", "minjax.main", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "batch_size 60 does not divide by the 8 devices; the nearest that does: 64" in done.stderr
