"""`jit` over eight devices and `pmap` over eight take the steps that one device takes.

In float64 to 1e-9 over two epochs; in float32 to its rounding, which grows: the order of sums alone moves the second
epoch by per cents.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys

import pytest

from minjax.errors import UserError
from minjax.train.epoch import check_batch
from tests.conftest import ROOT, minjax_process

pytestmark = pytest.mark.slow

EIGHT = "--xla_force_host_platform_device_count=8"


@functools.cache
def losses(mode: str, devices: int, dtype: str, what: str) -> dict:
    flags = f"--xla_force_host_platform_device_count={devices}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.parallel_losses", mode, dtype, what],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": flags, "JAX_ENABLE_X64": "1" if dtype == "float64" else "0"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["devices"], result["dtype"]) == (devices, dtype)
    return result


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_eight_devices_take_the_first_steps_of_one(mode):
    one, eight = losses("jit", 1, "float32", "steps"), losses(mode, 8, "float32", "steps")
    assert eight["losses"] == pytest.approx(one["losses"], rel=1e-5)
    assert eight["params"] == pytest.approx(one["params"], rel=1e-5)
    assert eight["test_loss"] == pytest.approx(one["test_loss"], rel=1e-4)


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_two_epochs_on_eight_are_those_of_one_in_float64(mode):
    one, eight = losses("jit", 1, "float64", "epochs"), losses(mode, 8, "float64", "epochs")
    assert eight["losses"] == pytest.approx(one["losses"], rel=1e-9)
    assert eight["params"] == pytest.approx(one["params"], rel=1e-9)
    assert eight["test_loss"] == pytest.approx(one["test_loss"], rel=1e-9)


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_the_first_epoch_on_eight_is_that_of_one_in_float32(mode):
    first, mean, _ = losses("jit", 1, "float32", "epochs")["losses"]
    found = losses(mode, 8, "float32", "epochs")["losses"]
    assert found[0] == pytest.approx(first, rel=1e-5)
    assert found[1] == pytest.approx(mean, rel=0.01)


def test_batch_norm_per_device_normalises_each_part_alone_and_keeps_the_mean():
    eight = losses("pmap", 8, "float64", "unsynced")
    assert eight["losses"][0] == pytest.approx(eight["expected_loss"], rel=1e-6)  # normalisation is float32 there
    assert eight["params_off"] < 1e-6
    assert eight["statistics_off"] < 1e-6
    synced = losses("jit", 1, "float64", "unsynced")
    assert abs(eight["losses"][0] - synced["losses"][0]) > 1e-3  # another network: what the field says


@pytest.mark.parametrize(
    ("batch", "size", "message"),
    [
        (60, 1437, "batch_size 60 is not a multiple of 8, the number of devices; the nearest are 56 and 64"),
        (3, 1437, "batch_size 3 is not a multiple of 8, the number of devices; the nearest is 8"),
        (99, 100, "batch_size 99 is not a multiple of 8, the number of devices; the nearest is 96"),
        (5, 7, "batch_size 5 is not a multiple of 8, the number of devices; the training split has only 7 images"),
        (101, 100, "batch_size is 101; the training split has 100 images"),
    ],
)
def test_a_batch_that_does_not_divide_by_the_devices_is_refused(batch, size, message):
    check_batch(64, 1437, 8)
    with pytest.raises(UserError, match=message):
        check_batch(batch, size, 8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (["--config.devices=9"], "devices is 9; there are 8 (cpu), so it must be 1 to 8, or None for all"),
        (["--config.devices=0"], "devices is 0; it must be at least 1, or None"),
        (
            ["--config.batch_size=60"],
            "batch_size 60 is not a multiple of 8, the number of devices; the nearest are 56 and 64",
        ),
        (["--config.drop_last=False", "--config.batch_size=64"], "drop_last=False is for one device only; there are 8"),
    ],
)
def test_what_eight_devices_cannot_do_is_one_line(tmp_path, fields, message):
    done = minjax_process(*fields, f"--workdir={tmp_path / 'run'}", env={"XLA_FLAGS": EIGHT})
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_some_of_the_devices_can_be_used(tmp_path, mode):
    """60 divides by four devices and not by eight."""
    some = [f"--config.parallel={mode}", "--config.devices=4", "--config.batch_size=60", "--config.epochs=1"]
    done = minjax_process(*some, f"--workdir={tmp_path / 'run'}", env={"XLA_FLAGS": EIGHT})
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["device_count"] == 4
