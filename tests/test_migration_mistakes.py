"""What `minjax.migration` leaves alone, and what it refuses in one line with nothing changed."""

from __future__ import annotations

import shutil

import pytest

from minjax.errors import UserError
from minjax.migration import convert, main
from minjax.records.compression import MEASUREMENTS
from minjax.records.record import CONFIG
from minjax.records.run import METRICS
from minjax.records.run import SUMMARY as RUN
from tests.old_directories import old_compression, old_run, rewrite


def test_an_unfinished_directory_is_converted_as_far_as_it_is(tmp_path):
    path = old_run(tmp_path)
    for name in (RUN, METRICS):
        (path / name).unlink()
    assert convert(path) == f"{path}: converted to record format 2 (config.json)"


def test_foreign_files_stay(tmp_path):
    path = old_run(tmp_path)
    (path / "notes.txt").write_text("mine")
    (path / "checkpoints").mkdir()
    convert(path)
    assert (path / "notes.txt").read_text() == "mine"
    assert (path / "checkpoints").is_dir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / CONFIG).unlink(), "is not a directory of minjax: it has no config.json"),
        (lambda path: (path / CONFIG).write_text("{"), "config.json: not JSON"),
        (lambda path: (path / CONFIG).write_text("[]"), "config.json: not a JSON object"),
        (lambda path: (path / CONFIG).write_text('{"task": "bake"}'), "task 'bake'"),
        (lambda path: (path / CONFIG).write_text('{"name": "npm"}'), "task None"),
        (
            lambda path: (path / CONFIG).write_text('{"format": 3}'),
            "is of record format 3; this version",
        ),
        (lambda path: (path / METRICS).write_text("nonsense\n"), "metrics.jsonl, line 1: not JSON"),
        (
            lambda path: (path / METRICS).write_text('{"epoch": 0}\n'),
            "metrics.jsonl, line 1, is not a record",
        ),
        (
            lambda path: rewrite(path / RUN, lambda old: old | {"mine": 1}),
            "summary.json, is not a record of",
        ),
    ],
)
def test_what_cannot_be_converted_is_one_line_and_untouched(tmp_path, capsys, damage, message):
    path = old_run(tmp_path / "a run")
    damage(path)
    before = {child.name: child.read_bytes() for child in path.iterdir()}
    assert main([str(path)]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert str(path) in said
    assert said.count("\n") == 1
    assert {child.name: child.read_bytes() for child in path.iterdir()} == before


def test_a_front_that_no_measurement_has_is_an_error(tmp_path):
    path = old_compression(tmp_path)
    (path / MEASUREMENTS).write_text("")
    with pytest.raises(UserError, match=r"no line of compression.jsonl is the one in pareto"):
        convert(path)


def test_several_directories_are_a_line_each_and_one_that_fails_stops_no_other(tmp_path, capsys):
    paths = [old_run(tmp_path / "a"), tmp_path / "nowhere", old_run(tmp_path / "b")]
    assert main([str(path) for path in paths]) == 1
    said = capsys.readouterr()
    assert said.out.count("converted to record format 2") == 2
    assert said.err.count("\n") == 1
    assert main([]) == 2
    shutil.rmtree(paths[0])
    assert main([str(paths[2])]) == 0


def test_a_directory_in_use_is_refused(tmp_path):
    from minjax.tasks.workdir import locked

    path = old_run(tmp_path)
    with locked(path), pytest.raises(UserError, match="another process is running"):
        convert(path)
