"""The report of a study: what is written, and that the records' values are in it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import pytest

from minjax.errors import UserError
from minjax.report import study
from tests.report.study.study_records import cnn, dnn, findings, make_study, spoil
from tests.report.test_compression_report import parsed
from tests.report.test_report_run import png_size, text_of, written

WIDTHS = (1, 5, 20, 50, 200)
ALWAYS = {"report.md", "index.html", "points.csv", "accuracy.png"}
CURVES = {"pruning.png", "quantization.png", "resilience.png"}
ALONE = ALWAYS | CURVES | {"learning.png"}


def small(**about):
    return dnn(WIDTHS, depths=(1, 2), shapes=("equal", "decreasing"), **about)


def shallow(**about):
    return dnn(WIDTHS, depths=(1,), **about)


@pytest.fixture(scope="module", name="reported")
def _reported(tmp_path_factory):
    members = small()
    spoil(members, 3, "diverged", "the loss became NaN in epoch 2")
    spoil(members, 14, "failed", "RESOURCE_EXHAUSTED: <out of memory>")
    path = make_study(tmp_path_factory.mktemp("study"), members)
    return path, study.write(path)


@pytest.fixture(scope="module", name="summary")
def _summary(reported):
    return json.loads((reported[0] / "study.json").read_text())


@pytest.fixture(scope="module", name="tables")
def _tables(reported):
    return parsed((reported[1].parent / "report.md").read_text())


def rows(page):
    with (page.parent / "points.csv").open() as file:
        return list(csv.DictReader(file))


def test_writes_every_file_and_nothing_half(reported):
    _, page = reported
    assert written(page) == ALONE
    for path in page.parent.glob("*.png"):
        width, height = png_size(path.read_bytes())
        assert width == 1560
        assert 400 < height < 1200


def test_page_needs_no_other_file_and_asks_for_none(reported):
    page = reported[1].read_text()
    for attribute in re.findall(r"(?:src|href|srcset|action|data)\s*=\s*[\"']?([^\s\"'>]+)", page):
        assert attribute.startswith("data:"), attribute
    assert page.count("data:image/png;base64,") == len(ALONE) - 3
    assert "<script" not in page


def test_the_same_records_give_the_same_bytes(reported):
    path, page = reported
    before = {child.name: child.read_bytes() for child in page.parent.iterdir()}
    assert study.write(path) == page
    assert {child.name: child.read_bytes() for child in page.parent.iterdir()} == before


def test_the_certificate_stands_on_top_in_words(reported, summary):
    (one,) = summary["certificates"]
    low, high = one["interval"]
    sentences = (
        f"dnn on digits: {one['num_params']:,} parameters are enough for stable learning (95 % interval {low:,} to "
        f"{high:,}, on a grid of {len(one['grid'])} sizes from 85 to {max(one['grid']):,}), those of {one['name']}: "
        f"accuracy {100 * one['accuracy']:.2f} ± {100 * one['sigma']:.2f} % over 5 seeds, where "
        f"{100 * one['target']:.2f} % had to be reached.",
        f"The next smaller size of the grid, {one['below']['num_params']:,}, does not do: {one['below']['why']}.",
        f"{100 * one['redundancy']:.0f} % of its weights are redundant (95 % interval",
        f"{one['bytes']['float32']:,} bytes as float32, {one['bytes']['quantized']:,} bytes quantized, ",
        "at a tolerance of 1 point",
    )
    for text in (text_of(reported[1].read_text()), (reported[1].parent / "report.md").read_text().replace("\\", "")):
        for sentence in sentences:
            assert sentence in text
    assert f"dnn on digits {one['num_params']:,} parameters 95 % interval" in text_of(reported[1].read_text())


def test_claims_are_in_their_table(summary, tables):
    (table,) = tables["The claims"]
    assert [row[""] for row in table] == [str(number) for number in range(1, 8)]
    for row, claim in zip(table, summary["claims"], strict=True):
        assert row["claim"] == claim["statement"]
        assert claim["verdict"] in row["verdict"]
        assert row["why"] == claim["why"]
        assert row["what was measured"] == claim["statistic"]["text"]
    low, high = summary["claims"][2]["interval"]
    assert (table[2]["value"], table[2]["95 % interval"]) == (
        f"{summary['claims'][2]['statistic']['value']:,.0f}",
        f"{low:,.0f} to {high:,.0f}",
    )
    six = summary["claims"][5]
    assert table[5]["value"] == f"{six['statistic']['value']:.3f}"


def test_points_are_in_their_table(summary, tables, reported):
    (table,) = tables["Networks"]
    regimes = summary["regimes"]
    assert len(table) == len(regimes) == len(rows(reported[1]))
    convergence = {record["point"]: record for record in summary["convergence"]}
    redundancy = {record["point"]: record for record in summary["redundancy"]}
    for row, data, regime in zip(table, rows(reported[1]), regimes, strict=True):
        assert row["network"].split(" (also")[0] == data["name"] == regime["name"]
        assert row["parameters"] == f"{regime['num_params']:,}"
        assert row["regime"] == data["regime"] == regime["regime"]
        assert row["test accuracy"] == f"{100 * regime['mean']:.2f} ± {100 * regime['sigma']:.2f} %"
        assert row["training accuracy"] == f"{100 * (regime['mean'] + regime['gap']):.2f} %"
        assert float(data["test_accuracy_mean"]) == pytest.approx(regime["mean"], rel=1e-5)
        assert row["settled (epoch)"] == f"{convergence[regime['point']]['settled']:.1f}"
        if regime["point"] in redundancy:
            found = redundancy[regime["point"]]
            assert row["redundancy"] == f"{100 * found['redundancy']:.0f} %"
            if found["interval"]:
                assert [float(data[f"redundancy_{end}"]) for end in ("low", "high")] == pytest.approx(found["interval"])
    (first,) = (row for row in table if row["parameters"] == "87")
    assert first["network"] == "dnn-2-equal-1 (also dnn-2-decreasing-1)"
    assert sum(row["diverged"] == "1" for row in table) == sum(row["failed"] == "1" for row in table) == 1
    assert {data["seeds"] for data in rows(reported[1])} == {"0 1 2 3 4"}


def test_members_that_did_not_complete_are_listed_with_their_reason(tables, reported):
    (table,) = tables["Members that did not complete: 2"]
    assert [(row["seed"], row["status"]) for row in table] == [("3", "diverged"), ("4", "failed")]
    assert table[0]["reason"] == "the loss became NaN in epoch 2"
    page = reported[1].read_text()
    assert "RESOURCE_EXHAUSTED: &lt;out of memory&gt;" in page
    assert "<out of" not in page


def test_conditions_are_on_the_page(reported):
    text = text_of(reported[1].read_text())
    for words in (
        "1,437 training and 360 test, 8 x 8 x 1",
        "adam, learning_rate 0.001",
        "0, 1, 2, 3, 4",
        "68 completed, 1 diverged, 1 failed, of 70 planned",
        "pruned by global_l1, quantized by symmetric_channel_minmax",
        "NVIDIA H200",
        "7b014988c0ffee",
        "3 min 41 s",
    ):
        assert words in text
    assert "sgdm" not in text  # the preset's alternative for another optimizer


@pytest.mark.parametrize(("status", "words"), [("budget", "stopped at its budget"), ("interrupted", "interrupted")])
def test_a_study_that_stopped_says_so_on_top(tmp_path, status, words):
    path = make_study(tmp_path, small(curves=False, history=False), status)
    page = study.write(path)
    text = text_of(page.read_text())
    assert "Not all of the planned networks are here." in text[:300]
    assert words in text[:400]
    assert "Not all of the planned networks" in (page.parent / "report.md").read_text()[:300]


def test_a_whole_study_does_not(reported):
    assert "Not all of the planned networks" not in reported[1].read_text()


def test_absent_parts_are_said_and_earlier_pictures_are_removed(tmp_path):
    path = make_study(tmp_path, dnn((1, 5), depths=(1,), curves=False, history=False))
    (path / "report").mkdir()
    for name in ALONE | {"families.png"}:
        (path / "report" / name).write_text("of an earlier report")
    page = study.write(path)
    assert written(page) == ALWAYS
    for text in (text_of(page.read_text()), (page.parent / "report.md").read_text()):
        assert "Nothing was recorded of: learning curves, pruning, quantization." in text
        assert "no size of the grid qualifies: there are 2 sizes of equal shape with at least 5 seeds, and 4" in text
        assert "did not complete" not in text


def test_needs_neither_a_model_nor_a_device_and_is_light_to_import(tmp_path):
    path = make_study(tmp_path, dnn((1, 5), depths=(1,), curves=False, history=False))
    heavy = ("matplotlib", "jinja2", "jax", "flax", "minjax.models", "minjax.compress", "minjax.studies", "minjax.tree")
    code = (
        f"import sys; from minjax.report import study; found = lambda: [n for n in {heavy} if n in sys.modules];"
        f"print(found()); study.write({str(path)!r}); print(found())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "['matplotlib', 'jinja2']"]


def test_awkward_names_reach_the_page_as_text(tmp_path):
    members = small(dataset="_<b>d|$\\frac", curves=False)
    for member in members:
        member["name"] = member["names"][0] = f"<img src=http://x/y>\u202e{member['name']}\n"
    page = study.write(make_study(tmp_path, members, name="日本語 <i>"))
    text = page.read_text()
    for markup in ("<img src=http", "<b>d", "<i>", "\u202e"):
        assert markup not in text
    markdown = (page.parent / "report.md").read_text()
    assert "<img" not in markdown
    assert len(parsed(markdown)["Networks"][0]) == len({member["point"] for member in members})


# Several studies on one page


@pytest.fixture(scope="module", name="together")
def _together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    paths = [
        make_study(folder / "digits", shallow() + cnn((1, 4, 16), depths=(1,)), name="digits"),
        make_study(folder / "fashion", shallow(dataset="fashion_mnist", hard=2.0), "budget", name="fashion"),
    ]
    found = findings(study.members(paths))
    return paths, found, study.write_together(folder / "page", paths, found)


def test_one_page_over_several_studies(together):
    paths, found, page = together
    assert page == paths[0].parent / "page" / "index.html"
    assert written(page) == ALONE | {"families.png"}
    text = text_of(page.read_text())
    for path in paths:
        for certificate in json.loads((path / "study.json").read_text())["certificates"]:
            subject = f"{certificate['family']} on {certificate['dataset']}: "
            size = certificate["num_params"]
        bound = "at least " if size == max(certificate["grid"]) else ""
        assert subject + (f"{bound}{size:,} parameters are" if size else "no size") in text
        assert str(path) in text
    assert "2 studies together" in text
    assert f"fashion ({paths[1]}) was stopped at its budget" in text
    (claims,) = parsed((page.parent / "report.md").read_text())["The claims"]
    assert [row["why"] for row in claims] == [claim["why"] for claim in found["claims"]]
    assert {row["dataset"] for row in rows(page)} == {"digits", "fashion_mnist"}
    # a picture for each family on each data set: three, and for accuracy over families one more page of panels
    assert page.read_text().count("data:image/png;base64,") == 5 * 3 + 1


def test_of_one_network_in_two_studies_the_later_counts(tmp_path):
    first, second = small(curves=False, history=False), small(curves=False, history=False)
    for member in second[-5:]:
        member["final"] = member["final"] | {"test_accuracy": 0.5}
    paths = [make_study(tmp_path / name, members) for name, members in (("a", first), ("b", second))]
    page = study.write_together(tmp_path / "page", paths, findings(study.members(paths)))
    changed = [float(row["test_accuracy_mean"]) == 0.5 for row in rows(page)]
    assert [row["point"] for row, is_changed in zip(rows(page), changed, strict=True) if is_changed] == [
        second[-1]["point"]
    ]
    assert len(rows(page)) == len({member["point"] for member in first})


def test_the_findings_together_certify_what_two_studies_share(tmp_path):
    members = dnn((1, 2, 5, 10, 20, 50, 100, 200, 500), depths=(1,))
    half = [
        make_study(tmp_path / str(number), [m for m in members if m["labels"]["width"] in widths])
        for number, widths in enumerate(((1, 5, 20, 100, 500), (2, 10, 50, 200)))
    ]
    found = findings(study.members(half))
    page = study.write_together(tmp_path / "page", half, found)
    text = text_of(page.read_text())
    assert text.count("dnn on digits: ") == 1
    assert f"{found['minimal']['num_params']:,} parameters are enough" in text
    assert "on a grid of 9 sizes" in text


def test_different_data_under_one_name_are_refused(tmp_path):
    paths = [make_study(tmp_path / name, small(curves=False, history=False)) for name in ("one", "other")]
    config = json.loads((paths[1] / "config.json").read_text())
    config["data"]["fingerprint"] = "0"
    (paths[1] / "config.json").write_text(json.dumps(config))
    for attempt in (study.members, lambda p: study.write_together(tmp_path / "page", p, {})):
        with pytest.raises(UserError, match=r"one and .*other are of different data under one name, digits"):
            attempt(paths)
    assert not (tmp_path / "page").exists()
