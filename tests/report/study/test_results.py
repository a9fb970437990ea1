"""What a page is made of: networks with what was found about them, from one study or several."""

from __future__ import annotations

import msgspec
import pytest

from minjax.errors import UserError
from minjax.findings.study import findings
from minjax.records.record import read_config, write_config
from minjax.records.study import read_study
from minjax.report.study.results import Network, common_limits, gather, plateau_end
from tests.findings.synthetic import changed, member
from tests.report.studies import dnn, make_study, spoil


def test_networks_have_their_findings_and_all_members(tmp_path):
    members = dnn((1, 20, 200), depths=(1, 2), history=False)
    spoil(members, 0, "diverged")
    for place in range(5, 9):
        spoil(members, place, "failed", "no memory")  # one member is left: no regime can be told
    found = read_study(make_study(tmp_path, members))
    results = gather([found], found.summary.findings)
    sizes = [network.num_params for network in results.networks]
    assert sizes == sorted(sizes)
    by_point = {network.point: network for network in results.networks}
    assert len(by_point) == len({member.point for member in members})
    assert len(by_point[members[0].point].ended("diverged")) == 1
    lost = by_point[members[5].point]
    assert (lost.regime, lost.train_accuracy, len(lost.members), len(lost.ended("failed"))) == (None, None, 5, 4)
    for regime in found.summary.findings.regimes:
        network = by_point[regime.point]
        assert network.regime == regime
        assert network.train_accuracy == pytest.approx(regime.mean + regime.gap)
        assert network.depth == network.labels["depth"]
    for redundancy in found.summary.findings.redundancy:
        assert by_point[redundancy.point].resilience("pruning") == redundancy
        assert plateau_end(redundancy) == redundancy.redundancy
    assert [certificate.family for certificate in results.certificates] == ["dnn"]


def test_of_one_network_in_two_studies_the_later_counts(tmp_path):
    first, second = (dnn((1, 5), depths=(1,), curves=False, history=False) for _ in range(2))
    final = msgspec.structs.replace(second[-1].final, validation_accuracy=0.5)
    second[-1] = msgspec.structs.replace(second[-1], final=final)
    studies = [read_study(make_study(tmp_path / name, members)) for name, members in (("a", first), ("b", second))]
    together = [member for study in studies for member in study.members]
    results = gather(studies, findings(together))
    assert len(results.networks) == 2
    assert [network.members[-1].final.validation_accuracy == 0.5 for network in results.networks] == [False, True]


def test_studies_of_different_tolerances_have_no_findings_together(tmp_path):
    paths = [make_study(tmp_path / name, dnn((1, 5), depths=(1,))) for name in "ab"]
    assert common_limits([read_study(path) for path in paths]).tolerance == 0.01
    config = read_config(paths[1])
    write_config(paths[1], config | {"study": config["study"] | {"tolerance": 0.02}})
    with pytest.raises(UserError, match=r"have different tolerances \(study.tolerance 0.01 and 0.02\): report"):
        common_limits([read_study(path) for path in paths])


def test_what_was_measured_is_named():
    plain = member("p", 10, 0, 0.5)
    balanced = changed(plain, final=changed(plain.final, balanced_accuracy=0.4))
    assert Network(members=(plain,), names=("p",)).measured == "validation accuracy"
    assert Network(members=(balanced,), names=("p",)).measured == "validation balanced accuracy"
