"""A study's directory read back: what is refused, what is dropped, what is joined."""

from __future__ import annotations

import json

import pytest

from minjax.errors import UserError
from minjax.report import study
from minjax.report.study.evidence import gather
from minjax.report.study.headline import bits_enough, value, words
from minjax.report.study.record import read
from tests.report.study.study_records import dnn, make_study, spoil


@pytest.fixture(name="path")
def _path(tmp_path):
    return make_study(tmp_path / "a study", dnn((1, 5), depths=(1,), curves=False, history=False))


def change(path, **fields):
    summary = json.loads((path / "study.json").read_text())
    (path / "study.json").write_text(json.dumps(summary | fields))


def change_member(path, **fields):
    first, *rest = (path / "points.jsonl").read_text().split("\n")
    (path / "points.jsonl").write_text("\n".join([json.dumps(json.loads(first) | fields), *rest]))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "study.json").unlink(), "is not finished: no study.json (10 members in points.jsonl)"),
        (lambda path: (path / "points.jsonl").unlink(), "has study.json, but points.jsonl holds no member"),
        (lambda path: (path / "points.jsonl").write_text(""), "has study.json, but points.jsonl holds no member"),
        (lambda path: [child.unlink() for child in path.iterdir()], "is not a study's directory"),
        (lambda path: (path / "study.json").write_text("{"), "is not JSON"),
        (lambda path: (path / "study.json").write_text("[]"), "is not an object"),
        (lambda path: change(path, status="running"), "status 'running' is not one of completed, interrupted, budget"),
        (lambda path: change(path, regimes=None), "'regimes' is not a list of objects"),
        (lambda path: change(path, certificates=[3]), "'certificates' is not a list of objects"),
        (lambda path: (path / "points.jsonl").write_text("nonsense\n"), "line 1, is not JSON"),
        (lambda path: (path / "points.jsonl").write_text("[]\n"), "line 1: not an object"),
        (lambda path: change_member(path, point=""), "line 1: point '' is not a name"),
        (lambda path: change_member(path, num_params=0), "line 1: num_params 0 is not a whole number from 1"),
        (lambda path: change_member(path, seed=True), "line 1: seed True is not a whole number"),
        (lambda path: change_member(path, status="running"), "line 1: status 'running' is not one of completed"),
        (lambda path: change_member(path, final=None), "line 1: final.train_accuracy None is not a fraction"),
        (lambda path: change_member(path, chance=10), "line 1: chance 10 is not a fraction"),
        (lambda path: change_member(path, history={"train_loss": 3}), "line 1: history.train_loss is not a list"),
        (lambda path: change_member(path, curves={"pruning": [3]}), "line 1: curves.pruning is not a list of pairs"),
        (lambda path: change_member(path, labels=[]), "line 1: labels is not an object"),
    ],
)
def test_bad_records_are_one_line_that_names_the_directory(path, damage, message):
    damage(path)
    with pytest.raises(UserError) as caught:
        study.write(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (path / "report").exists()


def test_a_half_written_last_line_is_dropped(path):
    with (path / "points.jsonl").open("a") as file:
        file.write('{"point": "abc", "na')
    assert len(read(path).members) == 10


def test_no_study_at_all():
    with pytest.raises(UserError, match="nothing matched"):
        study.members([])


def test_networks_have_their_findings_and_all_members(tmp_path):
    members = dnn((1, 20, 200), depths=(1, 2), history=False)
    spoil(members, 0, "diverged")
    for place in range(5, 9):
        spoil(members, place, "failed", "no memory")  # one member is left: no regime can be told
    evidence = gather([found := read(make_study(tmp_path, members))], found.summary)
    sizes = [network.num_params for network in evidence.networks]
    assert sizes == sorted(sizes)
    by_point = {network.point: network for network in evidence.networks}
    assert len(by_point) == len({member["point"] for member in members})
    assert len(by_point[members[0]["point"]].ended("diverged")) == 1
    lost = by_point[members[5]["point"]]
    assert (lost.regime, lost.train, len(lost.members), len(lost.ended("failed"))) == (None, None, 5, 4)
    for record in found.summary["regimes"]:
        network = by_point[record["point"]]
        assert (network.regime, network.number("regimes", "mean")) == (record["regime"], record["mean"])
        assert network.depth == network.labels["depth"]
    assert study.write(tmp_path).exists()


def test_words_of_a_certificate_with_nothing_else():
    assert words({"family": "dnn", "dataset": "d", "num_params": None, "reason": "nothing learns", "grid": [3, 9]}) == (
        "dnn on d: no size of the grid qualifies: nothing learns. It was looked for on a grid of 2 sizes from 3 to 9."
    )
    least = {"family": "dnn", "dataset": "d", "num_params": 7, "grid": [7], "notes": ["too few"], "accuracy": 0.5}
    assert words(least) == (
        "dnn on d: 7 parameters are enough for stable learning (on a grid of 1 size from 7 to 7): accuracy 50.00 %. "
        "No smaller size was tried. It was neither pruned nor quantized. Too few."
    )
    first = {"family": "cnn", "dataset": "d", "num_params": 3, "grid": [3, 7, 9]}
    assert value(first) == "at most 3 parameters"
    assert "cnn on d: 3 parameters are enough" in words(first)
    assert value(first | {"num_params": 7}) == "7 parameters"
    assert value(first | {"num_params": 9}) == "at least 9 parameters"
    assert "at least 9 parameters are needed for stable learning, the largest size tried (" in words(
        first | {"num_params": 9}
    )
    assert [bits_enough(bits) for bits in (1, 4.0, 4.2)] == [
        "1 bit of a weight is enough",
        "4 bits of a weight are enough",
        "4.2 bits of a weight are enough (mean over seeds)",
    ]
