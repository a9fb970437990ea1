"""The page of a set of runs, from records alone."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest

from minjax.errors import UserError
from minjax.records.table import TABLE, Scale
from minjax.report.epochs import PANELS
from minjax.report.formats import ABSENT
from minjax.report.run import write as write_run
from minjax.report.tables import write
from tests.report.reading import needs_no_other_file, tables_of, texts, undrawn, written
from tests.report.sets import make_cell, make_table

QUICK = Scale(epochs=6, batch_size=128, limit_train=10_000)


@pytest.fixture(scope="module", name="page")
def _page(tmp_path_factory):
    """ResNet18_S with three seeds as the paper trained it, ViT_S at another scale, and cells that came to nothing."""
    path = tmp_path_factory.mktemp("set")
    cells = [
        make_cell(path, "resnet18_s", optimizer, seed=seed, best=0.93 + (seed - 43) / 100, validation=True)
        for optimizer in ("adam", "adabound")
        for seed in (42, 43, 44)
    ]
    cells += [
        make_cell(path, "vit_s", "adam", scale=QUICK, best=0.5, departures=["weight decay 0, not 0.001"]),
        make_cell(path, "vit_s", "sgdm", scale=QUICK, best=0.5, departures=[]),
        make_cell(path, "vit_s", "adabound", scale=QUICK, status="diverged"),
        make_cell(path, "vgg16_s", "adam", scale=QUICK),
        make_cell(path, "resnet18_s", "adam", "CIFAR-10 (JPEG)", scale=QUICK),
        make_cell(path, "resnet18_s", "adam", "cifar100", status="no_data", reason="There is no cifar100 here."),
        make_cell(path, "resnet18_s", "sgdm", "cifar100", status="not_run"),
        make_cell(path, "dnn", "adam", "digits", scale=QUICK, departures=None, preset=""),
    ]
    make_table(path, cells, folders=["CIFAR-10 (JPEG)"], status="budget")
    with undrawn():
        write_run(path / cells[0].directory)
        page = write(path)
    return page


def row(page, caption: str, architecture: str, optimizer: str) -> dict[str, str]:
    """A row of a table."""
    rows = next(rows for rows in tables_of(page)[caption])
    return next(row for row in rows if (row["architecture"], row["optimizer"]) == (architecture, optimizer))


def test_table_2_has_ours_beside_the_papers(page):
    found = row(page, "Table 2: ResNet18 and ResNet18_S on cifar10", "ResNet18_S", "AdaBound")
    assert found["ours: maximum"] == "88.63 ± 0.95 %"
    assert found["seeds"] == "3"
    assert found["paper 1: maximum"] == "91.72 %"
    assert found["difference, points"] == "-3.09"
    assert found["reading"] == "within seed noise (one more seed: 83.91 % to 93.36 %)"


def test_what_the_set_lacks_is_in_its_row(page):
    found = row(page, "Table 2: ResNet18 and ResNet18_S on cifar10", "ResNet18", "SGDM")
    assert (found["ours: maximum"], found["paper 1: maximum"]) == (ABSENT, "89.40 %")
    assert found["reading"] == "not run (not in this set of runs)"


def test_what_all_rows_depart_in_is_said_below_the_table_and_the_rest_in_the_row(page):
    caption = "Table 4: ViT and ViT_S on cifar10"
    assert row(page, caption, "ViT_S", "Adam")["reading"] == "other protocol (weight decay 0, not 0.001)"
    assert row(page, caption, "ViT_S", "SGDM")["reading"] == "other protocol"
    assert row(page, caption, "ViT_S", "AdaBound")["reading"] == "diverged"
    assert row(page, caption, "ViT_S", "AdaBound")["seeds"] == "0 of 1"
    for text in texts(page):
        assert "All of ours: 6 epochs, not 200; batch size 128, not 8; trained on 10,000 images only." in text


def test_a_long_list_of_settings_stands_by_itself(tmp_path):
    long = [f"optimizer.field_{number} 1, not 2" for number in range(4)]
    cells = [make_cell(tmp_path, "vit_s", name, departures=own) for name, own in (("adam", long), ("sgdm", []))]
    with undrawn():
        page = write(make_table(tmp_path, cells))
    caption = "Table 4: ViT and ViT_S on cifar10"
    assert row(page, caption, "ViT_S", "Adam")["reading"] == "other protocol (4 settings of its own)"
    (listed,) = tables_of(page)[caption][1:]
    assert [(one["optimizer"], one["differs in"]) for one in listed] == [("Adam", "; ".join(long))]


def test_other_data_and_absent_data_are_said(page):
    assert (
        row(page, "Table 2: ResNet18 and ResNet18_S on CIFAR-10 (JPEG)", "ResNet18_S", "Adam")["reading"]
        == "other data"
    )
    caption = "Table 3: ResNet18 and ResNet18_S on cifar100"
    assert row(page, caption, "ResNet18_S", "Adam")["reading"] == "not run (There is no cifar100 here.)"
    assert row(page, caption, "ResNet18_S", "SGDM")["reading"] == "not run (not trained yet)"
    assert row(page, "No figure in paper 1: dnn on digits", "dnn", "Adam")["reading"] == "other data"
    assert row(page, "No figure in paper 1: VGG16_S on cifar10", "VGG16_S", "Adam")["reading"] == "no figure"


def test_the_maximum_is_kept_apart_from_what_no_test_image_chose(page):
    found = tables_of(page)["Without selecting on the test split"][0]
    mine = next(row for row in found if (row["architecture"], row["optimizer"]) == ("ResNet18_S", "AdaBound"))
    assert (mine["data set"], mine["epochs"], mine["seeds"]) == ("cifar10", "6", "3")
    assert mine["last epoch"].endswith(" ± 0.95 %")
    assert mine["chosen on validation"].endswith(" ± 0.95 %")
    vit = next(row for row in found if row["architecture"] == "ViT_S")
    assert vit["chosen on validation"] == ABSENT


def test_the_page_begins_with_what_was_found(page):
    for text in texts(page):
        assert "Of the 24 figures of paper 1's Tables 2 to 5, 4 have finished runs to be compared with" in text
        assert "Readings: 2 within seed noise, 2 other protocol and 1 other data." in text
        assert "seeds 42, 43, 44. Paper 1: 200 epochs of all training images with a batch size of 8, one seed." in text
        assert "11 of 14" in text
        assert "budget: stopped by its budget before every cell was trained" in text
        assert "ViT_S under SGDM (Table 4)" in text  # at chance in the paper
        assert "There is no cifar100 here." in text
        assert "CIFAR-10 (JPEG) is read from a folder, which need not hold the paper's CIFAR-10." in text
        assert "Table 5 (ViT and ViT_S on CIFAR-100)" in text


def test_every_run_is_listed_and_its_page_linked(page):
    rows = tables_of(page)["Runs"][0]
    assert len(rows) == 14
    assert {row["status"] for row in rows} == {
        *("completed", "diverged at step 1,234", "no data; There is no cifar100 here.", "not trained yet"),
    }
    needs_no_other_file(page, pictures=52)
    own = page.parent.parent / "cells" / "paper-resnet18_s-cifar10-adam-s42" / "report" / "index.html"
    assert 'href="../cells/paper-resnet18_s-cifar10-adam-s42/report/index.html"' in page.read_text()
    assert 'href="../../../report/index.html"' in own.read_text()
    assert (own.parent / "../../../report/index.html").resolve() == page.resolve()


def test_the_figures_of_learning_curves_are_named(page):
    text = texts(page)[1]
    assert "cifar10: the optimizers together (paper 1: Figure 8 and Figure 14)" in text
    assert "cifar10: each optimizer alone (paper 1: Figure 9 and Figure 13)" in text
    assert "digits: the optimizers together\n" in text
    assert {f"curves-{n}-optimizers-{how}.png" for n in (1, 2, 4) for how in ("together", "alone")} <= written(page)


def test_the_table_is_there_as_data(page):
    rows = list(csv.DictReader(io.StringIO((page.parent / "table.csv").read_text())))
    mine = next(row for row in rows if (row["architecture"], row["optimizer"]) == ("resnet18_s", "adabound"))
    assert mine["seeds"] == "42 43 44"
    assert float(mine["paper_max_test_accuracy"]) == 0.9172
    assert float(mine["difference"]) == pytest.approx(float(mine["max_test_accuracy_mean"]) - 0.9172, abs=1e-6)
    assert float(mine["one_more_seed_low"]) < 0.9172 < float(mine["one_more_seed_high"])
    vit = next(row for row in rows if row["network"] == "paper/vit_s" and row["optimizer"] == "adam")
    assert vit["departures"].startswith("6 epochs, not 200; batch size 128, not 8;")
    assert vit["reading"] == "other protocol"


def test_without_any_run_the_page_says_so_and_old_pictures_go(tmp_path):
    make_table(tmp_path, [make_cell(tmp_path, "vit", "adam", status="not_run")], status="interrupted")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "curves-9-optimizers-alone.png").write_bytes(b"")
    page = write(tmp_path)
    assert written(page) == {"index.html", "report.md", "table.csv"}
    for text in texts(page):
        assert "None of the 24 figures of paper 1's Tables 2 to 5 has a finished run of its network beside it." in text
        assert "The same command trains what is left:" in text


def test_two_presets_of_a_network_are_told_apart(tmp_path):
    cells = [make_cell(tmp_path, "vit_s", "adam", preset=preset) for preset in ("", "paper/")]
    with undrawn():
        page = write(make_table(tmp_path, cells))
    names = {row["architecture"] for row in tables_of(page)["Table 4: ViT and ViT_S on cifar10"][0]}
    assert names == {"ViT", "ViT_S", "ViT_S (vit_s)", "ViT_S (paper/vit_s)"}  # ViT_S under the other optimizers


def test_a_damaged_run_is_a_marked_cell_and_not_a_lost_table(tmp_path):
    cells = [make_cell(tmp_path, "vit_s", name) for name in ("adam", "sgdm")]
    cells.append(make_cell(tmp_path, "vit_s", "adabound"))
    cells[2] = msgspec.structs.replace(cells[2], status="failed", reason="it holds another run")
    (tmp_path / cells[0].directory / "summary.json").write_text("{")
    with undrawn() as figures:
        page = write(make_table(tmp_path, cells))
    caption = "Table 4: ViT and ViT_S on cifar10"
    assert "summary.json: not JSON" in row(page, caption, "ViT_S", "Adam")["reading"]
    assert row(page, caption, "ViT_S", "AdaBound")["reading"] == "not run (it holds another run)"
    assert row(page, caption, "ViT_S", "SGDM")["seeds"] == "1"
    assert len(figures) == 2 * len(PANELS)  # of the one run that counts, together and alone


def test_what_is_no_set_of_runs_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not a directory of a set of runs: it has no config"):
        write(tmp_path)
    make_table(tmp_path, [make_cell(tmp_path, "vit", "adam", status="not_run")])
    (tmp_path / TABLE).unlink()
    with pytest.raises(UserError, match=r"has no table\.json to report on yet"):
        write(tmp_path)
