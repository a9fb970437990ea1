"""Tables 6 and 7, Figure 17, and the question that paper 1 leaves open, from compressions of a set's runs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from minjax.findings.equal_size import Way
from minjax.records.compression import SUMMARY, Dense, Measurement
from minjax.report import paper
from minjax.report.compression import write as write_compression
from minjax.report.formats import ABSENT
from minjax.report.tables import figure17, write
from minjax.report.tables.entries import read
from tests.report import compressions
from tests.report.reading import figures_of, legend_of, tables_of, texts, undrawn, written
from tests.report.sets import SIZES, make_cell, make_table

PRUNABLE = paper.PRUNABLE


def left(amount: float) -> int:
    """Weights of ResNet18 that are not zero."""
    return SIZES["resnet18"] - round(amount * PRUNABLE)


def pruning() -> list[Measurement]:
    """The paper's three methods on ResNet18."""
    lines = [line for line in compressions.pruning() if line.method in paper.METHODS]
    return [msgspec.structs.replace(line, nonzero=left(line.amount or 0.0)) for line in lines]


def again(accuracy: float) -> list[Measurement]:
    """Two rounds of pruning with training after each."""
    return [
        compressions.point(
            "rounds",
            accuracy + 0.01 * (number == 1),
            method="global_l1",
            amount=amount,
            sparsity=amount,
            series="iterative",
            round=number,
            nonzero=left(amount),
        )
        for number, amount in ((1, 0.9), (2, 0.95))
    ]


def compress(path: Path, seed: int, lines: list[Measurement], model: str = "resnet18", **changes) -> Path:
    """A compression of a run of the set."""
    run = f"elsewhere/cells/paper-{model}-cifar10-adabound-s{seed}"
    size = SIZES[model]
    where = path / "compress" / f"{model}-{seed}"
    return compressions.make_compression(
        where, lines=lines, model=model, seed=seed, run=run, num_params=size, **changes
    )


def make_set(path: Path, small: bool = True) -> Path:
    """ResNet18 under AdaBound with two seeds, and ResNet18_S."""
    models = ("resnet18", "resnet18_s") if small else ("resnet18",)
    cells = [
        make_cell(path, model, "adabound", seed=seed, best=0.93 + seed / 1e4) for model in models for seed in (42, 43)
    ]
    return make_table(path, cells)


@pytest.fixture(scope="module", name="page")
def _page(tmp_path_factory):
    """Two seeds that were pruned, and trained again."""
    path = make_set(tmp_path_factory.mktemp("set"))
    for seed in (42, 43):
        lines = [msgspec.structs.replace(line, accuracy=line.accuracy - (seed - 42) / 1e3) for line in pruning()
                 if line.accuracy > 0.01]  # fmt: skip
        compress(path, seed, [*lines, *again(0.93 + seed / 1e4)])
    with undrawn():
        return write(path)


def test_table_6_has_ours_above_the_papers(page):
    heading = (
        "Table 6: ResNet18, AdaBound, cifar10, test accuracy in % (10,000 test images, 2 seeds; dense 91.72 ± 0.00 %)"
    )
    rows = {row["% pruned"]: row for row in tables_of(page)[heading][0]}
    assert list(rows) == [
        *("L1 unstructured", "L1 unstructured, paper 1", "L1 structured, first layer spared", "L1 structured"),
        *("L1 structured, paper 1", "global unstructured", "global unstructured, paper 1"),
    ]
    assert rows["L1 structured, paper 1"]["20"] == "45.96"
    assert rows["global unstructured"]["0"] == "91.67"
    assert list(rows["L1 structured"])[1:] == ["0", "5", "10", "15", "20", "25", "30", "35", "40", "45"]


def test_table_7_goes_on_to_everything(page):
    heading = next(name for name in tables_of(page) if name.startswith("Table 7: ResNet18, AdaBound"))
    assert list(tables_of(page)[heading][0][0])[1:] == [str(amount) for amount in range(50, 101, 5)]


def test_the_fall_at_20_per_cent_is_explained(page):
    for text in texts(page):
        assert "L1 structured at 20 % takes 1 of the 3 colour planes of the image from the first convolution" in text
        assert "round(3 x 0.20) is 1" in text


def test_the_question_is_answered_beside_the_small_network(page):
    heading = "ResNet18, AdaBound, cifar10: where it falls below a million nonzero weights"
    rows = {row["method"]: row for row in tables_of(page)[heading][0]}
    mine = rows["global unstructured, trained again (iterative)"]
    assert (mine["% pruned, above"], mine["weights left"]) == ("90", f"{left(0.9):,}")
    assert (mine["% pruned, below"], mine["weights left below"]) == ("95", f"{left(0.95):,}")
    assert mine["accuracy below"].startswith("93.4")
    assert mine["outcome"] == "better"
    assert rows["L1 unstructured"]["outcome"] == "worse"
    for text in texts(page):
        assert "Yes: pruned ResNet18 is better than dense ResNet18_S." in text
        assert "Paper 1's own figures answer it without training after pruning" in text
        assert "19.85 % with 572,692 weights left (95 % pruned)" in text
        assert "Welch's over seeds" in text


