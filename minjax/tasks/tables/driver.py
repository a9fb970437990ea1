"""A table from its plan to its page: cells are trained, alone or as a population, and each is recorded as it ends."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace

from minjax.errors import UserError
from minjax.findings.words import duration, plural
from minjax.interruption import RESUMABLE
from minjax.records.record import write
from minjax.records.run import read_epochs, read_summary
from minjax.records.table import ENDED, LACKING, TABLE, Cell, CellStatus, Table, TableData, TableStatus, read_table
from minjax.tasks import report
from minjax.tasks.console import Progress
from minjax.tasks.provenance import provenance
from minjax.tasks.signals import SPENT, Stop
from minjax.tasks.summary import headline
from minjax.tasks.tables import overview, settings
from minjax.tasks.tables.cells import Planned, paper_scale, standing
from minjax.tasks.tables.executors import Job, executor
from minjax.tasks.tables.plan import Plan

LACKS = 2  # exit code of a table in which cells have no result, and will have none until something changes


class Tables:
    """One run of a table, which goes on from the records of earlier ones."""

    def __init__(self, plan: Plan, directory: Path, command: str, stop: Stop):
        """Find out from the directories of the cells how far each has come.

        Args:
            plan: what is trained.
            directory: the table's, locked by this process.
            command: as the user typed it.
            stop: says whether a signal came or the budget is spent; asked between dispatches.
        """
        self.plan, self.directory, self.stop = plan, directory, stop
        self.fields: dict[str, Any] = plan.asked["tables"]
        self.provenance = provenance(command, plan.asked["devices"])
        self.cells = {planned.cell.directory: stood(planned, directory) for planned in plan.cells}
        self.earlier = earlier(directory)
        for planned in plan.cells:
            forecast = plan[planned]
            if forecast.reason and self.cells[planned.cell.directory].status not in ENDED:
                self._note(planned, forecast.status, forecast.reason)

    def run(self) -> int:
        """Train the cells that have no result, write the record and the page; returns the exit code."""
        left = [one for one in self.plan.cells if self._status(one) in ("not_run", "interrupted", "failed")]
        print(self._opening(left), flush=True)
        if self.fields["together"]:
            for reason in sorted({self.plan[one].obstacle for one in left} - {""}):
                print(
                    f"minjax: note: tables.together=True, but seeds are trained one by one: {reason}", file=sys.stderr
                )
        self._record("interrupted")  # which it is until it says otherwise
        if left:
            self._train(left)
        table = self._record(self._outcome())
        self.stop.leave_at_once("the page was")
        print("\n".join(overview.lines(table, self.directory)))
        report.outdate(self.directory)
        report.write_missing(self.directory)
        return self._end(table)

    def _train(self, left: Sequence[Planned]) -> None:
        seconds = {one.cell.directory: self._seconds_left(one) for one in self.plan.cells}
        executing = executor(self.fields, self.directory)
        if self.fields["budget_minutes"] is not None:
            spent = _seconds_trained(self.directory, self.plan.cells) / executing.slots
            self.stop.end_after(60 * self.fields["budget_minutes"] - spent)
        whole = sum(self.plan[one].seconds for one in self.plan.cells)
        try:
            with Progress(whole, whole - sum(seconds[one.cell.directory] for one in left)) as progress:
                self._show(progress, 0.0)

                def tick(job: Job, share: float) -> None:
                    self._show(progress, sum(self._counted(one, seconds, share) for one in job.cells))

                for planned, error in executing.run(self._jobs(left), self.stop, tick):
                    cell = self._ended(planned, error)
                    self._record("interrupted")
                    progress.say(self._said(cell))
                    self._show(progress, self._counted(planned, seconds))
        finally:
            executing.close()
        for planned in left:
            if self._status(planned) != "failed":  # on a cluster, those that were told to stop
                self.cells[planned.cell.directory] = stood(planned, self.directory)

    def _jobs(self, left: Sequence[Planned]) -> list[Job]:
        """What is left to be trained, by the program that trains it. A cell that failed is tried again by itself."""
        jobs, names = [], {one.cell.directory for one in left}
        for cells in self.plan.populations:
            some = [one for one in cells if one.cell.directory in names]
            failed = [one for one in some if self._status(one) == "failed"]
            jobs += [Job((one,), together=False) for one in failed]
            if whole := tuple(one for one in some if one not in failed):
                diverged = [one for one in cells if self._status(one) == "diverged"]
                summaries = [read_summary(self.directory / one.cell.directory) for one in diverged]
                population = max([summary.population for summary in summaries if summary], default=1)
                jobs.append(Job(whole, len(cells) > 1, population))
        return jobs

    def _counted(self, planned: Planned, seconds: dict[str, float], share: float = math.inf) -> float:
        """Predicted seconds for a share of a cell, no more than are left of it by `seconds`, from which they go."""
        name = planned.cell.directory
        part = min(seconds[name], self.plan[planned].seconds * share) if seconds[name] else 0.0
        seconds[name] -= part
        return part

    def _seconds_left(self, planned: Planned) -> float:
        """Predicted seconds for the rest of a cell."""
        status = self._status(planned)
        if status in ENDED:
            return 0.0
        epochs = len(read_epochs(self.directory / planned.cell.directory)) if status == "interrupted" else 0
        return self.plan[planned].seconds * max(0.0, 1 - epochs / planned.cell.scale.epochs)

    def _ended(self, planned: Planned, error: str) -> Cell:
        if error:
            return self._note(planned, "failed", error)
        cell = self.cells[planned.cell.directory] = stood(planned, self.directory)
        return cell

    def _note(self, planned: Planned, status: CellStatus, reason: str) -> Cell:
        cell = self.cells[planned.cell.directory] = replace(planned.cell, status=status, reason=reason)
        return cell

    def _status(self, planned: Planned) -> CellStatus:
        return self.cells[planned.cell.directory].status

    def _show(self, progress: Progress, seconds: float) -> None:
        ended = sum(cell.status in ENDED for cell in self.cells.values())
        progress.advance(seconds, f"{ended}/{len(self.cells)} cells")

    def _said(self, cell: Cell) -> str:
        """A line about a cell that has just ended."""
        name = f"{cell.network}, {cell.optimizer}, {cell.dataset}, seed {cell.seed}"
        summary = read_summary(self.directory / cell.directory) if cell.status == "completed" else None
        said = headline(summary) if summary else cell.reason
        return f"{overview.WORDS[cell.status]}: {name}{f': {said}' if said else ''}"

    def _opening(self, left: Sequence[Planned]) -> str:
        ended = sum(cell.status in ENDED for cell in self.cells.values())
        seconds = sum(self._seconds_left(one) for one in left)
        return (
            f"{plural(len(self.cells), 'run')} in {self.directory}: {ended} with a result, {len(left)} to be trained, "
            f"about {duration(seconds)} one after the other; {self.provenance.device_count} x {self.provenance.device}"
        )

    def _record(self, status: TableStatus) -> Table:
        """Write table.json: what is asked for now, and behind it the results of commands that asked for others."""
        before, kept = self.earlier
        kept = [cell for cell in kept if cell.directory not in self.cells]
        cells = [*self.cells.values(), *kept]
        own = [TableData(label=source.label, name=source.name) for source in settings.sources(self.plan.asked)]
        labels = {one.label for one in own}
        there = {cell.dataset for cell in kept} - labels
        table = Table(
            name=self.plan.asked["name"],
            status=status,
            networks=united(self.fields["networks"], (cell.network for cell in kept)),
            optimizers=united(self.fields["optimizers"], (cell.optimizer for cell in kept)),
            datasets=[*own, *(one for one in before if one.label in there)],
            seeds=sorted({*settings.seeds(self.plan.asked), *(cell.seed for cell in kept)}),
            paper=paper_scale(),
            cells=cells,
            budget_minutes=self.fields["budget_minutes"],
            **asdict(self.provenance),
        )
        write(self.directory / TABLE, table)
        return table

    def _outcome(self) -> TableStatus:
        if all(cell.status in (*ENDED, *LACKING) for cell in self.cells.values()):
            return "completed"
        spent = self.fields["budget_minutes"] is not None and self.stop.name in (None, SPENT)
        return "budget" if spent else "interrupted"

    def _end(self, table: Table) -> int:
        """Say how to go on, where something is left; returns the exit code."""
        command = self.provenance.command
        lacking = [cell for cell in table.cells if cell.status in LACKING]
        if table.status == "interrupted":
            print(f"minjax: {self.stop.name}: every cell is saved; to resume: {command}", file=sys.stderr)
            return RESUMABLE
        if table.status == "budget":
            print(
                f"the budget of {self.fields['budget_minutes']:g} minutes is spent; the same command with a larger "
                "tables.budget_minutes continues"
            )
        if lacking:
            print(
                f"minjax: {len(lacking)} of {plural(len(table.cells), 'run')} have no result; the lines above say why; "
                f"the same command tries them again: {command}",
                file=sys.stderr,
            )
        return LACKS if lacking else 0


def earlier(directory: Path) -> tuple[list[TableData], list[Cell]]:
    """The data sets of a table, and its cells that have a result; none where there is no table that can be read."""
    try:
        table = read_table(directory)
    except UserError:
        return [], []
    return table.datasets, [cell for cell in table.cells if cell.status in ENDED]


def united(asked: Iterable[str], others: Iterable[str]) -> list[str]:
    """Each name once, those that are asked for first."""
    return list(dict.fromkeys([*asked, *others]))


def stood(planned: Planned, directory: Path) -> Cell:
    """A cell's record, by its directory."""
    try:
        status, reason = standing(directory / planned.cell.directory, planned.config)
    except UserError as error:
        status, reason = "failed", str(error)
    return replace(planned.cell, status=status, reason=reason)


def _seconds_trained(directory: Path, cells: Sequence[Planned]) -> float:
    """Seconds of the epochs that the cells have recorded, one after the other."""
    seconds = 0.0
    for planned in cells:
        try:
            epochs = read_epochs(directory / planned.cell.directory)
        except UserError:  # damaged; the cell itself says so
            epochs = []
        seconds += sum(epoch.seconds + epoch.evaluate_seconds for epoch in epochs)
    return seconds
