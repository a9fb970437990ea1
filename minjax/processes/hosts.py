"""The processes of one run, one or more on each host: how they agree, and how they end together.

All processes must dispatch the same programs in the same order, or their collectives wait for each other forever. So
whatever depends on a clock, a signal or a disk (when to stop, how many steps to take, where to resume) is agreed on
here, in rounds that every process takes part in, in the same order. A round goes through JAX's coordination service,
not through the devices: it works before any program is compiled, and a process that aborts says so in the round the
others are waiting in, so that they end too. A process that is killed says nothing; JAX then ends the others (see
`joining.py`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

SLICE_MS = 1000  # one blocking wait; Python handles signals between two of them
ABORT_SECONDS = 60.0  # how long a failing process waits for the others to hear of it


class PeerEnded(Exception):  # noqa: N818 - what happened, not an error in this process
    """Another process of the run has ended early, so this one must end too."""

    def __init__(self, code: int, who: int, message: str):
        super().__init__(f"process {who} ended: {message or f'exit code {code}'}")
        self.code, self.who = code, who


class CoordinatorLost(Exception):  # noqa: N818
    """The coordination service has stopped answering: the first process, which runs it, is gone."""


@dataclasses.dataclass
class Hosts:
    """This process and its peers. Every method must be called by all processes, in the same order.

    Attributes:
        index: this process's number, from 0.
        count: how many processes there are.
        client: the client of JAX's coordination service; None for a single process.
    """

    index: int = 0
    count: int = 1
    client: Any = None
    _round: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.index == 0

    def all_gather(self, value: Any) -> list[Any]:
        """Every process's value (JSON), ordered by process number.

        Raises:
            PeerEnded: a process ended instead of taking part.
            CoordinatorLost: the first process is gone.
        """
        return [value] if self.count == 1 else self._exchange({"value": value})

    def broadcast(self, value: Any) -> Any:
        """The first process's value (JSON), whatever the others pass."""
        return self.all_gather(value if self.first else None)[0]

    def on_first(self, make: Callable[[], Any]) -> Any:
        """Call `make` in the first process alone; every process gets what it returned (JSON)."""
        return self.broadcast(make() if self.first else None)

    def broadcast_arrays(self, tree: Any) -> Any:
        """The first process's arrays, as numpy arrays; the others pass a tree of the same shapes and types."""
        if self.count == 1:
            return tree
        from jax.experimental import multihost_utils

        return jax.tree.map(np.asarray, multihost_utils.broadcast_one_to_all(tree))

    def finish(self, code: int, message: str = "") -> int:
        """Wait until every process has finished; returns the exit code that all of them take, the largest.

        Raises:
            PeerEnded: another process ended early.
            CoordinatorLost: the first process is gone.
        """
        if self.count == 1:
            return code
        try:
            return max(self._exchange({"end": code, "message": message}))
        except PeerEnded as ended:
            if ended.who == self.index:
                return code
            raise

    def abort(self, code: int, message: str, patience: float = ABORT_SECONDS) -> None:
        """End early: the other processes get `PeerEnded` in their next round.

        If they do not reach one within `patience` seconds, because they are waiting for this process in a collective,
        it exits at once: they will notice that it is gone.
        """
        if self.count == 1:
            return

        def tell() -> None:
            with contextlib.suppress(PeerEnded, CoordinatorLost):
                self.finish(code, message)

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        teller.join(patience)
        if teller.is_alive():
            print(f"minjax: error: process {self.index} ends on its own: {message}", file=sys.stderr, flush=True)
            sys.stdout.flush()
            os._exit(code)

    def _exchange(self, message: dict[str, Any]) -> list[Any]:
        # A signal's exception may interrupt a round while it waits, and `abort` then comes here: the first process
        # starts that round again; the others, whose message for it is already sent, go on to the next one.
        now = self._round
        if self.first:
            answer = _combine([message, *(self._take(now, str(i)) for i in range(1, self.count))])
            self._round += 1
            self._put(now, "all", answer)
            if now:  # all have taken part in this round, so nobody will read the previous one
                self.client.key_value_delete(f"minjax/{now - 1}/")
        else:
            self._put(now, str(self.index), message)
            self._round += 1
            answer = self._take(now, "all")
        if "values" not in answer:
            raise PeerEnded(answer["end"], answer["who"], answer["message"])
        return answer["values"]

    def _put(self, number: int, name: str, value: Any) -> None:
        try:
            self.client.key_value_set(f"minjax/{number}/{name}", json.dumps(value))
        except jax.errors.JaxRuntimeError as error:
            raise CoordinatorLost(str(error)) from error

    def _take(self, number: int, name: str) -> Any:
        while True:
            try:
                return json.loads(self.client.blocking_key_value_get(f"minjax/{number}/{name}", SLICE_MS))
            except jax.errors.JaxRuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise CoordinatorLost(str(error)) from error


def _combine(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The answer to a round: every value, or which process ended while others went on."""
    ended = [index for index, message in enumerate(messages) if "end" in message]
    if len(ended) in (0, len(messages)):
        return {"values": [message.get("value", message.get("end")) for message in messages]}
    who = messages[ended[0]]
    return {"end": who["end"], "who": ended[0], "message": who["message"]}


ALONE = Hosts()
