"""The driver with an executor that trains nothing: stages, records, the progress bar, the end."""

from __future__ import annotations

import dataclasses
import importlib.util

import pytest

from minjax.records.member import MemberSeconds
from minjax.records.record import append, read, read_lines
from minjax.records.stages import ENDED, SearchEnd
from minjax.records.study import MEMBERS, SUMMARY, MemberRecord, StudySummary
from minjax.studies.points import Member
from minjax.tasks import console
from minjax.tasks.study import driver, search, settings
from minjax.tasks.study.members import failed
from minjax.tasks.study.plan import Plan
from tests.conftest import ROOT
from tests.findings.synthetic import changed, final

HAND_OVER = driver.Study._hand_over


class Instant:
    """Records members at once, each with an accuracy by its size; every tick says twice what was predicted."""

    def __init__(self, plan, fails=(), slots=1):
        self.plan, self.fails, self.slots, self.asked = plan, fails, slots, []

    def run(self, jobs, recorded, stop, tick):
        for job in jobs:
            left = [member for member in job.members if member.key not in recorded]
            if left and not stop():
                self.asked += [member.key for member in left]
                tick(2 * len(left) * job.group.seconds)
                yield [self.record(member) for member in left]

    def record(self, member):
        record = failed(member, self.plan.dataset, "no memory", chance=0.1)
        if member.point.num_params in self.fails:
            return record
        accuracy = min(0.95, member.point.num_params / 1000) + 0.001 * member.seed % 0.004
        return changed(record, status="completed", error=None, final=final(accuracy, accuracy))

    def close(self):
        self.closed = True


