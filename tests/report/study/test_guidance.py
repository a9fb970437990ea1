"""What to use, and the claims on each data set, on the page of one study and of several."""

from __future__ import annotations

import msgspec
import pytest

from minjax.findings.claims import by_dataset, claims
from minjax.findings.samples import samples
from minjax.findings.study import findings
from minjax.records.study import SUMMARY, read_study
from minjax.report import study as report
from minjax.report.study import guidance
from minjax.report.study.results import gather, summary
from tests.report.studies import cnn, dnn, make_study, stored

WIDTHS = (1, 5, 20, 50, 200)


@pytest.fixture(scope="module", name="both")
def _both(tmp_path_factory):
    """Results over two data sets, one of which has no curves."""
    folder = tmp_path_factory.mktemp("both")
    digits = [*dnn(WIDTHS, depths=(1, 2), shapes=("equal",)), *cnn((1, 4, 16), depths=(1,))]
    paths = [
        make_study(folder / "a", digits),
        make_study(folder / "b", dnn(WIDTHS, depths=(1,), dataset="mnist", hard=3.0, curves=False)),
    ]
    studies = report.read_finished(paths)
    found = findings([m for one in studies for m in one.members], sizes=stored, asked=report.questions(studies))
    return gather(studies, found)


def test_a_table_for_each_data_set_with_its_conditions(both):
    _, digits, said, mnist, said_too = guidance.section(both).blocks
    assert (digits.caption, mnist.caption) == ("digits", "mnist")
    assert {row[3] for row in digits.rows} >= {"cnn"} or {row[3] for row in digits.rows} >= {"dnn"}
    assert all("seeds" in row[7] for row in digits.rows if row[3])
    assert {row[7] for row in mnist.rows if row[3]} == {"not measured"}
    assert "on 287 validation images; the answer is one of those with at least 5 seeds." in said.text
    assert "cnn, dnn: 30 epochs of adam with a learning rate of 0.001, on 1,150 images." in said.text
    assert "Pruned by global_l1, quantized by symmetric_channel_minmax." in said.text
    assert "Pruned" not in said_too.text


def test_each_claim_has_a_verdict_on_each_data_set_and_together(both):
    text, table = guidance.claims_by_dataset(both)
    assert table.header == ("", "claim", "digits", "mnist", "together")
    assert [row[0] for row in table.rows] == ["1", "2", "3", "4", "5 pruning", "5 quantization", "6", "7"]
    alone = [sample for sample in samples(m for s in both.studies for m in s.members) if sample.dataset == "digits"]
    for row, claim in zip(table.rows, claims(alone), strict=True):
        assert claim.verdict in row[2]
    assert table.rows[6][3] == "? inconclusive"  # nothing was pruned on mnist
    assert "Claim 7 compares data sets" in text


def test_a_single_data_set_needs_no_second_table(tmp_path):
    study = read_study(make_study(tmp_path, dnn(WIDTHS, depths=(1,), shapes=("equal",))))
    results = gather([study], summary(study).findings)
    assert guidance.claims_by_dataset(results) == []
    _, table, _ = guidance.section(results).blocks
    assert not table.caption


def test_claims_of_a_data_set_are_those_of_its_samples_alone(both):
    found = samples(m for s in both.studies for m in s.members)
    alone = by_dataset(found)
    assert list(alone) == ["digits", "mnist"]
    assert alone["mnist"] == claims([one for one in found if one.dataset == "mnist"])
    assert alone["digits"] != alone["mnist"]


def test_ways_of_training_are_gathered_by_family(tmp_path):
    path = make_study(tmp_path, dnn(WIDTHS, depths=(1,), shapes=("equal",)))
    study = read_study(path)
    (way,) = study.summary.training
    rates = [
        msgspec.structs.replace(way, settings={**way.settings, "optimizer.learning_rate": rate}) for rate in (0.1, 0.03)
    ]
    (path / SUMMARY).write_bytes(msgspec.json.encode(msgspec.structs.replace(study.summary, training=rates)))
    study = read_study(path)
    (_, _, note) = guidance.section(gather([study], summary(study).findings)).blocks
    assert "dnn: 30 epochs of adam with a learning rate of 0.03 or 0.1, on 1,150 images." in note.text
