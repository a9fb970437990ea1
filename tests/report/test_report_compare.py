"""The comparison of several runs, and the paper's figures beside them."""

from __future__ import annotations

import csv
import json
import re
import statistics
from pathlib import Path

import pytest

from minjax.errors import UserError
from minjax.report import compare, paper
from minjax.report.groups import group_runs
from minjax.report.record import read

DATA = Path(__file__).parent.parent / "data"


def rows(page):
    with (page.parent / "table.csv").open() as file:
        return list(csv.DictReader(file))


def markdown_table(page, heading="## Architecture"):
    text = (page.parent / "report.md").read_text().split(heading, 1)[1]
    lines = [line for line in text.split("\n") if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_table_golden(make_run, tmp_path):
    runs = [
        make_run(tmp_path / f"{optimizer}-{seed}", optimizer=optimizer, seed=seed, epochs=4, best=best)
        for optimizer, best in (("adabound", 0.95), ("adam", 0.9), ("sgdm", 0.85))
        for seed in (1, 2)
    ]
    summary = json.loads((runs[1] / "summary.json").read_text())
    summary["final"]["test_accuracy"], summary["max_test_accuracy"]["test_accuracy"] = 0.75, 0.8
    (runs[1] / "summary.json").write_text(json.dumps(summary))
    page = compare.write(runs, tmp_path / "out")
    table = markdown_table(page)[:5]
    header = "architecture|optimizer|data set|parameters|epochs|runs|final test accuracy|maximum test accuracy"
    assert "|".join(table[0]) == f"{header}|paper: maximum"
    assert [row[:6] for row in table[2:]] == [
        ["resnet18\\_s", name, "cifar10", "701,466", "4", "2"] for name in ("sgdm", "adam", "adabound")
    ]
    assert [row[-1] for row in table[2:]] == ["86.85 % (Table 2)", "89.27 % (Table 2)", "91.72 % (Table 2)"]
    finals = [read(run).number("final", "test_accuracy") for run in runs[:2]]
    expected = f"{100 * statistics.mean(finals):.2f} ± {100 * statistics.stdev(finals):.2f} %"
    assert table[4][6] == expected
    last = rows(page)[2]
    assert list(last) == list(compare.CSV_HEADER)
    assert float(last["final_test_accuracy_mean"]) == pytest.approx(statistics.mean(finals), abs=1e-6)
    assert float(last["final_test_accuracy_std"]) == pytest.approx(statistics.stdev(finals), abs=1e-6)
    assert (last["seeds"], last["paper_max_test_accuracy"], last["paper_table"]) == ("1 2", "0.9172", "Table 2")
    assert {path.name for path in page.parent.iterdir()} == {"compare.png", "table.csv", "report.md", "index.html"}


def test_page_is_self_contained(make_run, tmp_path):
    runs = [make_run(tmp_path / name, dataset=name, epochs=2) for name in ("cifar10", "<i>cifar100</i>")]
    text = compare.write(runs, tmp_path / "out").read_text()
    assert text.count("data:image/png;base64,") == 2  # one a data set
    assert "<i>" not in text
    for attribute in re.findall(r"(?:src|href)\s*=\s*[\"']?([^\s\"'>]+)", text):
        assert attribute.startswith("data:")


def test_members_without_a_result_are_listed_and_in_no_mean(make_run, tmp_path):
    good = make_run(tmp_path / "good", seed=1)
    runs = [
        good,
        make_run(tmp_path / "diverged", seed=2, status="diverged", epochs=2, planned=6),
        make_run(tmp_path / "interrupted", seed=3, status="interrupted", epochs=3, planned=6),
        make_run(tmp_path / "unfinished", seed=4, status=None, epochs=1, planned=6),
    ]
    page = compare.write(runs, tmp_path / "out")
    (row,) = rows(page)
    assert (row["runs"], row["completed"], row["seeds"], row["final_test_accuracy_std"]) == ("4", "1", "1", "")
    assert float(row["final_test_accuracy_mean"]) == pytest.approx(read(good).number("final", "test_accuracy"))
    text = (page.parent / "report.md").read_text()
    for status in ("diverged at step 1,234", "interrupted after epoch 3 of 6", "unfinished after epoch 1 of 6"):
        assert status in text
    assert "3 of 4 runs did not complete" in text


def test_different_settings_are_never_averaged(make_run, tmp_path):
    runs = [
        make_run(tmp_path / "a", seed=1, metrics=False),
        make_run(tmp_path / "b", seed=2, metrics=False, config={"batch_size": 8}),
        make_run(
            tmp_path / "c", seed=3, metrics=False, config={"tensorboard": False, "name": "other", "checkpoint_every": 1}
        ),
    ]
    found = rows(compare.write(runs, tmp_path / "out"))
    assert [(row["settings"], row["seeds"]) for row in found] == [("batch_size=128", "1 3"), ("batch_size=8", "2")]


def test_a_seed_counts_once(make_run, tmp_path):
    runs = [make_run(tmp_path / name, seed=7, metrics=False) for name in ("a", "b")]
    page = compare.write([*runs, runs[0], tmp_path / "b" / ".." / "b"], tmp_path / "out")
    (row,) = rows(page)
    assert (row["runs"], row["completed"], row["final_test_accuracy_std"]) == ("2", "1", "")
    assert "the same seed again" in (page.parent / "report.md").read_text()


def test_a_folder_is_not_cifar10(make_run, tmp_path):
    path = make_run(tmp_path / "run", dataset="cifar10-jpeg", folder=True, optimizer="adabound", metrics=False)
    page = compare.write([path], tmp_path / "out")
    table = markdown_table(page)
    assert table[2][2] == "cifar10-jpeg"
    assert table[2][-1] == "91.72 % (for CIFAR-10, Table 2)"
    assert "Not the paper's data" in (page.parent / "report.md").read_text()


def test_a_part_of_the_data_or_another_network_is_said(make_run, tmp_path):
    part = {"dataset": {"name": "cifar10", "limit_train": 1000}}
    runs = [
        make_run(tmp_path / "part", config=part, metrics=False),
        make_run(tmp_path / "wide", num_params=123_456, metrics=False),
    ]
    page = compare.write(runs, tmp_path / "out")
    table = {row[2]: row for row in markdown_table(page)[2:4]}
    assert table["cifar10, 1,000 training images"][-1] == "86.85 % (for CIFAR-10, Table 2)"
    assert table["cifar10"][-1] == "86.85 % (Table 2)"
    assert "123,456 parameters, the paper's has 701,466" in (page.parent / "report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("resnet18", "sgdm", "cifar10"), (0.894, "CIFAR-10", "Table 2", True)),
        (("resnet18_s", "adabound", "cifar100"), (0.5405, "CIFAR-100", "Table 3", True)),
        (("vit", "adam", "cifar10"), (0.5149, "CIFAR-10", "Table 4", True)),
        (("vit_s", "sgdm", "cifar100"), (0.0386, "CIFAR-100", "Table 5", True)),
        (("vit_s", "sgdm", "cifar100_lt"), (0.0386, "CIFAR-100", "Table 5", False)),
        (("resnet18", "sgdm", "CIFAR-10 (JPEG)"), (0.894, "CIFAR-10", "Table 2", False)),
        (("resnet18", "amsbound", "cifar10"), None),
        (("vgg16", "sgdm", "cifar10"), None),
        (("resnet18", "sgdm", "mnist"), None),
        (("resnet18", "sgdm", "cifar1000"), None),
        (("resnet18", "sgdm", "my-cifar10"), None),
    ],
)
def test_paper_figures(arguments, expected):
    figure = paper.figure(*arguments)
    if expected is None:
        assert figure is None
    else:
        assert (figure.accuracy, figure.dataset, figure.table, figure.same_dataset) == (
            pytest.approx(expected[0]),
            *expected[1:],
        )


