"""The processes of one run (one a host, or more): how they meet, agree, and end together.

What is dispatched next must be the same in all processes, or their collectives wait for one another for ever. So
whatever is decided by a clock, a signal or a disk (when to stop, how many steps to take, where to resume) is agreed on
here, in rounds that all of them take part in, in the same order. A round goes through JAX's coordination service and
not through the devices: it works before a program is built, and a process that ends says so in the round that the
others wait in, so that they end too. One that is killed says nothing; JAX then ends the others (see `joining.py`).
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

SLICE_MS = 1000  # of waiting, between which Python hears signals
LEAVE_SECONDS = 60.0  # that a process which fails waits for the others to hear of it


class Ended(Exception):  # noqa: N818 - what happened, not an error of this process
    """Another process of the run has ended, and so this one must."""

    def __init__(self, code: int, who: int, message: str):
        super().__init__(f"process {who} ended: {message or f'exit code {code}'}")
        self.code, self.who = code, who


class Lost(Exception):  # noqa: N818
    """The coordination service does not answer any more: its process, the first, is gone."""


@dataclasses.dataclass
class Hosts:
    """This process among those of its run. Every method is called by all processes, in the same order.

    Attributes:
        index: this process's number, from 0.
        count: how many there are.
        client: of JAX's coordination service; None for one process alone.
    """

    index: int = 0
    count: int = 1
    client: Any = None
    _round: int = 0

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.index == 0

    def gather(self, value: Any) -> list[Any]:
        """Every process's value (JSON), in the order of their numbers.

        Raises:
            Ended: a process ended instead of giving one.
            Lost: the first process is gone.
        """
        return [value] if self.count == 1 else self._exchange({"value": value})

    def from_first(self, value: Any) -> Any:
        """The first process's value (JSON)."""
        return self.gather(value if self.first else None)[0]

    def on_first(self, make: Callable[[], Any]) -> Any:
        """What `make` (JSON) returns in the first process, where alone it is called."""
        return self.from_first(make() if self.first else None)

    def share(self, tree: Any) -> Any:
        """The first process's arrays, as numpy arrays; the others give a tree of the same shapes and types."""
        if self.count == 1:
            return tree
        from jax.experimental import multihost_utils

        return jax.tree.map(np.asarray, multihost_utils.broadcast_one_to_all(tree))

    def end(self, code: int, message: str = "") -> int:
        """Say that this process is at its end and wait for the others; returns the exit code that all take.

        Raises:
            Ended: another process ended, but before its time.
            Lost: the first process is gone.
        """
        if self.count == 1:
            return code
        try:
            return max(self._exchange({"end": code, "message": message}))
        except Ended as ended:
            if ended.who == self.index:
                return code
            raise

    def leave(self, code: int, message: str, patience: float = LEAVE_SECONDS) -> None:
        """End before the time: the others hear of it in their next round, and get `Ended`.

        If they do not come to one within `patience` seconds, because they wait in a collective for this process, it
        ends here and now: its absence is what they notice then.
        """
        if self.count == 1:
            return

        def tell() -> None:
            with contextlib.suppress(Ended, Lost):
                self.end(code, message)

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        teller.join(patience)
        if teller.is_alive():
            print(f"minjax: error: process {self.index} ends alone: {message}", file=sys.stderr, flush=True)
            sys.stdout.flush()
            os._exit(code)

    def _exchange(self, message: dict[str, Any]) -> list[Any]:
        # A signal's exception may leave a round in the waiting, and `leave` then comes here: the first process begins
        # the round again, the others, whose message of it is on its way, go on to the next one.
        now = self._round
        if self.first:
            answer = _combine([message, *(self._take(now, str(i)) for i in range(1, self.count))])
            self._round += 1
            self._put(now, "all", answer)
            if now:  # all have taken part in this round, so nobody reads the one before any more
                self.client.key_value_delete(f"minjax/{now - 1}/")
        else:
            self._put(now, str(self.index), message)
            self._round += 1
            answer = self._take(now, "all")
        if "values" not in answer:
            raise Ended(answer["end"], answer["who"], answer["message"])
        return answer["values"]

    def _put(self, number: int, name: str, value: Any) -> None:
        try:
            self.client.key_value_set(f"minjax/{number}/{name}", json.dumps(value))
        except jax.errors.JaxRuntimeError as error:
            raise Lost(str(error)) from error

    def _take(self, number: int, name: str) -> Any:
        while True:
            try:
                return json.loads(self.client.blocking_key_value_get(f"minjax/{number}/{name}", SLICE_MS))
            except jax.errors.JaxRuntimeError as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise Lost(str(error)) from error


def _combine(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What all processes are told of a round: the values, or which process ended where others went on."""
    ended = [index for index, message in enumerate(messages) if "end" in message]
    if len(ended) in (0, len(messages)):
        return {"values": [message.get("value", message.get("end")) for message in messages]}
    who = messages[ended[0]]
    return {"end": who["end"], "who": ended[0], "message": who["message"]}


ALONE = Hosts()
