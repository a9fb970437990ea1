"""The page of a study, or of several: its numbers are those of the records, and what is absent is said."""

from __future__ import annotations

import csv

import msgspec
import pytest

from minjax.errors import UserError
from minjax.findings import sentences
from minjax.findings.study import findings
from minjax.records.record import read_config, write_config
from minjax.records.stages import Training
from minjax.records.study import MEMBERS, SUMMARY, read_study
from minjax.report import study as report
from tests.report.reading import needs_no_other_file, png_size, tables_of, text_of, texts, undrawn, written
from tests.report.studies import cnn, dnn, make_study, spoil, stored

WIDTHS = (1, 5, 20, 50, 200)
ALWAYS = {"report.md", "index.html", "points.csv", "accuracy.png", "staircase.png", "envelope.png"}
CURVES = {"pruning.png", "quantization.png", "resilience.png"}
ALONE = ALWAYS | CURVES | {"learning.png"}
BARE = {"curves": False, "history": False}


def small(**about):
    return dnn(WIDTHS, depths=(1, 2), shapes=("equal", "decreasing"), **about)


def shallow(**about):
    return dnn(WIDTHS, depths=(1,), **about)


def write(path):
    """Write the report without drawing its pictures."""
    with undrawn():
        return report.write(path)


def together(folder, paths):
    """The page over several studies, without its pictures."""
    studies = report.read_finished(paths)
    with undrawn():
        return report.write_together(
            folder, studies, findings([m for one in studies for m in one.members], sizes=stored)
        )


@pytest.fixture(scope="module", name="reported")
def _reported(tmp_path_factory):
    members = small()
    spoil(members, 3, "diverged", "the loss became NaN in epoch 2")
    spoil(members, 14, "failed", "RESOURCE_EXHAUSTED: <out of memory>")
    path = make_study(tmp_path_factory.mktemp("study"), members)
    return read_study(path), write(path)


@pytest.fixture(scope="module", name="tables")
def _tables(reported):
    return tables_of(reported[1])


