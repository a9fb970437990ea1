"""Directories of minjax 0.1 become directories of this version: nothing lost, nothing half-written, nothing guessed.

Each directory is written as this version has it, taken back to format 1 by hand, and converted: what is read then must
be what was written.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from minjax import migration
from minjax.errors import UserError
from minjax.findings.answers import Asked
from minjax.findings.study import findings
from minjax.migration import convert, main
from minjax.records.compression import MEASUREMENTS, TRAINED, read_compression
from minjax.records.compression import SUMMARY as COMPRESSION
from minjax.records.record import CONFIG
from minjax.records.run import METRICS, read_run
from minjax.records.run import SUMMARY as RUN
from minjax.records.study import MEMBERS, read_study
from minjax.records.study import SUMMARY as STUDY
from tests.report.compressions import make_compression
from tests.report.runs import make_run
from tests.report.studies import dnn, make_study


def rewrite(path: Path, change) -> None:
    """Apply a change to the object in a JSON file, or to each in a JSONL file."""
    if path.suffix == ".jsonl":
        objects = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(change(one)) + "\n" for one in objects))
    else:
        path.write_text(json.dumps(change(json.loads(path.read_text()))))


def without(*names):
    """A change that leaves out some fields."""
    return lambda old: {key: value for key, value in old.items() if key not in names}


def old_norm(old):
    """The statistics of batch norm under their old name."""
    return {"bn" if key == "batch_norm" else key: value for key, value in old.items()}


def old_run(path: Path) -> Path:
    """A training run as minjax 0.1 left it."""
    make_run(path, validation=True)
    for name in (CONFIG, RUN):
        rewrite(path / name, without("format"))
    return path


def old_compression(path: Path) -> Path:
    """A compression as minjax 0.1 left it."""
    make_compression(path, ("pruning", "joint", "rounds"))
    front = ("bytes_theoretical", "accuracy", "curve", "method", "amount", "exclude", "bits", "scheme", "bn", "series")

    def result(old):
        old["phases"] = [old_norm(one) | {"redundancy": one["plateau_end"]} for one in old["phases"]]
        old["pareto"] = [{key: old_norm(one)[key] for key in front} for one in old["pareto"]]
        return without("format")(old)

    rewrite(path / CONFIG, lambda old: without("format")(old) | {"training": {"epochs": 6}})
    rewrite(path / MEASUREMENTS, old_norm)
    rewrite(path / COMPRESSION, result)
    return path


STUDY_SECTION = {"seeds": 5, "axes": [], "families": ["dnn"], "dnn": {"set": [["epochs", 9], ["model.dropout", 0.0]]}}
FIELDS = {
    "model": {"name": "dnn", "widths": None, "dropout": None, "init": None},
    "optimizer": {
        "name": "sgdm",
        "learning_rate": None,
        "weight_decay": 0.5,
        "momentum": None,
        "preset": {"sgdm": {"momentum": 0.8}},
    },
}


def old_study(path: Path, members=None) -> Path:
    """A study as minjax 0.1 left it."""
    make_study(path, members or dnn((1, 5, 20, 50), depths=(1,), history=False))

    def result(old):
        found = old.pop("findings")
        for one in found["certificates"]:
            one["bytes"] = None  # of networks that are no networks
        return without("format", "training")(old) | without("dataset")(found)

    rewrite(path / CONFIG, lambda old: without("format")(old) | {"study": STUDY_SECTION} | FIELDS)
    rewrite(path / MEMBERS, without("settings"))
    rewrite(path / STUDY, result)
    return path


@pytest.fixture(autouse=True)
def _no_networks(monkeypatch):
    """The bytes of the synthetic networks, which no model has."""
    monkeypatch.setattr(migration, "theoretical_bytes", lambda *_, **__: None)


def test_a_run_is_converted(tmp_path):
    path = old_run(tmp_path / "run")
    with pytest.raises(UserError, match=r"record format 1, written by minjax 0.1; convert its directory with"):
        read_run(path)
    assert (
        convert(path) == f"{path}: converted to record format 2 (6 lines of metrics.jsonl, summary.json, config.json)"
    )
    found, wanted = read_run(path), read_run(make_run(tmp_path / "new", validation=True))
    assert (found.config, found.epochs, found.summary) == (wanted.config, wanted.epochs, wanted.summary)
    assert (found.predictions.labels == wanted.predictions.labels).all()


def test_a_compression_is_converted(tmp_path):
    path = old_compression(tmp_path / "old")
    assert "compression.jsonl, compression.json, config.json" in convert(path)
    found = read_compression(path)
    wanted = read_compression(make_compression(tmp_path / "new", ("pruning", "joint", "rounds")))
    assert found.measurements == wanted.measurements
    assert found.summary == wanted.summary  # the front is whole measurements again, rounds and all
    assert found.config == wanted.config | {"training": {"epochs": 6}}


def test_the_run_inside_a_compression_is_converted_with_it(tmp_path):
    path = old_compression(tmp_path / "old")
    old_run(path / "trained")
    assert convert(path).endswith("; so was the run in trained/")
    assert read_run(path / "trained").summary.status == "completed"


def test_a_compression_of_a_given_run_holds_its_configuration(tmp_path):
    path, run = old_compression(tmp_path / "old"), old_run(tmp_path / "run")
    rewrite(path / CONFIG, lambda old: old | {"run": str(run), "training": None})
    assert convert(path).endswith("config.json)")
    trained = read_compression(path).config["training"]
    assert (trained["epochs"], trained["model"]["name"]) == (6, "resnet18_s")
    assert "format" not in trained


def test_a_compression_whose_run_is_gone_is_converted_and_says_so(tmp_path):
    path = old_compression(tmp_path / "old")
    rewrite(path / CONFIG, lambda old: old | {"run": "gone", "training": None})
    assert convert(path).endswith("gone/config.json is not there, so the settings of the compressed run stay unknown")


def test_a_study_is_converted_and_says_how_it_was_trained(tmp_path):
    members = dnn((1, 5, 20, 50), depths=(1,), history=False)
    path = old_study(tmp_path / "old", members)
    assert "(20 lines of points.jsonl, study.json, config.json)" in (said := convert(path))
    assert said.endswith("were computed again from points.jsonl, the minimal size by this version's estimator")
    found = read_study(path)
    settings = {"epochs": 9, "model.dropout": 0.0}
    assert found.members == [msgspec.structs.replace(member, settings=settings) for member in members]
    assert found.summary.findings == findings(found.members, asked={"digits": Asked.of(found.config)})
    (way,) = found.summary.training
    assert (way.families, way.points) == (["dnn"], 4)
    assert way.settings["epochs"] == 9
    assert way.settings["optimizer.learning_rate"] == 0.1  # the optimizer's own
    assert way.settings["optimizer.weight_decay"] == 0.5  # the user's
    assert way.settings["optimizer.momentum"] == 0.8  # the preset's
    assert not any(name.startswith(("dataset", "model.widths")) for name in way.settings)


def test_seconds_in_one_number_are_those_of_training(tmp_path):
    path = old_study(tmp_path)
    rewrite(path / MEMBERS, lambda old: old | {"seconds": 2.5})
    rewrite(path / STUDY, lambda old: old | {"seconds": without("curves")(old["seconds"])})
    convert(path)
    found = read_study(path)
    assert {(member.seconds.train, member.seconds.curves) for member in found.members} == {(2.5, None)}
    assert found.summary.seconds.curves is None


def test_findings_that_the_members_do_not_have_are_remarked(tmp_path):
    path = old_study(tmp_path)

    def other(old):
        old["regimes"][0]["mean"] += 0.1
        return old

    rewrite(path / STUDY, other)
    assert convert(path).endswith("; the numbers of regimes are different")


def test_findings_of_an_earlier_revision_are_computed_again(tmp_path):
    path = make_study(tmp_path, dnn((1, 5, 20, 50), depths=(1,), history=False))
    wanted = read_study(path).summary.findings.near_best
    rewrite(path / CONFIG, lambda old: old | {"study": STUDY_SECTION} | FIELDS)
    before = {"minimal": {"num_params": 1}, "minimals": []}
    rewrite(path / STUDY, lambda old: old | {"findings": old["findings"] | before})
    with pytest.raises(UserError, match=r"study\.json: "):
        read_study(path)
    assert "its findings were computed again from points.jsonl" in convert(path)
    assert read_study(path).summary.findings.near_best.num_params == wanted.num_params
    assert convert(path) == f"{path}: already of record format 2"


MAKERS = {"run": old_run, "compression": old_compression, "study": old_study}


@pytest.mark.parametrize("kind", MAKERS)
def test_converting_twice_changes_nothing(tmp_path, kind):
    path = MAKERS[kind](tmp_path / kind)
    convert(path)
    before = {child.name: child.read_bytes() for child in path.iterdir()}
    assert convert(path) == f"{path}: already of record format 2"
    assert {child.name: child.read_bytes() for child in path.iterdir()} == before


@pytest.mark.parametrize("kind", MAKERS)
def test_a_conversion_that_was_cut_short_is_finished(tmp_path, kind):
    """config.json is last: until it is replaced the other files may be of either format."""
    path = MAKERS[kind](tmp_path / kind)
    old = (path / CONFIG).read_bytes()
    convert(path)
    whole = {child.name: child.read_bytes() for child in path.iterdir()}
    (path / CONFIG).write_bytes(old)
    convert(path)
    assert {child.name: child.read_bytes() for child in path.iterdir()} == whole


@pytest.mark.parametrize(("kind", "name"), [("run", METRICS), ("compression", MEASUREMENTS), ("study", MEMBERS)])
def test_a_half_written_last_line_is_left_out_and_said(tmp_path, kind, name):
    path = MAKERS[kind](tmp_path / kind)
    whole = (path / name).read_text().count("\n")
    with (path / name).open("a") as file:
        file.write('{"half": ')
    said = convert(path)
    assert f"{whole} lines of {name}" in said
    assert f"; {name} ended in a half-written line, which was left out" in said
    assert (path / name).read_text().count("\n") == whole


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


def test_a_line_without_statistics_was_measured_as_trained(tmp_path):
    path = old_compression(tmp_path)
    rewrite(path / MEASUREMENTS, lambda old: old | {"bn": None} if old["bn"] == TRAINED else old)
    convert(path)
    assert {line.batch_norm for line in read_compression(path).measurements} == {TRAINED, "re-estimated"}


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
