"""Which seeds of a table one program trains: a dry run says it, records too, and what cannot be so is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from minjax import memory
from minjax.command_line import parse
from minjax.main import main
from minjax.records.run import read_run
from minjax.records.table import read_table
from minjax.tasks.tables import cells, driver, executors, populations, settings
from tests.tasks.tables.test_tables import QUICK, epochs, statuses

SEEDS = (*QUICK, "--config.tables.seeds=3", "--config.tables.optimizers=sgdm")


def asked(*flags):
    config, _ = parse([*SEEDS, *flags])
    return settings.settle(config)


def test_seeds_are_divided_evenly_and_the_others_keep_their_order():
    found = cells.planned(asked("--config.tables.seeds=5", "--config.tables.networks=dnn,cnn"))
    size = {"dnn": 3, "cnn": 1}
    divided = populations.populations(found, lambda planned: size[planned.cell.network])
    named = [[(one.cell.network, one.cell.seed) for one in some] for some in divided]
    assert named == [
        [("dnn", 42), ("dnn", 43), ("dnn", 44)], [("cnn", 42)], [("cnn", 43)], [("cnn", 44)],
        [("dnn", 45), ("dnn", 46)], [("cnn", 45)], [("cnn", 46)],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ((), ""),
        (("--config.tables.together=True",), ""),
        (("--config.tables.together=False",), "tables.together=False"),
        (("--config.tables.networks=cnn",), "on a CPU only fully connected networks are faster together"),
        (("--config.tables.networks=cnn", "--config.tables.together=True"), ""),
        (("--config.early_stop=2", "--config.dataset.validation_fraction=0.2"), "early_stop ends each at an epoch"),
        (("--config.parallel=pmap",), "parallel=pmap trains one network on all devices"),
        (("--config.tables.executor=ray",), "each is a task of the cluster"),
        (("--config.tables.executor=ray", "--config.tables.together=True"), ""),
    ],
)
def test_what_stands_in_the_way_of_a_population(flags, reason):
    table = asked(*flags)
    found = populations.obstacle(cells.planned(table)[0].config, table)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_no_more_seeds_than_half_of_the_memory_holds(monkeypatch):
    (first, *_) = cells.planned(asked())
    most = lambda: populations.most(first.config, (8, 8, 1), 10, 64, 360)  # noqa: E731
    monkeypatch.setattr(populations, "free", lambda device: memory.Available(2_000_000, "all"))
    some = most()
    assert 1 < some < 20
    monkeypatch.setattr(populations, "free", lambda device: memory.Available(4_000_000, "all"))
    assert most() == pytest.approx(2 * some, abs=1)
    monkeypatch.setattr(populations, "free", lambda device: memory.Available(1000, "all"))
    assert most() == 1


def test_a_dry_run_says_how_the_seeds_are_trained(capsys, monkeypatch):
    networks = "--config.tables.networks=dnn,cnn,vgg16_s"
    assert main([*SEEDS, networks, "--config.tables.dry_run", "--workdir=nowhere"]) == 0
    header, dnn, cnn, vgg, _ = capsys.readouterr().out.splitlines()
    assert header.endswith("predicted  seeds")
    assert dnn.split()[-5:] == ["s", "x", "3", "3", "together"]
    assert cnn.endswith("one by one: on a CPU only fully connected networks are faster together")
    assert "  vgg cannot take 8x8 images" in vgg
    monkeypatch.setattr(populations, "free", lambda device: memory.Available(0, "all"))
    assert main([*SEEDS, "--config.tables.dry_run", "--workdir=nowhere"]) == 0
    assert "one by one: the memory holds no two of them" in capsys.readouterr().out


@pytest.mark.slow
def test_the_record_says_that_seeds_were_trained_together_and_the_bar_moves_on_the_way(tmp_path, monkeypatch):
    bars, moves = [], []

    class Counted(driver.Progress):
        def advance(self, amount, label="", status=""):
            bars.append(self)
            moves.append((amount, label))
            super().advance(amount, label, status)

    monkeypatch.setattr(driver, "Progress", Counted)
    assert main([*SEEDS, f"--workdir={tmp_path}"]) == 0
    for cell in read_table(tmp_path).cells:
        kept = read_run(tmp_path / cell.directory)
        assert (kept.summary.status, kept.summary.population) == ("completed", 3)
        assert {line.population for line in kept.epochs} == {3}
    assert epochs(tmp_path / "cells/dnn-digits-sgdm-s42") != epochs(tmp_path / "cells/dnn-digits-sgdm-s43")
    assert sum(amount for amount, _ in moves) == pytest.approx(bars[0]._total)
    early = [amount for amount, label in moves if label == "0/3 cells" and amount]
    assert early == pytest.approx([bars[0]._total / 4] * 4)  # two epochs of two steps, before any cell has ended


def test_a_cell_that_failed_is_tried_by_itself_and_a_population_stays_as_large_as_it_was(monkeypatch):
    found = cells.planned(asked("--config.tables.seeds=4"))
    states = dict(zip(found_in(found), ("failed", "interrupted", "diverged", "not_run"), strict=True))
    monkeypatch.setattr(driver, "read_summary", lambda path: SimpleNamespace(population=5))
    table = SimpleNamespace(
        plan=SimpleNamespace(populations=[tuple(found)]),
        directory=Path("table"),
        _status=lambda one: states[one.cell.directory],
    )
    jobs = driver.Tables._jobs(table, [found[0], found[1], found[3]])
    assert jobs == [executors.Job((found[0],), False), executors.Job((found[1], found[3]), True, 5)]


def found_in(planned):
    return [one.cell.directory for one in planned]


@pytest.mark.slow
def test_what_cannot_be_trained_together_is_trained_one_by_one_and_said(tmp_path, capsys, monkeypatch):
    def fails(*_):
        raise RuntimeError("RESOURCE_EXHAUSTED\nof memory")

    monkeypatch.setattr(executors, "run_together", fails)
    flags = [*SEEDS, "--config.tables.seeds=2", f"--workdir={tmp_path}"]
    assert main(flags) == 0
    said = capsys.readouterr().err
    assert "2 seeds, dnn-digits-sgdm-s42 the first, cannot be trained together and are trained one by one: " in said
    assert "RuntimeError: RESOURCE_EXHAUSTED of memory" in said
    assert set(statuses(tmp_path).values()) == {"completed"}
    assert {read_run(tmp_path / cell.directory).summary.population for cell in read_table(tmp_path).cells} == {1}
