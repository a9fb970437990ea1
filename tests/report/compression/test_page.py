"""The page of a compression: its numbers are those of the records, and what was not measured is said."""

from __future__ import annotations

import pytest

from minjax.errors import UserError
from minjax.records.compression import MEASUREMENTS, SUMMARY, TRAINED, read_compression
from minjax.report import compression as report
from minjax.report import paper
from minjax.report.compression import accuracies
from tests.report.compressions import AMOUNTS, DENSE, FIRST, SCHEMES, make_compression, point
from tests.report.reading import needs_no_other_file, png_size, tables_of, text_of, texts, undrawn, written

PAGES = {"report.md", "index.html"}
PICTURES = {f"{name}.png" for name in ("pruning", "quantization", "joint", "sensitivity", "pareto", "rounds", "aware")}
BARE = {"phases": [], "first_layer": None, "pareto": [], "packed": [], "shrink": []}


def write(path):
    """Write the report without drawing its pictures."""
    with undrawn():
        return report.write(path)


@pytest.fixture(scope="module", name="page")
def _page(compressed):
    return write(compressed)


@pytest.fixture(scope="module", name="tables")
def _tables(page):
    return tables_of(page)


@pytest.fixture(scope="module", name="compression")
def _compression(compressed):
    return read_compression(compressed)


def accuracy_of(compression, **fields):
    """The accuracy of the only measurement with these fields, in percent."""
    (line,) = (m for m in compression.measurements if all(getattr(m, name) == value for name, value in fields.items()))
    return f"{100 * line.accuracy:.2f}"


@pytest.mark.slow
def test_writes_every_file_and_nothing_half(tmp_path):
    page = report.write(make_compression(tmp_path))
    assert written(page) == PAGES | PICTURES
    needs_no_other_file(page, len(PICTURES))
    for name in PICTURES:
        width, height = png_size((page.parent / name).read_bytes())
        assert 1000 < width < 2000
        assert 400 < height < 2000


def test_the_papers_table_with_its_figures_beside(compression, tables):
    (table, *_) = tables["Test accuracy (%) by amount pruned (%), batch norm as trained"]
    assert [row["amount"] for row in table] == [f"{amount:.4g}" for amount in range(0, 101, 5)]
    amounts, theirs = paper.pruning()
    ours = {"l1": "l1_unstructured", "l1_structured": "l1_structured", "global_l1": "global_unstructured"}
    labels = dict(zip(ours, ("L1 unstructured", "L1 structured", "global unstructured"), strict=True))
    for row, amount in zip(table, AMOUNTS, strict=True):
        for method, name in ours.items():
            about = {"method": method, "exclude": (), "amount": amount, "batch_norm": TRAINED}
            column = row[f"{method} (resnet18_s, cifar10)"]
            assert column == accuracy_of(compression, curve="pruning", **about)
            figure = theirs[name][amounts.index(round(amount, 2))]
            assert row[f"paper 1: {labels[method]} (ResNet18, CIFAR-10)"] == f"{100 * figure:.2f}"
    assert table[4]["paper 1: L1 structured (ResNet18, CIFAR-10)"] == "45.96"  # as the paper prints it
    (re_estimated,) = tables["Test accuracy (%) by amount pruned (%), batch norm re-estimated"]
    assert not any("paper" in column for column in re_estimated[0])  # it left the statistics untouched


def test_curves_are_in_their_tables(compression, tables):
    (by_bits,) = tables["Test accuracy (%) by bits per weight, batch norm as trained"]
    assert [row["bits"] for row in by_bits] == ["32, not quantized", *(str(bits) for bits in range(16, 0, -1))]
    assert by_bits[0]["symmetric, per channel, minmax"] == f"{100 * DENSE:.2f}"
    four = accuracy_of(compression, curve="quantization", scheme=SCHEMES[0], bits=4)
    assert by_bits[13]["symmetric, per channel, minmax"] == four
    (formats,) = tables["Number formats"]
    assert {row["format"].split(",")[0]: row["bits"] for row in formats}["bfloat16"] == "16"
    turns = {row["method or scheme"]: row for row in tables["Phases"][0]}
    row = turns["l1, batch norm re-estimated"]
    assert (row["plateau ends"], row["knee"], row["collapse begins"]) == ("75 %", "90 %", "not reached")
    row = turns["symmetric, per channel, minmax, batch norm as trained"]
    assert (row["plateau ends"], row["knee"], row["collapse begins"]) == ("5 bits", "4 bits", "2 bits")
    (rounds,) = tables["Rounds of pruning and training"]
    assert rounds[2]["lottery"] == f"{accuracy_of(compression, series='lottery', round=3)} at 48.80"
    (aware,) = tables["Quantized in training"]
    after = accuracy_of(compression, curve="quantization", scheme=SCHEMES[0], bits=2)
    during = accuracy_of(compression, curve="aware", scheme=SCHEMES[0], bits=2)
    assert (aware[3]["after training"], aware[3]["in training"]) == (f"{after} %", f"{during} %")
    assert float(aware[3]["gain (points)"]) == pytest.approx(float(during) - float(after))
    (leaves,) = tables["One leaf at a time"]
    assert leaves[0]["leaf"] == FIRST  # the most sensitive of the synthetic ones


