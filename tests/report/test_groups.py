"""Runs in groups that differ in their seed alone."""

from __future__ import annotations

from minjax.records.run import read_run
from minjax.report.groups import group_runs


def grouped(paths):
    return group_runs([read_run(path) for path in paths])


def test_order_is_the_papers(make_run, tmp_path):
    names = [
        ("vit_s", "adam"),
        ("resnet18_s", "amsbound"),
        ("mine", "adam"),
        ("resnet18_s", "sgdm"),
        ("resnet18", "adam"),
    ]
    paths = [make_run(tmp_path / f"{m}{i}", model=m, optimizer=o, epochs=1) for i, (m, o) in enumerate(names)]
    found = [(group.model, group.optimizer) for group in grouped(paths)]
    assert found == [names[4], names[3], names[1], names[0], names[2]]


def test_groups_that_differ_are_named_by_their_presets_or_briefly(make_run, tmp_path):
    """What tells groups apart may be as long as it likes in the table; in a legend it must fit."""
    long = {"dataset": {"name": "cifar10", "limit_train": None, "mean": [0.1234567890123] * 3, "path": "x" * 80}}
    named = [
        make_run(tmp_path / "a", config={"name": "mine"}),
        make_run(tmp_path / "b", config={"name": "paper", **long}),
    ]
    one, other = grouped(named)
    assert {one.name, other.name} == {"resnet18_s, sgdm (mine)", "resnet18_s, sgdm (paper)"}
    assert "x" * 80 in one.differing + other.differing
    one, other = grouped([make_run(tmp_path / "c"), make_run(tmp_path / "d", config=long)])
    assert one.name != other.name
    assert max(len(one.name), len(other.name)) < 70
    derived = [make_run(tmp_path / "e"), make_run(tmp_path / "f", config={"data": {"mean": [0.5]}, "devices": 2})]
    assert len(grouped(derived)) == 1


def test_a_seed_counts_once_and_only_completed_runs_count(make_run, tmp_path):
    (group,) = grouped(
        [
            make_run(tmp_path / "a", seed=7),
            make_run(tmp_path / "b", seed=7),
            make_run(tmp_path / "c", seed=8, status="diverged", planned=6),
            make_run(tmp_path / "d", seed=9, status=None),
        ]
    )
    assert [run.path.name for run in group.members] == ["a", "b", "c", "d"]
    assert [run.path.name for run in group.counted] == ["a"]
    assert group.result == group.counted[0].summary
