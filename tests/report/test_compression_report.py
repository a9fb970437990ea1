"""The report of a compression run: what is written, and that the records' values are in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from minjax.errors import UserError
from minjax.report import compression, paper
from minjax.report.compression import accuracies
from minjax.report.compression.record import read
from tests.report.compression_records import AMOUNTS, DENSE, FIRST, SCHEMES, make_compression
from tests.report.test_report_run import png_size, text_of, written

PAGES = {"report.md", "index.html"}
PICTURES = {f"{name}.png" for name in ("pruning", "quantization", "joint", "sensitivity", "pareto", "rounds", "aware")}
BARE = {"phases": [], "first_layer": None, "pareto": [], "packed": [], "shrink": []}


@pytest.fixture(scope="module", name="reported")
def _reported(tmp_path_factory):
    path = make_compression(tmp_path_factory.mktemp("compression"))
    return path, compression.write(path)


def parsed(markdown: str) -> dict[str, list[list[dict[str, str]]]]:
    """The tables of a page by the heading they stand under, a row as {column: cell}."""
    found: dict[str, list[list[dict[str, str]]]] = {}
    heading, rows = "", []
    for line in [*markdown.split("\n"), ""]:
        if line.startswith("|"):
            rows.append([re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            header, _, *body = rows
            found.setdefault(heading, []).append([dict(zip(header, row, strict=True)) for row in body])
            rows = []
        if line.startswith("#"):
            heading = line.lstrip("# ")
    return found


@pytest.fixture(scope="module", name="tables")
def _tables(reported):
    return parsed((reported[1].parent / "report.md").read_text())


@pytest.fixture(scope="module", name="record")
def _record(reported):
    return read(reported[0])


def accuracy_of(record, curve, **properties):
    (point,) = record.of(curve, **properties)
    return f"{100 * point.accuracy:.2f}"


def test_writes_every_file_and_nothing_half(reported):
    _, page = reported
    assert written(page) == PAGES | PICTURES
    for name in PICTURES:
        width, height = png_size((page.parent / name).read_bytes())
        assert 1000 < width < 2000
        assert 400 < height < 2000


def test_page_needs_no_other_file_and_asks_for_none(reported):
    page = reported[1].read_text()
    for attribute in re.findall(r"(?:src|href|srcset|action|data)\s*=\s*[\"']?([^\s\"'>]+)", page):
        assert attribute.startswith("data:"), attribute
    assert page.count("data:image/png;base64,") == len(PICTURES)
    assert "<script" not in page


def test_the_papers_table_with_its_figures_beside(record, tables):
    (table,) = tables["Test accuracy (%) by amount pruned (%), batch norm as trained"]
    assert [row["amount"] for row in table] == [f"{amount:.4g}" for amount in range(0, 101, 5)]
    amounts, theirs = paper.pruning()
    ours = {"l1": "l1_unstructured", "l1_structured": "l1_structured", "global_l1": "global_unstructured"}
    labels = dict(zip(ours, ("L1 unstructured", "L1 structured", "global unstructured"), strict=True))
    for row, amount in zip(table, AMOUNTS, strict=True):
        for method, name in ours.items():
            accuracy = accuracy_of(record, "pruning", method=method, exclude=(), amount=amount, bn="trained")
            assert row[f"{method} (resnet18_s, cifar10)"] == accuracy
            figure = theirs[name][amounts.index(round(amount, 2))]
            assert row[f"paper: {labels[method]} (ResNet18, CIFAR-10)"] == f"{100 * figure:.2f}"
    assert table[4]["paper: L1 structured (ResNet18, CIFAR-10)"] == "45.96"  # as the paper prints it
    assert (
        table[4][f"l1_structured without {FIRST} (resnet18_s, cifar10)"]
        > table[4]["l1_structured (resnet18_s, cifar10)"]
    )
    (re_estimated,) = tables["Test accuracy (%) by amount pruned (%), batch norm re-estimated"]
    assert not any("paper" in column for column in re_estimated[0])  # it left the statistics untouched


def test_values_are_in_the_tables(reported, record, tables):
    (by_bits,) = tables["Test accuracy (%) by bits of a weight, batch norm as trained"]
    assert [row["bits"] for row in by_bits] == ["32, not quantized", *(str(bits) for bits in range(16, 0, -1))]
    assert by_bits[0]["symmetric, per channel, minmax"] == f"{100 * DENSE:.2f}"
    four = accuracy_of(record, "quantization", scheme=SCHEMES[0], bits=4)
    assert by_bits[13]["symmetric, per channel, minmax"] == four
    (formats,) = tables["Number formats"]
    assert {row["format"].split(",")[0]: row["bits"] for row in formats}["bfloat16"] == "16"
    (phases,) = tables["Phases"]
    turns = {row["of"]: row for row in phases}["l1, batch norm re-estimated"]
    assert (turns["plateau ends (redundancy)"], turns["knee"], turns["collapse begins"]) == (
        "75 %",
        "90 %",
        "not reached",
    )
    turns = {row["of"]: row for row in phases}["symmetric, per channel, minmax, batch norm as trained"]
    assert (turns["knee"], turns["collapse begins"]) == ("4 bits", "2 bits")
    (files,) = tables["Files"]
    for row, entry in zip(files, record.listed("packed"), strict=True):
        assert row["bytes (measured)"] == f"{entry['bytes_measured']:,}"
        assert row["bytes (theoretical)"] == f"{entry['bytes_theoretical']:,}"
        assert row["same predictions (measured)"] == ("yes" if entry["same_predictions"] else "no")
    (shrunk,) = tables["Shrunk networks"]
    assert shrunk[1]["network"] == "l1_structured at 50 %"
    assert shrunk[1]["ms a batch before (measured)"] == "41.3"
    assert shrunk[1]["largest difference of a logit (measured)"] == "3.2e-06"
    (front,) = tables["The front"]
    assert front[-1]["test accuracy"] == f"{100 * DENSE:.2f} %"
    (rounds,) = tables["Rounds of pruning and training"]
    assert rounds[3]["lottery"] == f"{accuracy_of(record, 'rounds', series='lottery', round=3)} at 48.80"
    (aware,) = tables["Quantized in training"]
    after = accuracy_of(record, "quantization", scheme=SCHEMES[0], bits=2)
    assert aware[3]["after training"] == f"{after} %"
    (leaves,) = tables["One leaf at a time"]
    assert leaves[0]["leaf"] == FIRST  # the most sensitive of the synthetic ones
    text = text_of(reported[1].read_text())
    assert "takes 1 input plane from the first convolution (stem/kernel)" in text
    assert "Stayed whole: stem/kernel: its inputs are the image" in text
    assert "7b014988c0ffee" in text
    assert "NVIDIA H200" in text


def test_every_size_says_whether_it_was_measured(tables):
    for name in ("Files", "The front", "The best at a size"):
        for column in tables[name][0][0]:
            if "bytes" in column or "smaller" in column or "share" in column:
                assert "(measured)" in column or "(theoretical)" in column, column


def test_the_answers_stand_on_top(reported, record):
    text = text_of(reported[1].read_text())
    assert f"Dense test accuracy {100 * DENSE:.2f} % before compression, 10,000 test images" in text
    assert "Pruned after training 85 % within 1 point: global_l1, batch norm re-estimated" in text
    assert "Quantized after training 5 bits" in text
    good = [e for e in record.listed("pareto") if e["accuracy"] >= DENSE - 0.01]
    assert f"Smallest within 1 point {min(e['bytes_theoretical'] for e in good) / 1000:.4g} kB theoretical" in text


def test_operating_points_keep_their_ratio(tables):
    (best,) = tables["The best at a size"]
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
def test_absent_parts_are_said_not_faked(tmp_path, curves, pictures):
    path = make_compression(tmp_path, curves, **BARE)
    (path / "report").mkdir()
    for name in PICTURES:
        (path / "report" / name).write_text("of an earlier report")
    page = compression.write(path)
    assert written(page) == PAGES | pictures  # nothing of the earlier report is left to mislead
    for text in (text_of(page.read_text()), (page.parent / "report.md").read_text()):
        assert "Nothing was measured of: pruning after training" in text
        assert "Phases" not in text
        assert "Files" not in text
        assert "input plane" not in text


def test_no_figures_of_the_paper_beside_other_networks(tmp_path):
    path = make_compression(tmp_path, ("pruning",), model="vgg16_s", **BARE)
    for _, table in accuracies.pruning(read(path)):
        assert "l1" in table.header
        assert not any("paper" in column for column in table.header)


def test_awkward_names_reach_the_page_as_text(tmp_path):
    path = make_compression(tmp_path, (), title="x", **{**BARE, "model": "_<b>net</b>"})
    shared = {"accuracy": 0.5, "loss": 1.0, "bytes_theoretical": 9, "bytes_dense": 99}
    names = ("_|y<b>$\\frac", "日本語/kernel", "\u202eabc\n", "<img src=http://x/y>", "__")
    lines = []
    for name in names:
        lines += [{"curve": "pruning", "method": name, "exclude": [name], "amount": a} for a in (0, 0.5)]
        lines += [{"curve": "sensitivity", "layer": name, "method": "l1", "amount": 0.5}]
        lines += [{"curve": "rounds", "series": name, "round": 1, "sparsity": 0.5}]
        lines += [{"curve": "quantization", "scheme": name, "bits": bits} for bits in (4, 2)]
    (path / "compression.jsonl").write_text("".join(json.dumps(line | shared) + "\n" for line in lines))
    page = compression.write(path)
    text = page.read_text()
    assert "<img src=http" not in text
    assert "&lt;img src=http://x/y&gt;" in text
    assert "\u202e" not in text
    markdown = (page.parent / "report.md").read_text()
    assert "<img" not in markdown
    assert "<b>" not in markdown
    assert "| 日本語/kernel |" in markdown
    for rows in parsed(markdown).values():
        assert rows  # every row has as many cells as its header, or zip above had failed


def _replace(path, name, text):
    (path / name).write_text(text)


def _change(path, **changes):
    summary = json.loads((path / "compression.json").read_text())
    (path / "compression.json").write_text(json.dumps(summary | changes))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "compression.json").unlink(), "is an unfinished compression run (8 points measured)"),
        (lambda path: [child.unlink() for child in path.iterdir()], "is not a compression run's directory"),
        (lambda path: _replace(path, "compression.json", "{"), "is not JSON"),
        (lambda path: _replace(path, "compression.json", "[]"), "is not an object"),
        (lambda path: _replace(path, "compression.json", '{"model": "vit"}'), "has no 'dataset'"),
        (lambda path: _change(path, dense={"accuracy": 91.7}), "not a fraction"),
        (lambda path: _change(path, phases={"a": 1}), "'phases' is not a list"),
        (lambda path: _change(path, packed=[3]), "'packed' is not a list of objects"),
        (lambda path: _replace(path, "compression.jsonl", '{"curve": "pruning"}\nnonsense\n'), "line 2"),
        (lambda path: _replace(path, "compression.jsonl", "{}\n"), "line 1: it names no curve"),
        (lambda path: _replace(path, "compression.jsonl", '{"curve": "a", "accuracy": 91.7}\n'), "not a fraction"),
        (lambda path: _replace(path, "compression.jsonl", '{"curve": "a", "bits": "4"}\n'), "bits '4' is not a number"),
        (
            lambda path: _replace(path, "compression.jsonl", '{"curve": "a", "exclude": "b"}\n'),
            "not a list of patterns",
        ),
    ],
)
def test_bad_records_are_one_line_that_names_the_directory(tmp_path, damage, message):
    path = make_compression(tmp_path / "a run", ("aware",))
    damage(path)
    with pytest.raises(UserError) as caught:
        compression.write(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_point_written_twice_counts_once_and_a_half_line_not(tmp_path):
    path = make_compression(tmp_path, ("aware",))
    first = json.loads((path / "compression.jsonl").read_text().split("\n")[0])
    with (path / "compression.jsonl").open("a") as file:
        file.write(json.dumps(first | {"accuracy": 0.25}) + '\n{"curve": "awa')
    points = read(path).points
    assert len(points) == 8
    assert points[0].accuracy == 0.25


def test_needs_neither_a_model_nor_a_device_and_is_light_to_import(tmp_path):
    path = make_compression(tmp_path, ("aware",), **BARE)
    heavy = ("matplotlib", "jinja2", "jax", "flax", "minjax.models", "minjax.train", "minjax.compress", "minjax.tree")
    code = (
        f"import sys; from minjax.report import compression; found = lambda: [n for n in {heavy} if n in sys.modules];"
        f"print(found()); compression.write({str(path)!r}); print(found())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "['matplotlib', 'jinja2']"]
