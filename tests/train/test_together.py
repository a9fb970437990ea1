"""Runs trained together are the runs trained alone; who else is there, and how steps are cut, changes no bit."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import jax
import numpy as np
import pytest

from minjax.data import Split
from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.pace import Pace
from minjax.train.together import Together
from tests.conftest import ROOT
from tests.train.populations import BATCH, NEVER, TRAIN, beginning, inputs, network, optimizer, partition, same

pytestmark = pytest.mark.slow  # each test compiles several programs

SEEDS = (4, 1)


close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


def trained(
    seeds=SEEDS, *, population=None, own=True, name="adam", dtype="float32", drop_last=False, cuts=(99,), **how
):
    """Two epochs: the states of runs on the host, their totals, and what they make of their validation images."""
    model, transformation, parts = network((5, 3), dtype), optimizer(name), [partition(seed) for seed in seeds]
    trains = [TRAIN.take(part.train) if own else TRAIN for part in parts]
    helds = [TRAIN.take(part.validation) if own else TRAIN for part in parts]
    normalised = [part.inputs(inputs(dtype)) for part in parts]
    kept = {"batch_size": BATCH, "drop_last": drop_last, "evaluation_batch": 20}
    if population is None:
        engines = [Engine(model, transformation, *each, **kept) for each in zip(trains, normalised, strict=True)]
    else:
        engines = [Together(model, transformation, trains, normalised, population=population, **kept, **how)]
    first = jax.jit(beginning(model, transformation, dtype, live=False))
    beginnings, found = [jax.device_get(first(seed, ())) for seed in seeds], []
    for index, engine in enumerate(engines):
        some = slice(index, index + 1) if population is None else slice(None)
        state, totals = engine.place_each(beginnings[some]), None
        for epoch in (1, 2):
            totals, done = engine.place_each([Totals.zero()] * engine.members), 0
            for cut in (*cuts, 99):
                count = min(cut, engine.steps_per_epoch - done)
                state, totals = engine.run(state, totals, epoch, done, count) if count else (state, totals)
                done += count
        placed = engine.place_splits(helds[some])
        judged = engine.evaluate_each(state, placed, pace=Pace(), stop=NEVER)
        found += zip(engine.fetch_each(state), engine.fetch_each(totals), judged, strict=True)
    return found


def test_they_are_the_runs_alone_in_float64():
    with jax.enable_x64(True):
        for one, other in zip(trained(population=2, dtype="float64"), trained(dtype="float64"), strict=True):
            jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12), one, other)


def test_on_shared_images_they_agree_to_rounding_in_float32():
    how = {"own": False, "drop_last": True}
    as_on_accelerators = trained(population=2, as_vectors=True, **how)
    for (state, totals, judged), (mine, own, found) in zip(as_on_accelerators, trained(**how), strict=True):
        jax.tree.map(close, (state.params, totals), (mine.params, own))
        assert judged["loss"] == pytest.approx(found["loss"], rel=1e-5)
        np.testing.assert_array_equal(judged["predicted"], found["predicted"])


def test_company_and_cuts_change_no_bit():
    whole = trained((4, 1, 7), population=3)
    same(whole[1:], trained((1, 7), population=3, cuts=(1, 2)))


def test_a_program_is_compiled_once_for_the_steps_and_once_for_each_kind_of_split():
    model, transformation = network((5, 3)), optimizer()
    engine = Together(model, transformation, [TRAIN] * 2, [inputs()] * 2, batch_size=BATCH, population=2)
    state = jax.device_get(jax.jit(beginning(model, transformation, "float32", live=False))(3, ()))
    state, totals = engine.place_each([state] * 2), engine.place_each([Totals.zero()] * 2)
    for epoch in (1, 2):
        state, totals = engine.run(state, totals, epoch, 0, 3)
        for split in (TRAIN, Split(TRAIN.images[:50], TRAIN.labels[:50])):
            placed = engine.place_splits([split] * 2)
            assert placed.shared
            engine.evaluate_each(state, placed, pace=Pace(), stop=NEVER)
    assert sum(program.compilations for program in engine._programs.values()) == 3
    assert engine.evaluate_each(state, placed, pace=Pace(), stop=lambda: True) is None
    assert engine.compile_seconds > 0


SPREAD = """
import numpy as np
from tests.train.test_together import trained
import jax
found = trained((4, 1, 7), population=3)
np.savez({path!r}, *jax.tree.leaves([(state.params, totals, judged) for state, totals, judged in found]))
"""


def test_devices_share_the_runs(tmp_path):
    path = str(tmp_path / "found.npz")
    flags = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", SPREAD.format(path=path)], cwd=ROOT, env=flags, check=True, timeout=300)
    whole = trained((4, 1, 7), population=3)
    expected = jax.tree.leaves([(state.params, totals, judged) for state, totals, judged in whole])
    with np.load(path) as file:
        for index, value in enumerate(expected):
            close(file[f"arr_{index}"], value)
