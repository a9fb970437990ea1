"""What all records have in common: exact fields, a format version, one clear error for what is wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax.errors import UserError
from minjax.records import record
from minjax.records.record import Count, Fraction, Provenance, Record, ResultFile

quick = settings(max_examples=15, deadline=None, derandomize=True)
ORIGIN = {"device": "cpu", "device_count": 1, "versions": {"jax": "0.6"}, "git_commit": None, "command": "python x"}


class Part(Record, frozen=True, kw_only=True):
    accuracy: Fraction


class Line(Record, frozen=True, kw_only=True):
    epoch: Count
    loss: float | None
    part: Part | None = None


class Result(ResultFile, frozen=True, kw_only=True):
    name: str
    best: Part


lines = st.builds(
    Line,
    epoch=st.integers(0, 2**50),
    loss=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    part=st.none() | st.builds(Part, accuracy=st.floats(0, 1)),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@quick
@given(written=st.lists(lines, max_size=4))
def test_lines_come_back(folder, written):
    appended, whole = folder / "appended.jsonl", folder / "whole.jsonl"
    appended.unlink(missing_ok=True)
    for line in written:
        record.append(appended, line)
    record.write_lines(whole, written)
    assert record.read_lines(appended, Line) == record.read_lines(whole, Line) == written


@quick
@given(written=st.lists(lines, min_size=1, max_size=4), data=st.data())
def test_a_cut_file_gives_the_whole_lines_before_the_cut(folder, written, data):
    path = folder / "cut.jsonl"
    record.write_lines(path, written)
    content = path.read_bytes()
    kept = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:kept])
    assert record.read_lines(path, Line) == written[: content[:kept].count(b"\n")]


def test_no_file_is_no_lines(tmp_path):
    assert record.read_lines(tmp_path / "none.jsonl", Line) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"epoch": ', "not JSON (Input data was truncated)"),
        ('{"epoch": 1}', "object missing required field `loss`"),
        ('{"epoch": -1, "loss": 1.0}', "epoch: expected `int` >= 0"),
        ('{"epoch": 1, "loss": "low"}', "loss: expected `float | null`, got `str`"),
        ('{"epoch": 1, "loss": 1.0, "part": {"accuracy": 2.0}}', "part.accuracy: expected `float` <= 1.0"),
        ('{"epoch": 1, "loss": 1.0, "losss": 1.0}', "object contains unknown field `losss`"),
        ("[]", "expected `object`, got `array`"),
        ('{"epoch": 1, "loss": NaN}', "not JSON (JSON is malformed: invalid character (byte 21))"),
    ],
)
def test_a_damaged_line_is_named_with_its_file_and_number(tmp_path, line, reason):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"epoch": 0, "loss": null}}\n{line}\n')
    with pytest.raises(UserError) as error:
        record.read_lines(path, Line)
    assert str(error.value) == f"{path}, line 2: {reason}"


def test_a_result_comes_back_with_its_format_first_and_its_origin_last(tmp_path):
    written = Result(name="a", best=Part(accuracy=0.5), **ORIGIN)
    record.write(tmp_path / "result.json", written)
    assert record.read(tmp_path / "result.json", Result) == written
    names = list(json.loads((tmp_path / "result.json").read_text()))
    assert names == ["format", "name", "best", *Provenance.__struct_fields__]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_have_is_refused_and_the_old_file_stays(tmp_path, number):
    path = tmp_path / "metrics.jsonl"
    record.append(path, Line(epoch=1, loss=1.0))
    for write in (record.append, lambda path, line: record.write_lines(path, [line])):
        with pytest.raises(ValueError, match="JSON"):
            write(path, Line(epoch=2, loss=number))
    assert record.read_lines(path, Line) == [Line(epoch=1, loss=1.0)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"format": 3, "name": "a"}', "is of record format 3; this version of minjax reads format 2: use a newer"),
        ('{"name": "a"}', "is of record format 1, written by minjax 0.1; convert its directory with 'python -m "),
        ('{"format": 2, "name": "a"}', "result.json: object missing required field"),
        ('{"format": "2"}', "result.json: format: expected `int`, got `str`"),
        ('{"format": 2', "result.json: not JSON"),
        ("\x80", "result.json: not JSON"),
    ],
)
def test_a_result_of_another_format_or_damaged_is_one_line(tmp_path, text, reason):
    path = tmp_path / "result.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as error:
        record.read(path, Result)
    assert reason in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_missing_result_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*none\.json: No such file"):
        record.read(tmp_path / "none.json", Result)


def test_a_configuration_comes_back_without_the_format(tmp_path):
    config = {"task": "train", "model": {"name": "dnn", "widths": [3]}}
    record.write_config(tmp_path, config)
    assert json.loads((tmp_path / "config.json").read_text())["format"] == record.FORMAT
    assert record.read_config(tmp_path) == config


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"format": 2, "model": 3}', "config.json: 'model' is not a section of fields"),
        ('{"format": 3, "model": {}}', "config.json is of record format 3"),
        ('{"model": {}}', "config.json is of record format 1"),
        ("[]", "config.json: expected `object`, got `array`"),
    ],
)
def test_a_configuration_that_cannot_be_one_is_one_line(tmp_path, text, reason):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError) as error:
        record.read_config(tmp_path)
    assert reason in str(error.value)