def test_a_folder_called_cifar10_is_still_a_folder():
    assert not paper.figure("resnet18", "sgdm", "cifar10", is_folder=True).same_dataset


def test_package_data_is_the_papers():
    assert paper.tables() == json.loads((DATA / "paper_tables.json").read_text())
    counts = json.loads((DATA / "param_counts.json").read_text())
    for model in paper.PARAMETERS:
        for classes in (10, 100):
            assert paper.parameters(model, classes) == counts[model][str(classes)]
    assert paper.parameters("vit", 7) is None


def test_order_is_the_papers(make_run, tmp_path):
    names = [
        ("vit_s", "adam"),
        ("resnet18_s", "amsbound"),
        ("mine", "adam"),
        ("resnet18_s", "sgdm"),
        ("resnet18", "adam"),
    ]
    runs = [
        make_run(tmp_path / f"{model}{i}", model=model, optimizer=o, epochs=1) for i, (model, o) in enumerate(names)
    ]
    found = [(group.model, group.optimizer) for group in group_runs([read(run) for run in runs])]
    assert found == [names[4], names[3], names[1], names[0], names[2]]


def test_groups_that_differ_are_named_by_their_presets_or_briefly(make_run, tmp_path):
    """What tells groups apart may be as long as it likes in the table; in a legend it must fit."""
    long = {"dataset": {"name": "cifar10", "limit_train": None, "mean": [0.1234567890123] * 3, "path": "x" * 80}}
    named = [
        make_run(tmp_path / "a", config={"name": "mine"}),
        make_run(tmp_path / "b", config={"name": "paper", **long}),
    ]
    one, other = group_runs([read(run) for run in named])
    assert {one.name, other.name} == {"resnet18_s, sgdm (mine)", "resnet18_s, sgdm (paper)"}
    assert "x" * 80 in one.differing + other.differing
    alike = [make_run(tmp_path / "c"), make_run(tmp_path / "d", config=long)]
    one, other = group_runs([read(run) for run in alike])
    assert one.name != other.name
    assert max(len(one.name), len(other.name)) < 70
    derived = [make_run(tmp_path / "e"), make_run(tmp_path / "f", config={"data": {"mean": [0.5]}, "devices": 2})]
    assert len(group_runs([read(run) for run in derived])) == 1