def test_sizes_are_in_their_tables(compression, tables, page):
    for row, entry in zip(tables["Files"][0], compression.summary.packed, strict=True):
        assert row["bytes (measured)"] == f"{entry.bytes_measured:,}"
        assert row["bytes (theoretical)"] == f"{entry.bytes_theoretical:,}"
        assert row["same predictions (measured)"] == ("yes" if entry.same_predictions else "no")
    (shrunk,) = tables["Shrunk networks"]
    assert shrunk[1]["network"] == "l1_structured at 50 %"
    assert shrunk[1]["ms per batch before (measured)"] == "41.3"
    assert shrunk[1]["largest difference of a logit (measured)"] == "3.2e-06"
    front = [line for line in compression.summary.pareto if line.accuracy > 0.15]
    for row, line in zip(tables["The Pareto front"][0], front, strict=True):
        assert row["bytes (theoretical)"] == f"{line.bytes_theoretical:,}"
        assert row["test accuracy"] == f"{100 * line.accuracy:.2f} %"
    text = text_of(page.read_text())
    assert "removes 1 input plane from the first convolution (stem/kernel)" in text
    assert "Not removed: stem/kernel: its inputs are the image" in text
    assert "7b014988c0ffee" in text


def test_every_size_says_whether_it_was_measured(tables):
    for name in ("Files", "The Pareto front", "The best at each size"):
        for column in tables[name][0][0]:
            if "bytes" in column or "smaller" in column or "share" in column:
                assert "(measured)" in column or "(theoretical)" in column, column


def test_the_answers_stand_on_top(page, compression):
    for text in texts(page):
        text = text.replace("| ", "")
        assert f"Dense test accuracy {100 * DENSE:.2f} % before compression, 10,000 test images" in text
        assert "Pruned after training 85 % within 1 point: global_l1, batch norm re-estimated" in text
        assert "Quantized after training 5 bits" in text
        good = [line.bytes_theoretical for line in compression.summary.pareto if line.accuracy >= DENSE - 0.01]
        assert f"Smallest within 1 point {min(good) / 1000:,.4g} kB theoretical" in text


def test_operating_points_keep_their_ratio(tables):
    (best,) = tables["The best at each size"]
    assert [row["at least"] for row in best] == ["2x", "4x", "8x", "16x", "32x"]
    for row in best:
        assert float(row["times smaller (theoretical)"][:-1]) >= int(row["at least"][:-1]) - 0.05


@pytest.mark.parametrize(
    ("curves", "pictures"),
    [
        (("quantization",), {"quantization.png", "pareto.png"}),
        (("rounds", "aware"), {"rounds.png", "aware.png", "pareto.png"}),
        ((), set()),
    ],
)
def test_absent_parts_are_said_not_made_up(tmp_path, curves, pictures):
    path = make_compression(tmp_path, curves, **BARE)
    (path / "report").mkdir()
    for name in PICTURES:
        (path / "report" / name).write_text("of an earlier report")
    page = write(path)
    assert written(page) == PAGES | pictures  # nothing of the earlier report is left to mislead
    for text in texts(page):
        assert "This compression did not measure: pruning after training" in text
        for absent in ("Phases", "Files", "input plane"):
            assert absent not in text


def test_no_figures_of_the_paper_beside_other_networks(tmp_path):
    path = make_compression(tmp_path, ("pruning",), model="vgg16_s", **BARE)
    for table in accuracies.pruning(read_compression(path)):
        assert "l1" in table.header
        assert not any("paper" in column for column in table.header)


def test_awkward_names_reach_the_page_as_text(tmp_path):
    names = ("_|y<b>$\\frac", "日本語/kernel", "\u202eabc\n", "<img src=http://x/y>", "__")
    lines = []
    for name in names:
        lines += [point("pruning", 0.5, method=name, exclude=(name,), amount=amount) for amount in (0, 0.5)]
        lines += [point("sensitivity", 0.5, layer=name, method="l1", amount=0.5)]
        lines += [point("rounds", 0.5, series=name, round=1, sparsity=0.5)]
        lines += [point("quantization", 0.5, scheme=name, bits=bits) for bits in (4, 2)]
    page = write(make_compression(tmp_path, lines=lines, **{**BARE, "model": "_<b>net</b>"}))
    text, markdown = page.read_text(), (page.parent / "report.md").read_text()
    assert "&lt;img src=http://x/y&gt;" in text
    for markup in ("<img src=http", "<b>", "\u202e"):
        assert markup not in text + markdown
    assert "| 日本語/kernel |" in markdown
    assert tables_of(page)  # every row has as many cells as its header, or reading them had failed


def test_an_unfinished_compression_is_refused(tmp_path):
    path = make_compression(tmp_path / "a run", ("aware",))
    (path / SUMMARY).unlink()
    with pytest.raises(UserError, match=r"a run is an unfinished compression \(8 versions measured\)"):
        write(path)
    with pytest.raises(UserError, match="is not a compression's directory"):
        write(tmp_path)


@pytest.mark.parametrize(("name", "text"), [(SUMMARY, "{"), (SUMMARY, "[]"), (MEASUREMENTS, '{"curve": "a"}\n')])
def test_a_damaged_record_is_one_line_that_names_the_file(tmp_path, name, text):
    path = make_compression(tmp_path / "a run", ("aware",))
    (path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        write(path)
    assert str(path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (path / "report").exists()
