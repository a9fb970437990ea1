"""The comparison of several runs: its numbers are those of the records; what must not be averaged is not."""

from __future__ import annotations

import csv
import statistics

import msgspec
import pytest

from minjax.errors import UserError
from minjax.records.record import read, write
from minjax.records.run import SUMMARY, RunSummary, read_run
from minjax.report import compare
from tests.report.reading import links_of, needs_no_other_file, tables_of, text_of, texts, undrawn, written


@pytest.fixture(autouse=True)
def _undrawn(request):
    """Pictures take seconds; only slow tests draw them."""
    if request.node.get_closest_marker("slow"):
        yield
        return
    with undrawn():
        yield


def final(path):
    """The final test accuracy of a run."""
    return read_run(path).summary.final.test_accuracy


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
    summary = read(runs[1] / SUMMARY, RunSummary)
    ends = msgspec.structs.replace(summary.final, test_accuracy=0.75)
    write(runs[1] / SUMMARY, msgspec.structs.replace(summary, final=ends))
    page = compare.write(runs, tmp_path / "out")
    table = markdown_table(page)[:5]
    header = "architecture|optimizer|data set|parameters|epochs|runs|final test accuracy"
    assert "|".join(table[0]) == header
    assert [row[:6] for row in table[2:]] == [
        ["resnet18\\_s", name, "cifar10", "701,466", "4", "2"] for name in ("sgdm", "adam", "adabound")
    ]
    folded = tables_of(page)["Papers"][0]
    assert [row["paper 1: maximum"] for row in folded] == [
        "86.85 % (Table 2)",
        "89.27 % (Table 2)",
        "91.72 % (Table 2)",
    ]
    finals = [final(run) for run in runs[:2]]
    expected = f"{100 * statistics.mean(finals):.2f} ± {100 * statistics.stdev(finals):.2f} %"
    assert table[4][6] == expected
    last = rows(page)[2]
    assert list(last) == list(compare.CSV_HEADER)
    assert float(last["final_test_accuracy_mean"]) == pytest.approx(statistics.mean(finals), abs=1e-6)
    assert float(last["final_test_accuracy_std"]) == pytest.approx(statistics.stdev(finals), abs=1e-6)
    assert (last["seeds"], last["paper_max_test_accuracy"], last["paper_table"]) == ("1 2", "0.9172", "Table 2")
    assert written(page) == {"compare.png", "table.csv", "report.md", "index.html"}


def test_the_highest_mean_comes_first_and_the_papers_figures_are_folded(make_run, tmp_path):
    runs = [make_run(tmp_path / name, optimizer=name, best=best) for name, best in (("adam", 0.9), ("sgdm", 0.8))]
    (runs[0] / "report").mkdir()
    (runs[0] / "report" / "index.html").write_text("a page")
    page = compare.write(runs, tmp_path / "out")
    for text in texts(page):
        first, _, evidence = text.partition("Evidence")
        assert (
            f"highest mean final test accuracy is that of resnet18_s, adam: {100 * final(runs[0]):.2f} % over" in first
        )
        assert "over 1 seed, which does not say how much seeds differ" in first
        assert f"minjax compress {runs[0]}" in first
        assert "paper" not in first.lower()
        assert "paper 1: maximum" in evidence
    assert links_of(page)[-1] == "../adam/report/index.html"  # the other one has no page
    folded = page.read_text().partition("<summary>Beside paper 1</summary>")[2].partition("</details>")[0]
    assert "Paper 1's figure is the largest test accuracy" in text_of(folded)


@pytest.mark.slow
def test_page_is_self_contained(make_run, tmp_path):
    runs = [make_run(tmp_path / name, dataset=name, epochs=2) for name in ("cifar10", "<i>cifar100</i>")]
    page = compare.write(runs, tmp_path / "out")
    needs_no_other_file(page, pictures=8)  # four for each data set
    assert "<i>" not in page.read_text()


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
    assert float(row["final_test_accuracy_mean"]) == pytest.approx(final(good))
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
    page = compare.write([*runs, runs[0], tmp_path / "b"], tmp_path / "out")
    (row,) = rows(page)
    assert (row["runs"], row["completed"], row["final_test_accuracy_std"]) == ("2", "1", "")
    assert "the same seed again" in (page.parent / "report.md").read_text()


def test_a_folder_is_not_cifar10(make_run, tmp_path):
    path = make_run(tmp_path / "run", dataset="cifar10-jpeg", folder=True, optimizer="adabound", metrics=False)
    page = compare.write([path], tmp_path / "out")
    table = markdown_table(page)
    assert table[2][2] == "cifar10-jpeg"
    assert tables_of(page)["Papers"][0][0]["paper 1: maximum"] == "91.72 % (for CIFAR-10, Table 2)"
    assert "The paper used other data" in (page.parent / "report.md").read_text()


def test_a_part_of_the_data_or_another_network_is_said(make_run, tmp_path):
    part = {"dataset": {"name": "cifar10", "limit_train": 1000}}
    runs = [
        make_run(tmp_path / "part", config=part, metrics=False),
        make_run(tmp_path / "wide", num_params=123_456, metrics=False),
    ]
    page = compare.write(runs, tmp_path / "out")
    table = {row["data set"]: row["paper 1: maximum"] for row in tables_of(page)["Papers"][0]}
    assert table["cifar10, 1,000 training images"] == "86.85 % (for CIFAR-10, Table 2)"
    assert table["cifar10"] == "86.85 % (Table 2)"
    assert "it has 123,456 parameters, the paper's has 701,466" in (page.parent / "report.md").read_text()


@pytest.mark.slow
def test_many_groups_can_be_drawn(make_run, tmp_path):
    runs = [
        make_run(tmp_path / str(i), model=f"_model$_{i}", epochs=1 + i % 3, with_predictions=False) for i in range(40)
    ]
    assert compare.write(runs, tmp_path / "out").exists()


def test_runs_without_epochs_give_a_table_and_no_picture(make_run, tmp_path):
    path = make_run(tmp_path / "run")
    compare.write([path], tmp_path / "out")
    (path / "metrics.jsonl").unlink()
    page = compare.write([path], tmp_path / "out")
    assert not (page.parent / "compare.png").exists()
    for text in texts(page):
        assert "There are no curves" in text


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
    with pytest.raises(UserError, match=r"corrupt.summary.json"):
        compare.write([corrupt, make_run(tmp_path / "good")], tmp_path / "out")
    assert not (tmp_path / "out").exists()
