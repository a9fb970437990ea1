"""Seeds in one program: each leaves the run that it leaves alone; a kill, or one that diverges, changes none."""

from __future__ import annotations

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minjax
from minjax.command_line import parse
from minjax.config.resolving import resolve
from minjax.records.run import read_run, read_summary
from minjax.tasks import together, train
from minjax.tasks.member import Order
from minjax.tasks.signals import Stop
from minjax.train import state as train_state
from minjax.train.checkpoint import saved
from tests.conftest import read_json, read_jsonl
from tests.tasks.test_resume import TIMES

SEEDS = (3, 4, 5)
QUICK = (
    "--config=dnn", "--config.dataset.name=digits", "--config.dataset.limit_train=70", "--config.batch_size=32",
    "--config.epochs=3", "--config.drop_last=False", "--config.dataset.validation_fraction=0.1",
    "--config.tensorboard=False", "--config.model.widths=(16,)", "--config.checkpoint_every=1",
)  # fmt: skip


class Killed(Exception):  # noqa: N818 - the end of a process, as far as it can be had within one
    pass


def orders(directory, seeds=SEEDS, *more):
    made = []
    for seed in seeds:
        config, _ = parse([*QUICK, f"--config.seed={seed}", *more])
        made.append(Order(resolve(config), directory / str(seed), f"minjax {seed}"))
    return made


def run(directory, seeds=SEEDS, *more, population=1, kill_at=None):
    """Train; with `kill_at` until so many dispatches have been made."""
    shares = []

    def tick(share):
        shares.append(share)
        if len(shares) == kill_at:
            raise Killed

    with Stop() as stop:
        together.run(orders(directory, seeds, *more), population, stop, tick)
    return shares


def epochs(path):
    return [{k: v for k, v in line.items() if k not in TIMES} for line in read_jsonl(path / "metrics.jsonl")]


def results(directory, seeds=SEEDS):
    """What the runs recorded, without times, and their last weights."""
    found = {}
    for seed in seeds:
        kept = read_run(directory / str(seed))
        sure, step = kept.predictions.confidence.tolist(), saved(directory / str(seed) / "checkpoints")[-1]
        found[seed] = (epochs(directory / str(seed)), kept.predictions.predicted.tolist(), sure, step)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    assert sum(run(directory)) == pytest.approx(1)
    return directory


@pytest.mark.parametrize(
    ("checkpoints", "expected"),
    [
        ([[], []], [(0, [0, 1])]),
        ([[3, 6], [3, 6]], [(6, [0, 1])]),
        ([[3, 6], [3]], [(3, [0, 1])]),  # killed after the first of them had saved step 6
        ([[3], []], [(0, [0, 1])]),
        ([[3, 6], []], [(6, [0]), (0, [1])]),  # one alone was trained before
        ([[3, 6], [3, 6], [], []], [(6, [0, 1]), (0, [2, 3])]),
        ([[3, 6], [6, 9], [9, 12]], [(9, [1, 2]), (6, [0])]),
        ([[3, 6, 9]], [(9, [0])]),
    ],
)
def test_runs_go_on_from_the_last_step_that_they_have_in_common(checkpoints, expected):
    assert together.standing(checkpoints) == expected