def rows(page):
    with (page.parent / "points.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_writes_every_file_and_nothing_half(tmp_path):
    path = make_study(tmp_path, shallow())
    page = report.write(path)
    assert written(page) == ALONE
    for picture in page.parent.glob("*.png"):
        width, height = png_size(picture.read_bytes())
        assert width == 1560
        assert 400 < height < 1200
    needs_no_other_file(page, len(ALONE) - 3)
    before = {child.name: child.read_bytes() for child in page.parent.iterdir()}
    assert report.write(path) == page  # the same records give the same bytes
    assert {child.name: child.read_bytes() for child in page.parent.iterdir()} == before


def test_the_certificate_stands_on_top_in_the_words_of_the_findings(reported):
    study, page = reported
    (one,) = study.summary.findings.certificates
    found = study.summary.findings.minimal
    assert found.num_params is not None
    for text in texts(page):
        assert sentences.answer(found) in text
        assert " ".join(sentences.certificate(one)) in text
        for words in (sentences.short(found), f"{one.bytes.float32:,} bytes as float32", "a tolerance of 1 point"):
            assert words in text


def test_claims_are_in_their_table(reported, tables):
    (table,) = tables["The claims"]
    found = reported[0].summary.findings.claims
    assert [row[""] for row in table] == ["1", "2", "3", "4", "5 pruning", "5 quantization", "6", "7"]
    for row, claim in zip(table, found, strict=True):
        assert row["claim"] == claim.statement
        assert claim.verdict in row["verdict"]
        assert row["why"] == claim.why
        assert row["what was measured"] == claim.statistic.text
    low, high = found[2].interval
    assert (table[2]["value"], table[2]["95 % interval"]) == (
        f"{found[2].statistic.value:,.0f}",
        f"{low:,.0f} to {high:,.0f}",
    )
    assert table[5]["value"] == f"{found[5].statistic.value:.3f}"


def test_networks_are_in_their_table(reported, tables):
    study, page = reported
    (table,) = tables["Networks"]
    found = study.summary.findings
    assert len(table) == len(found.regimes) == len(rows(page))
    convergence = {one.point: one for one in found.convergence}
    redundancy = {one.point: one for one in found.redundancy}
    for row, data, regime in zip(table, rows(page), found.regimes, strict=True):
        assert row["network"].split(" (also")[0] == data["name"] == regime.name
        assert row["parameters"] == f"{regime.num_params:,}"
        assert row["regime"].split(" (")[0] == data["regime"] == regime.regime
        assert row["validation accuracy"] == f"{100 * regime.mean:.2f} ± {100 * regime.sigma:.2f} %"
        assert row["training accuracy"] == f"{100 * (regime.mean + regime.gap):.2f} %"
        assert float(data["accuracy_mean"]) == pytest.approx(regime.mean, rel=1e-5)
        assert row["settled (epoch)"] == f"{convergence[regime.point].settled:.1f}"
        if one := redundancy.get(regime.point):
            assert row["redundancy"] == f"{100 * one.redundancy:.0f} %"
            if one.interval:
                ends = [float(data[f"redundancy_{end}"]) for end in ("low", "high")]
                assert ends == pytest.approx(one.interval, rel=1e-5)
    (first,) = (row for row in table if row["parameters"] == "87")
    assert first["network"] == "dnn-2-equal-1 (also dnn-2-decreasing-1)"
    assert sum(row["diverged"] == "1" for row in table) == sum(row["failed"] == "1" for row in table) == 1
    assert {data["seeds"] for data in rows(page)} == {"0 1 2 3 4"}


def test_members_that_did_not_complete_are_listed_with_their_reason(reported, tables):
    (table, *_) = tables["Members that did not complete: 2"]
    assert [(row["seed"], row["status"]) for row in table] == [("3", "diverged"), ("4", "failed")]
    assert table[0]["reason"] == "the loss became NaN in epoch 2"
    source = reported[1].read_text()
    assert "RESOURCE_EXHAUSTED: &lt;out of memory&gt;" in source
    assert "<out of" not in source


def test_the_settings_that_were_used_are_on_the_page(tmp_path):
    """config.json has learning_rate None, the optimizer's own; the page says which number that was."""
    ways = [
        Training(families=["cnn", "dnn"], points=2, settings={"epochs": 30, "optimizer.learning_rate": 0.1}),
        Training(families=["vit"], points=1, settings={"epochs": 5, "optimizer.learning_rate": 0.003}),
    ]
    path = make_study(tmp_path, shallow(**BARE), training=ways)
    (table,) = tables_of(write(path))["Training"]
    names = "cnn, dnn (2 networks)", "vit (1 network)"
    assert {row["setting"]: tuple(row[name] for name in names) for row in table} == {
        "epochs": ("30", "5"),
        "optimizer.learning_rate": ("0.1", "0.003"),
    }
    assert read_config(path)["optimizer"]["learning_rate"] is None


def test_conditions_are_on_the_page(reported):
    text = text_of(reported[1].read_text())
    for words in (
        "1,150 training, 287 validation and 360 test, 8 x 8 x 1",
        "optimizer.name adam",
        "0, 1, 2, 3, 4",
        "68 completed, 1 diverged, 1 failed, of 70 planned",
        "pruned by global_l1, quantized by symmetric_channel_minmax",
        "7b014988c0ffee",
        "3 min 41 s",
    ):
        assert words in text
    assert "sgdm" not in text  # the preset's alternative for another optimizer


@pytest.mark.parametrize(
    ("status", "words"), [("budget", "stopped at its time budget"), ("interrupted", "interrupted")]
)
def test_a_study_that_stopped_says_so_on_top(tmp_path, status, words):
    for text in texts(write(make_study(tmp_path, shallow(**BARE), status))):
        assert "Some of the planned networks are missing" in text[:300]
        assert words in text[:400]


def test_a_whole_study_does_not(reported):
    assert "planned networks are missing" not in reported[1].read_text()


def test_absent_parts_are_said_and_earlier_pictures_are_removed(tmp_path):
    path = make_study(tmp_path, dnn((1, 5), depths=(1,), **BARE))
    (path / "report").mkdir()
    for name in ALONE | {"families.png"}:
        (path / "report" / name).write_text("of an earlier report")
    page = write(path)
    assert written(page) == ALWAYS
    for text in texts(page):
        assert "Nothing was recorded about learning curves, pruning, quantization." in text
        assert "no network trains stably" in text
        assert "did not complete" not in text


def test_awkward_names_reach_the_page_as_text(tmp_path):
    members = [
        msgspec.structs.replace(m, name=name, names=[name])
        for m in small(dataset="_<b>d|$\\frac", curves=False)
        for name in [f"<img src=http://x/y>\u202e{m.name}\n"]
    ]
    page = write(make_study(tmp_path, members, name="日本語 <i>"))
    markdown = (page.parent / "report.md").read_text()
    for markup in ("<img src=http", "<b>d", "<i>", "\u202e"):
        assert markup not in page.read_text() + markdown
    assert len(tables_of(page)["Networks"][0]) == len({member.point for member in members})


def test_an_unfinished_study_is_refused(tmp_path):
    path = make_study(tmp_path / "a study", dnn((1, 5), depths=(1,), **BARE))
    (path / SUMMARY).rename(tmp_path / "kept.json")
    for attempt in (write, lambda path: report.read_finished([path])):
        with pytest.raises(UserError, match=r"a study is not finished: it has no study.json \(10 members in points"):
            attempt(path)
    (tmp_path / "kept.json").rename(path / SUMMARY)
    (path / MEMBERS).unlink()
    with pytest.raises(UserError, match="no member in points"):
        write(path)
    with pytest.raises(UserError, match="nothing matched"):
        report.read_finished([])


@pytest.mark.parametrize(
    ("name", "text"), [(SUMMARY, "{"), (SUMMARY, "[]"), (MEMBERS, "nonsense\n"), (MEMBERS, "[]\n")]
)
def test_a_damaged_record_is_one_line_that_names_the_file(tmp_path, name, text):
    path = make_study(tmp_path / "a study", dnn((1, 5), depths=(1,), **BARE))
    (path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        write(path)
    assert str(path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (path / "report").exists()


def test_one_page_over_several_studies(tmp_path):
    paths = [
        make_study(tmp_path / "digits", shallow() + cnn((1, 4, 16), depths=(1,)), name="digits"),
        make_study(tmp_path / "fashion", shallow(dataset="fashion_mnist", hard=2.0), "budget", name="fashion"),
    ]
    page = together(tmp_path / "page", paths)
    assert page == tmp_path / "page" / "index.html"
    assert written(page) == ALONE | {"families.png"}
    studies = [read_study(path) for path in paths]
    text = text_of(page.read_text())
    for study in studies:
        assert str(study.path) in text
        for certificate in study.summary.findings.certificates:
            assert " ".join(sentences.certificate(certificate)) in text
    assert "2 studies together" in text
    assert f"fashion ({paths[1]}) was stopped at its time budget" in text
    _, claims = tables_of(page)["The claims"]  # by data set, and together
    found = findings([m for study in studies for m in study.members])
    assert [row["why"] for row in claims] == [claim.why for claim in found.claims]
    assert {row["dataset"] for row in rows(page)} == {"digits", "fashion_mnist"}
    # the staircase and all networks of each data set; for each of three families on one five pictures; and a page of
    # panels more for accuracy over families
    assert page.read_text().count("data:image/png;base64,") == 2 * 2 + 5 * 3 + 1


def test_the_findings_together_certify_what_two_studies_share(tmp_path):
    members = dnn((1, 2, 5, 10, 20, 50, 100, 200, 500), depths=(1,), **BARE)
    halves = [
        make_study(tmp_path / str(number), [m for m in members if m.labels["width"] in widths])
        for number, widths in enumerate(((1, 5, 20, 100, 500), (2, 10, 50, 200)))
    ]
    text = text_of(together(tmp_path / "page", halves).read_text())
    (one,) = findings(members, sizes=stored).certificates
    assert text.count("dnn on digits: ") == 1
    assert " ".join(sentences.certificate(one)) in text
    assert "a statement about 9 networks of 9 sizes" in text


def test_different_data_under_one_name_are_refused(tmp_path):
    paths = [make_study(tmp_path / name, shallow(**BARE)) for name in ("one", "other")]
    config = read_config(paths[1])
    write_config(paths[1], config | {"data": config["data"] | {"fingerprint": "0"}})
    with pytest.raises(UserError, match=r"one and .*other have different data under one name, digits"):
        together(tmp_path / "page", paths)
    assert not (tmp_path / "page").exists()