def test_many_groups_can_be_drawn(make_run, tmp_path):
    runs = [make_run(tmp_path / str(i), model=f"_model$_{i}", epochs=1 + i % 3, predictions=False) for i in range(40)]
    assert compare.write(runs, tmp_path / "out").exists()


def test_runs_without_epochs_give_a_table_and_no_picture(make_run, tmp_path):
    path = make_run(tmp_path / "run")
    compare.write([path], tmp_path / "out")
    (path / "metrics.jsonl").unlink()
    page = compare.write([path], tmp_path / "out")
    assert not (page.parent / "compare.png").exists()
    assert "there are no curves" in page.read_text()


def test_bad_input(make_run, tmp_path):
    with pytest.raises(UserError, match="nothing matched"):
        compare.write([], tmp_path / "out")
    with pytest.raises(UserError, match="nowhere is not a run directory"):
        compare.write([tmp_path / "nowhere"], tmp_path / "out")
    unfinished = make_run(tmp_path / "unfinished", status=None)
    with pytest.raises(UserError, match=r"has finished yet: .*unfinished"):
        compare.write([unfinished], tmp_path / "out")
    corrupt = make_run(tmp_path / "corrupt")
    (corrupt / "summary.json").write_text("{}")
    with pytest.raises(UserError, match=r"corrupt record in .*corrupt"):
        compare.write([corrupt, make_run(tmp_path / "good")], tmp_path / "out")
    assert not (tmp_path / "out").exists()