@pytest.fixture(scope="module", name="plan")
def _plan():
    specification = importlib.util.spec_from_file_location("preset", ROOT / "configs" / "studies" / "digits_dnn.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    config = module.get_config()
    config.study.dnn.depths = (1,)
    config.study.dnn.widths = (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 32)
    return Plan(settings.settle(config))


@pytest.fixture(name="study")
def _study(plan, tmp_path, monkeypatch):
    """Runs a study in a directory and returns the exit code; its bars and executor are kept."""
    monkeypatch.setattr(driver.Study, "_report", lambda self, summary: None)
    monkeypatch.setattr(driver.Study, "_hand_over", lambda self, summary: summary)
    monkeypatch.setattr(driver, "tested", lambda plan, programs, certificates, found, stop: certificates)
    monkeypatch.setattr(plan, "study", dict(plan.study))

    class Stop:
        name = "SIGTERM"
        after = None

        def __call__(self):
            return self.after is not None and len(read_lines(tmp_path / MEMBERS, MemberRecord)) >= self.after

        def leave_at_once(self, writing):
            self.writing = writing

    def run(stop_after=None, **how):
        run.executor, Stop.after = Instant(plan, **how), stop_after
        monkeypatch.setattr(driver, "executor", lambda *_: run.executor)
        return driver.Study(plan, tmp_path, "minjax study", Stop()).run()

    return run


def members(directory):
    return read_lines(directory / MEMBERS, MemberRecord)


def test_every_member_is_asked_for_once_and_the_summary_says_so(study, plan, tmp_path):
    assert study() == 0
    assert len(study.executor.asked) == len(set(study.executor.asked)) == 60
    assert {(one.point, one.seed) for one in members(tmp_path)} == set(study.executor.asked)
    assert study.executor.closed
    summary = read(tmp_path / SUMMARY, StudySummary)
    assert (summary.status, summary.members.completed, summary.members.planned) == ("completed", 60, 60)
    assert summary.training[0].settings["optimizer.learning_rate"] == 0.1
    assert summary.training[0].points == len({one.point for one in members(tmp_path)})
    (certificate,) = summary.findings.certificates
    assert certificate.minimal.num_params in {point.num_params for point in plan.networks}
    assert certificate.bytes.float32 == 4 * certificate.minimal.num_params


def test_the_bar_never_passes_its_end(study, plan, monkeypatch):
    """Predicted seconds are an estimate; however much work is reported, nothing is left at the end, and not less."""
    bars = []

    class Bar(search.Progress):
        def __init__(self, *args, **fields):
            super().__init__(*args, **fields)
            bars.append(self)

        def advance(self, *args, **fields):
            super().advance(*args, **fields)
            assert self._bar.n <= self._bar.total
            assert self.seconds_left >= 0

    monkeypatch.setattr(console.sys, "stderr", Terminal())
    monkeypatch.setattr(search, "Progress", Bar)
    plan.study["extent"] = "knee"
    assert study() == 0
    (bar,) = bars
    assert bar._bar.n == bar._bar.total > 0


class Terminal:
    """Standard error that looks like one, and keeps nothing."""

    def isatty(self):
        return True

    def write(self, text):
        return len(text)

    def flush(self):
        pass


def test_a_signal_ends_it_and_the_same_command_goes_on(study, tmp_path, capsys):
    assert study(stop_after=1) == 75
    assert "SIGTERM: every finished member is saved; to resume: minjax study" in capsys.readouterr().err
    before = members(tmp_path)
    assert 0 < len(before) < 60
    assert study() == 0
    assert not {(one.point, one.seed) for one in before} & set(study.executor.asked)
    assert len(members(tmp_path)) == 60


def test_a_spent_budget_ends_it_with_what_was_found(study, plan, tmp_path, capsys):
    plan.study["budget_minutes"] = 1e-9
    every = [Member(point, seed) for point in plan.networks for seed in plan.seeds]
    append(tmp_path / MEMBERS, *[Instant(plan).record(member) for member in every[:50]])
    assert study() == 0
    assert study.executor.asked == []
    assert "with 50 members recorded; the same command with a larger study.budget_minutes continues" in (
        capsys.readouterr().out
    )
    summary = read(tmp_path / SUMMARY, StudySummary)
    assert (summary.status, summary.members.completed, summary.members.planned) == ("budget", 50, 60)
    assert summary.training[0].points == len({one.point for one in members(tmp_path)}) == 10


@pytest.mark.parametrize(("slots", "trained"), [(1, 50), (2, 60)])
def test_a_budget_counts_what_earlier_commands_took_by_the_clock(study, plan, tmp_path, slots, trained):
    """Two processes train for a minute in half a minute."""
    plan.study["budget_minutes"] = 40.0
    every = [Instant(plan).record(Member(point, seed)) for point in plan.networks for seed in plan.seeds]
    minute = [changed(one, seconds=MemberSeconds(train=50.0, curves=10.0)) for one in every]
    append(tmp_path / MEMBERS, *minute[:50])
    assert study(slots=slots) == 0
    assert len(members(tmp_path)) == trained


def test_a_search_that_is_interrupted_after_any_round_ends_with_the_same_records(study, plan, tmp_path, monkeypatch):
    order = {"extent": "knee", "learning_rates": 3, "epoch_doublings": 1, "fresh_seeds": 3}
    monkeypatch.setattr(plan, "rules", dataclasses.replace(plan.rules, **order))
    assert study() == 0
    whole = [(one.point, one.seed) for one in members(tmp_path)]
    stages = [one.name for one in read(tmp_path / SUMMARY, StudySummary).stages]
    assert [stages[0], *stages[-2:]] == ["climb", "more epochs", "fresh"]
    (tmp_path / MEMBERS).unlink()
    for recorded in range(1, len(whole), 29):
        assert study(stop_after=recorded) in (0, 75)
    assert study() == 0
    assert [(one.point, one.seed) for one in members(tmp_path)] == whole
    assert {one.settings.get("epochs") for one in members(tmp_path)} == {None, 60}


def test_a_search_that_its_budget_ended_still_gets_fresh_seeds(study, plan, tmp_path, monkeypatch, capsys):
    """60 % of the budget are the search's; a larger budget continues it, the same one does not."""
    monkeypatch.setattr(plan, "rules", dataclasses.replace(plan.rules, fresh_seeds=3))
    plan.study["budget_minutes"] = 5.0
    spent = lambda self, share: share < 1 and len(self.records) >= 40  # noqa: E731
    monkeypatch.setattr(search.Search, "_is_spent", spent)
    assert study() == 0
    (end,) = read_lines(tmp_path / ENDED, SearchEnd)
    assert end.budget_minutes == 5.0
    assert "ended by the budget of 5 minutes" in capsys.readouterr().out
    fresh = {(one.point, one.seed) for one in members(tmp_path) if one.fresh}
    assert fresh
    assert {seed for _, seed in fresh} == {plan.seeds[0] + 10_000 + i for i in range(3)}
    summary = read(tmp_path / SUMMARY, StudySummary)
    assert summary.status == "budget"
    assert any("budget" in text for one in summary.stages for text in one.ended)
    monkeypatch.setattr(search.Search, "_is_spent", lambda self, share: False)
    assert study() == 0
    assert study.executor.asked == []  # the budget is the same: the search is over
    plan.study["budget_minutes"] = 50.0
    assert study() == 0
    assert read(tmp_path / SUMMARY, StudySummary).status == "completed"
    assert len([one for one in members(tmp_path) if not one.fresh]) == 60


def test_nothing_is_handed_over_before_its_fresh_seeds(study, plan, tmp_path, monkeypatch, capsys):
    """The test split can be used once, so the winner waits for a larger budget."""
    chosen = []

    class Handover(driver.Handover):
        def run(self, found, member):
            chosen.append(member)

    monkeypatch.setattr(driver.Study, "_hand_over", HAND_OVER)
    monkeypatch.setattr(driver, "Handover", Handover)
    monkeypatch.setattr(plan, "rules", dataclasses.replace(plan.rules, fresh_seeds=3))
    plan.study |= {"budget_minutes": 5.0, "fresh_seeds": 3}
    monkeypatch.setattr(search.Search, "_is_spent", lambda self, share: len(self.records) >= 60)
    assert study() == 0
    said = capsys.readouterr().out
    assert "no network is handed over yet: the budget was spent before dnn-1-equal-" in said
    assert "a larger study.budget_minutes continues" in said
    assert (chosen, read(tmp_path / SUMMARY, StudySummary).status) == ([], "budget")
    monkeypatch.setattr(search.Search, "_is_spent", lambda self, share: False)
    assert study() == 75  # told to stop while the winner is trained
    assert [member.fresh for member in chosen] == [True]


def test_failed_members_are_said_counted_and_tried_again(study, plan, tmp_path, capsys):
    size = plan.networks[0].num_params
    assert study(fails=(size,)) == 0
    assert f"failed: {plan.networks[0].name}: no memory" in capsys.readouterr().out
    assert read(tmp_path / SUMMARY, StudySummary).members.failed == 5
    plan.study["retry_failed"] = True
    assert study() == 0
    assert len(study.executor.asked) == 5
    assert {one.status for one in members(tmp_path)} == {"completed"}


def test_nothing_is_said_about_a_study_that_failed_altogether(study, plan, tmp_path):
    assert study(fails=tuple(point.num_params for point in plan.networks)) == 0
    assert not (tmp_path / SUMMARY).exists()
