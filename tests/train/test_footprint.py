"""What training needs, and what is refused because it does not fit."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from minjax import main as entry
from minjax import memory, models
from minjax.errors import UserError
from minjax.train import state as train_state
from minjax.train.footprint import Footprint, check_memory, footprint
from tests.conftest import ROOT


def estimated(name, image_shape, batch, **fields):
    model = models.build(name, 10, **fields)
    optimizer = optax.adam(1e-3)
    like = jax.eval_shape(lambda seed: train_state.init(model, optimizer, image_shape, seed), 0)
    return footprint(model, like, image_shape, batch, data=1000, dtype="float32"), model, like


def test_every_part_of_a_small_network():
    found, _, _ = estimated("dnn", (8, 8, 1), 32, widths=(16,))
    params = 64 * 16 + 16 + 16 * 10 + 10
    assert found.gradients == 4 * params
    assert found.state == 3 * 4 * params + 4 + 4 + 8  # adam's two moments; its count, the step, the key
    assert 4 * 32 * (16 + 10) <= found.activations <= 2 * 4 * 32 * (16 + 10)
    assert found.total == 1000 + 2 * found.state


@pytest.mark.slow
def test_activations_are_not_more_than_xla_takes():
    found, model, like = estimated("resnet18_s", (32, 32, 3), 16)

    def gradients(params, model_state, images):
        apply = lambda p: model.apply({"params": p, **model_state}, images, train=True, mutable=list(model_state))  # noqa: E731
        return jax.grad(lambda p: apply(p)[0].sum())(params)

    images = jax.ShapeDtypeStruct((16, 32, 32, 3), np.float32)
    taken = jax.jit(gradients).lower(like.params, like.model_state, images).compile().memory_analysis()
    assert taken.temp_size_in_bytes / 3 < found.activations < 1.1 * taken.temp_size_in_bytes


class Accelerator:
    platform, process_index, device_kind = "gpu", 0, "a GPU"

    def memory_stats(self):
        return {"bytes_limit": 1000, "bytes_in_use": 100}


@pytest.mark.parametrize(("state", "fits"), [(400, True), (401, False)])
def test_an_accelerator_has_its_own_memory(state, fits):
    needed = Footprint(state=state, gradients=0, activations=0, data=100)
    if fits:
        check_memory(needed, [Accelerator(), Accelerator()], "use less")
    else:
        with pytest.raises(UserError, match=r"at least 0.0 GB .*what a GPU has free\): use less"):
            check_memory(needed, [Accelerator()], "use less")


def test_devices_of_one_host_share_its_memory(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: memory.Available(1000, "a limit"))
    needed = Footprint(state=400, gradients=0, activations=0, data=100)
    check_memory(needed, jax.devices()[:1], "use less")
    with pytest.raises(UserError, match="on each of 2 devices"):
        check_memory(needed, jax.devices()[:1] * 2, "use less")


def test_workers_of_one_machine_share_its_memory(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: memory.Available(1000, "a limit"))
    needed = Footprint(state=100, gradients=0, activations=0, data=100)
    check_memory(needed, jax.devices()[:1], "use less", workers=3)
    with pytest.raises(UserError, match=r"activations 0.0 GB, data 0.0 GB in each of 4 workers\), and"):
        check_memory(needed, jax.devices()[:1], "use less", workers=4)


def test_a_run_that_does_not_fit_is_one_line_with_the_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    fields = ["--config=configs/dnn.py", "--config.dataset.name=digits", "--config.model.widths=(200000,200000)"]
    assert entry.main([*fields, f"--workdir={tmp_path / 'run'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "minjax: error: this training needs at least 640.2 GB of memory (parameters and optimizer 320.1 GB, gradients "
        "160.1 GB, activations 0."
    )
    assert line.endswith("choose a smaller network, batch_size or data set")
    assert not (tmp_path / "run").exists()
