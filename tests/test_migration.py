"""Directories of minjax 0.1 become directories of this version: nothing lost, nothing half-written, nothing guessed.

Each directory is written as this version has it, taken back to format 1 by hand, and converted: what is read then must
be what was written.
"""

from __future__ import annotations

import msgspec
import pytest

from minjax import migration
from minjax.errors import UserError
from minjax.findings.answers import Asked
from minjax.findings.study import findings
from minjax.migration import convert
from minjax.records.compression import MEASUREMENTS, TRAINED, read_compression
from minjax.records.record import CONFIG
from minjax.records.run import METRICS, read_run
from minjax.records.study import MEMBERS, read_study
from minjax.records.study import SUMMARY as STUDY
from tests.old_directories import FIELDS, STUDY_SECTION, old_compression, old_run, old_study, rewrite, without
from tests.report.compressions import make_compression
from tests.report.runs import make_run
from tests.report.studies import dnn, make_study


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


def test_a_line_without_statistics_was_measured_as_trained(tmp_path):
    path = old_compression(tmp_path)
    rewrite(path / MEASUREMENTS, lambda old: old | {"bn": None} if old["bn"] == TRAINED else old)
    convert(path)
    assert {line.batch_norm for line in read_compression(path).measurements} == {TRAINED, "re-estimated"}