def test_figure_17_marks_the_million_and_the_small_network(page):
    tables = read(page.parent.parent)
    assert "pruning-1.png" in written(page)
    over_amounts, over_weights = figures_of(write, tables.path)[-2:]
    (left_panel,), (right,) = over_amounts.axes, over_weights.axes
    entries = legend_of(over_weights)
    assert "a million nonzero weights" in entries
    assert "ResNet18_S, dense" in entries
    assert "global unstructured, trained again (iterative)" in entries
    assert "paper 1: L1 structured" in legend_of(over_amounts)
    assert "global unstructured, trained again (iterative)" not in legend_of(over_amounts)
    assert any(list(line.get_xdata()) == [1_000_000, 1_000_000] for line in right.get_lines())
    assert any(list(line.get_xdata()) == [SIZES["resnet18_s"]] for line in right.get_lines())
    assert "first convolution loses a colour plane" in left_panel.texts[0].get_text()
    assert min(min(line.get_xdata()) for line in right.get_lines()) > 100_000  # nothing where no weight is left


def test_a_compression_is_linked_and_links_back(tmp_path):
    path = make_set(tmp_path)
    one = compress(path, 42, pruning())
    with undrawn():
        own = write_compression(one)
        page = write(path)
    assert 'href="../compress/resnet18-42/report/index.html"' in page.read_text()
    assert 'href="../../../report/index.html"' in own.read_text()


def test_without_compressions_the_page_says_how_to_make_one(tmp_path):
    path = make_set(tmp_path)
    with undrawn():
        page = write(path)
    name = "paper-resnet18-cifar10-adabound-s43"
    command = f"minjax compress {path}/cells/{name} --config=paper/pruning --workdir={path}/compress/{name}"
    for text in texts(page):
        assert command in text
        assert f"{command}-trained-again --config.prune.amounts=0 --config.prune.series=one_shot,iterative" in text
        assert "No run of this set answers it yet" in text
    assert "pruning-1.png" not in written(page)


def test_a_seed_may_have_several_compressions(tmp_path):
    path = make_set(tmp_path)
    one = compress(path, 42, pruning())
    (path / "compress" / "again").mkdir()
    with undrawn():
        assert "resnet18-42-trained-again" not in texts(write(path))[0]
        command = "--workdir=" + str(path / "compress" / "paper-resnet18-cifar10-adabound-s42-trained-again")
        assert command in texts(write(path))[0]
    one.rename(path / "compress" / "a")
    compress(path, 42, again(0.93))
    with undrawn():
        page = write(path)
    heading = "ResNet18, AdaBound, cifar10: where it falls below a million nonzero weights"
    methods = {row["method"] for row in tables_of(page)[heading][0]}
    assert {"L1 unstructured", "global unstructured, trained again (iterative)"} <= methods
    assert any(
        name.startswith("Table 6: ResNet18, AdaBound, cifar10") and "1 seed;" in name for name in tables_of(page)
    )
    for text in texts(page):
        assert "trained again, iterative; 1 seed" in text
        assert "Training after pruning was not tried." not in text


def test_an_unfinished_compression_is_named(tmp_path):
    path = make_set(tmp_path)
    (compress(path, 42, pruning()) / SUMMARY).unlink()
    with undrawn():
        page = write(path)
    assert "Not finished, so not shown: compress/resnet18-42." in texts(page)[0]


def test_the_small_network_may_come_from_a_compression(tmp_path):
    path = make_set(tmp_path, small=False)
    compress(path, 42, pruning())
    with undrawn():
        page = write(path)
    assert "there is no finished run of ResNet18_S under the same optimizer" in texts(page)[0]
    small = [line for line in compressions.pruning() if line.method in paper.METHODS]
    compress(path, 42, small, model="resnet18_s", dense=Dense(accuracy=0.9, loss=0.3))
    with undrawn():
        page = write(path)
    heading = "ResNet18, AdaBound, cifar10: where it falls below a million nonzero weights"
    assert {row["outcome"] for row in tables_of(page)[heading][0]} == {"worse"}
    for text in texts(page):
        assert "ResNet18_S, dense: 701,466 parameters, 90.00 % (1 seed)." in text
        assert "over test images, which leaves out how much seeds differ" in text
    (rows,) = [rows[0] for name, rows in tables_of(page).items() if name.startswith("Table 6: ResNet18_S")]
    assert not any("paper 1" in row["% pruned"] for row in rows)


def test_a_way_that_does_not_reach_a_million_has_no_outcome(tmp_path):
    path = make_set(tmp_path)
    compress(path, 42, [line for line in pruning() if (line.amount or 0) < 0.9])
    with undrawn():
        page = write(path)
    heading = "ResNet18, AdaBound, cifar10: where it falls below a million nonzero weights"
    rows = tables_of(page)[heading][0]
    assert {row["outcome"] for row in rows} == {"not pruned so far"}
    assert {row["accuracy below"] for row in rows} == {ABSENT}
    assert "so the question is open" in texts(page)[0]


def test_a_way_is_named_by_what_tells_it_from_the_others():
    way = Way("l1", ("stem*",), "re-estimated")
    assert figure17.way_name(way) == "L1 unstructured, first layer spared, batch norm re-estimated"
    assert figure17.way_name(Way("random")) == "random"