@pytest.mark.slow
def test_each_is_the_run_that_it_is_alone(whole, tmp_path):
    with Stop() as stop:
        for order in orders(tmp_path, SEEDS[:2]):
            assert train.run_within(*order, stop) == 0
    for seed in SEEDS[:2]:
        ours, alone = whole / str(seed), tmp_path / str(seed)
        assert {path.name for path in ours.iterdir()} == {path.name for path in alone.iterdir()}
        assert read_json(ours / "config.json") == read_json(alone / "config.json")
        for one, other in zip(epochs(ours), epochs(alone), strict=True):
            assert (one.pop("population"), other.pop("population")) == (3, 1)
            assert one == pytest.approx(other, rel=1e-5)
        np.testing.assert_array_equal(read_run(ours).predictions.predicted, read_run(alone).predictions.predicted)
        pixels = jnp.zeros((1, 8, 8, 1), jnp.uint8)
        np.testing.assert_allclose(
            minjax.load(ours).probabilities(pixels), minjax.load(alone).probabilities(pixels), atol=1e-5
        )
    summary = read_summary(whole / "4")
    assert (summary.population, summary.seed, summary.command) == (3, 4, "minjax 4")
    assert read_summary(tmp_path / "4").population == 1
    lines = [read_run(whole / str(seed)).epochs[-1] for seed in SEEDS]
    assert len({(line.seconds, line.images_per_second) for line in lines}) == 1
    assert lines[0].images_per_second == pytest.approx(70 / lines[0].seconds)  # of all three in three times as long


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [2, 4])
def test_killed_they_end_with_the_same_bits(whole, tmp_path, kill_at):
    with pytest.raises(Killed):
        run(tmp_path, kill_at=kill_at)
    steps = [saved(tmp_path / str(seed) / "checkpoints") for seed in SEEDS]
    assert len({tuple(one) for one in steps}) == 1
    if steps[0]:  # the kill came when one of them had not saved yet
        shutil.rmtree(tmp_path / "4" / "checkpoints" / str(steps[0][-1]))
    run(tmp_path)
    assert results(tmp_path) == results(whole)


@pytest.mark.slow
def test_one_that_was_trained_alone_meanwhile_is_left_alone(whole, tmp_path):
    with pytest.raises(Killed):
        run(tmp_path, kill_at=3)
    (order,) = orders(tmp_path, SEEDS[:1])
    with Stop() as stop:
        assert train.run_within(*order, stop) == 0
    before = (tmp_path / "3" / "summary.json").read_bytes()
    run(tmp_path)
    assert (tmp_path / "3" / "summary.json").read_bytes() == before
    assert [line["population"] for line in epochs(tmp_path / "3")] == [3, 1, 1]
    assert read_summary(tmp_path / "3").population == 3
    assert results(tmp_path, SEEDS[1:]) == results(whole, SEEDS[1:])  # in a program for three, as they began


@pytest.mark.slow
def test_told_to_stop_within_an_epoch_each_is_saved_and_goes_on(whole, tmp_path, capsys):
    with Stop() as stop:
        ordered = orders(tmp_path, SEEDS, "--config.steps_per_call=1")
        seen = []

        def tick(share):
            seen.append(share)
            stop.name = "SIGTERM" if len(seen) == 5 else None

        together.run(ordered, 1, stop, tick)
    assert [read_summary(tmp_path / str(seed)).status for seed in SEEDS] == ["interrupted"] * 3
    assert "seed 4: SIGTERM: saved in epoch 2 after step 2 of 3; to resume: minjax 4" in capsys.readouterr().err
    run(tmp_path)
    assert results(tmp_path) == results(whole)


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [None, 4])
def test_one_that_diverges_takes_no_other_down(whole, tmp_path, monkeypatch, capsys, kill_at):
    begin = train_state.begin

    def poisoned(draw, optimizer, seed):
        state = begin(draw, optimizer, seed)
        return state.replace(params=jax.tree.map(lambda x: jnp.where(seed == 4, jnp.nan, x), state.params))

    monkeypatch.setattr(train_state, "begin", poisoned)
    if kill_at:
        with pytest.raises(Killed):
            run(tmp_path, kill_at=kill_at)
    else:
        run(tmp_path)
    summary = read_summary(tmp_path / "4")
    assert (summary.status, summary.diverged_step, summary.epochs, summary.population) == ("diverged", 0, 0, 3)
    assert "seed 4: diverged: the loss is not finite at step 0" in capsys.readouterr().err
    if kill_at:
        run(tmp_path, population=summary.population)
    assert results(tmp_path, (3, 5)) == results(whole, (3, 5))


@pytest.mark.slow
def test_where_all_diverge_each_says_so(tmp_path):
    run(tmp_path, SEEDS[:2], "--config.optimizer.learning_rate=1e30")
    assert {read_summary(tmp_path / str(seed)).status for seed in SEEDS[:2]} == {"diverged"}
