"""A training from its first step to its last: a run, or several that one program trains; resumable at any moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from minjax.config import roles
from minjax.data import Dataset
from minjax.errors import UserError
from minjax.findings.words import plural
from minjax.interruption import RESUMABLE
from minjax.processes.hosts import Hosts
from minjax.records.record import builtins
from minjax.records.run import Epoch
from minjax.tasks.assembly import Assembly, assemble, assemble_together, describe, splits
from minjax.tasks.console import Progress, say
from minjax.tasks.member import Member, Order
from minjax.tasks.provenance import provenance
from minjax.tasks.signals import Stop
from minjax.tasks.summary import Spent
from minjax.tasks.writer import RunWriter
from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.loop import Diverged, Loop
from minjax.train.metadata import Position
from minjax.train.pace import Pace
from minjax.train.together import Together

DIVERGED = 1  # exit code

Tick = Callable[[float], None]


def check_agreement(hosts: Hosts, config: dict[str, Any]) -> None:
    """See that every process of the run has the same configuration.

    Raises:
        UserError: one differs; names the fields and both values.
    """
    words = ("process 0 has", f"process {hosts.index} has")
    lines = roles.differences(hosts.broadcast(config), config, roles=roles.SHARED, words=words)
    for found in hosts.all_gather(lines):
        if found:
            raise UserError(f"the processes of this run differ: {'; '.join(found)}")


class Training:
    """Runs on their way. Every process computes; the first alone writes."""

    def __init__(
        self,
        orders: Sequence[Order],
        stop: Stop,
        hosts: Hosts,
        tick: Tick = lambda share: None,
        *,
        population: int = 1,
        step: int | None = None,
    ):
        """Load the data and build the programs; nothing is written.

        Args:
            orders: the runs, which differ in the seed alone.
            stop: says whether it was told to stop; asked between dispatches.
            hosts: the processes of the run; several runs are trained in one process.
            tick: called with the share of the whole training that was just done.
            population: how many runs the program is for.
            step: whose checkpoint they go on from, 0 for the beginning; None: each run's newest.
        """
        self.started = time.perf_counter()
        self.stop, self.hosts, self.tick, self.step = stop, hosts, tick, step
        self.config = orders[0].config
        configs = [order.config for order in orders]
        self.parts: Assembly[Any] = assemble(*configs) if population == 1 else assemble_together(configs, population)
        self.engine: Engine | Together = self.parts.engine
        pairs = zip(orders, self.parts.datasets, strict=True)
        self.members = [self._member(order, dataset) for order, dataset in pairs]
        self.evaluation_pace = Pace(agree=hosts.broadcast)
        self.evaluate_seconds = 0.0

    def _member(self, order: Order, dataset: Dataset) -> Member:
        config, engine = order.config | {"data": describe(dataset)}, self.engine
        check_agreement(self.hosts, config)  # now with the data
        origin = provenance(order.command, devices=len(engine.devices), processes=self.hosts.count)
        writer = None
        if self.hosts.first:
            label = f"seed {config['seed']}" if engine.population > 1 else ""
            writer = RunWriter(order.directory, config, origin, engine.steps_per_epoch, label)
        return Member(config, dataset, self.parts, origin, writer)

    @property
    def live(self) -> list[tuple[int, Member]]:
        """The runs that have not diverged, each with its index."""
        return [(index, self.members[index]) for index in self.loop.live]

    def run(self) -> int:
        """Restore or start, and train to the end; returns the exit code."""
        with contextlib.ExitStack() as held:
            for member in self.members:
                held.enter_context(member.writer or contextlib.nullcontext())
            self.loop = self._restore_or_start()
            self.setup_seconds = time.perf_counter() - self.started
            every = [splits(member.dataset) for member in self.members]
            self.splits = {
                name: self.engine.place_splits([own[name] for own in every]) for name in every[0] if name != "train"
            }
            self.progress = held.enter_context(self._progress()) if self.hosts.first else None
            self.stop.save_first()
            return self._train()

    def _restore_or_start(self) -> Loop:
        """The loop where the newest checkpoint left it, or at the beginning, on the devices of every process."""
        zero = jax.tree.map(np.asarray, Totals.zero())
        trees, positions = [], []
        for member in self.members:
            restored = member.restore({"state": self.parts.like, "totals": zero}, self.step)
            found = (builtins(restored.position), [builtins(line) for line in member.history]) if restored else None
            found = self.hosts.broadcast(found)
            if restored:
                tree = restored.tree
            else:  # a new run, or the first process has read the checkpoint
                tree = {"state": jax.device_get(self.parts.initial(member.config["seed"])), "totals": zero}
            trees.append(self.hosts.broadcast_arrays(tree))
            if found:
                member.history = [Epoch(**line) for line in found[1]]
            elif member.writer:
                member.writer.introduce(tree["state"].params, self.parts.num_params, briefly=len(trees) > 1)
            positions.append(Position(**found[0]) if found else Position())
        if self.engine.population > 1:
            say(f"{plural(len(trees), 'seed')} in a population of {self.engine.population}")
        placed = self.engine.place_each(trees)
        pace = Pace(self.config["steps_per_call"], agree=self.hosts.broadcast)
        return Loop(self.engine, placed["state"], placed["totals"], pace=pace, **builtins(positions[0]))

    def _progress(self) -> Progress:
        """Shows the steps from here on."""
        size, position = self.engine.steps_per_epoch, self.loop.position
        progress = Progress(self.config["epochs"] * size, (position.epoch - 1) * size + position.done)
        for member in self.members:
            assert member.writer is not None
            member.writer.start(position, progress)
        return progress

    def _train(self) -> int:
        loop = self.loop
        results: list[dict[str, dict[str, Any]]] | None = None
        while loop.epoch <= self.config["epochs"] and not self._stopped_early():
            complete = self._train_epoch()
            if not loop.live:
                return DIVERGED
            results = self._evaluate(self.splits) if complete else None
            if results is None:
                return self._interrupt()
            self._end_epoch(results)
        if results is None:  # resumed after the last epoch
            results = self._evaluate({"test": self.splits["test"]})
            if results is None:
                return self._interrupt()
        return self._complete(results)

    def _train_epoch(self) -> bool:
        """Train to the end of the epoch, without the runs that diverge; False when told to stop meanwhile."""
        while self.loop.live:
            try:
                return self.loop.train_epoch(self.stop, self._show)
            except Diverged as divergence:
                self._diverge(divergence.steps)
        return False

    def _show(self, count: int, metrics: dict[str, float]) -> None:
        size, position = self.engine.steps_per_epoch, self.loop.position
        if self.progress:
            label = f"epoch {position.epoch}/{self.config['epochs']}, step {position.done}/{size}"
            status = f"loss {metrics['loss']:.4f}, accuracy {100 * metrics['accuracy']:.2f} %"
            self.progress.advance(count, label, status)
        self.tick(count / (size * self.config["epochs"]))

    def _evaluate(self, splits: dict[str, Any]) -> list[dict[str, dict[str, Any]]] | None:
        """The results of each run by split; None when told to stop meanwhile."""
        before, started = self.engine.compile_seconds, time.perf_counter()
        results: list[dict[str, dict[str, Any]]] = [{} for _ in self.members]
        for name, split in splits.items():
            each = self.engine.evaluate_each(self.loop.state, split, pace=self.evaluation_pace, stop=self.stop)
            if each is None:
                return None
            for own, result in zip(results, each, strict=True):
                own[name] = result
        spent = time.perf_counter() - started - (self.engine.compile_seconds - before)
        self.evaluate_seconds = spent / self.engine.population
        return results

    def _end_epoch(self, results: list[dict[str, dict[str, Any]]]) -> None:
        """Record the epoch, go on to the next one, and save when it is time to, or this is the best epoch of a run."""
        loop, metrics = self.loop, self.loop.metrics()
        for index, member in self.live:
            member.end_epoch(loop.position, metrics[index], results[index], evaluate_seconds=self.evaluate_seconds)
        epoch, best = loop.epoch, any(member.is_best for _, member in self.live)
        loop.next_epoch()
        if epoch % self.config["checkpoint_every"] == 0 or epoch == self.config["epochs"] or best:
            self._save({index: member.selection for index, member in self.live})

    def _stopped_early(self) -> bool:
        return all(member.stopped_early for _, member in self.live)

    def _save(self, accuracies: dict[int, float], *, replace: bool = True) -> None:
        """Save every run, with what its best checkpoint is chosen by where this is a candidate."""
        if self.hosts.first:
            trees = self.engine.fetch_each({"state": self.loop.state, "totals": self.loop.totals})
            for index, member in self.live:
                member.save(trees[index], self.loop.position, accuracies.get(index), replace=replace)

    # -- the ends

    def _complete(self, results: list[dict[str, dict[str, Any]]]) -> int:
        if self.loop.done == 0:  # an early stop between two checkpoints
            self._save({index: member.selection for index, member in self.live}, replace=False)
        self.stop.leave_at_once("result and report were")
        self._close()
        for index, member in self.live:
            member.complete(results[index]["test"], self._spent())
        return 0

    def _diverge(self, steps: dict[int, int]) -> None:
        if not self.loop.live:
            self.stop.leave_at_once("result and report were")
            self._close()
        for index, step in steps.items():
            self.members[index].diverge(step, self._spent())

    def _interrupt(self) -> int:
        self._save({})
        self._close()
        for _, member in self.live:
            member.interrupt(str(self.stop.name), self._spent())
        return RESUMABLE

    def _close(self) -> None:
        """Leave the terminal to what is said at the end."""
        if self.progress:
            self.progress.close()

    def _spent(self) -> Spent:
        """The seconds that each run's summary states, besides those of its epochs."""
        runs = self.engine.population
        return Spent(setup=self.setup_seconds / runs, compile=self.engine.compile_seconds / runs)
