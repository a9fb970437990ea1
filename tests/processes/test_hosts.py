"""Agreement between processes, played by threads with a coordination service made of a dictionary."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from minjax.errors import UserError
from minjax.processes import joining
from minjax.processes.hosts import ALONE, CoordinatorLost, Hosts, PeerEnded
from minjax.tasks.signals import Stop
from minjax.tasks.training import check_agreement
from minjax.train.pace import Pace


class Service:
    """The methods of JAX's client that `Hosts` uses. It is gone after 20 s: a wait for ever is a failure."""

    def __init__(self):
        self.deadline = time.monotonic() + 20
        self.values, self.gone, self.changed = {}, False, threading.Condition()

    def key_value_set(self, key, value):
        with self.changed:
            self._check()
            assert key not in self.values
            self.values[key] = value
            self.changed.notify_all()

    def blocking_key_value_get(self, key, milliseconds):
        with self.changed:
            self.changed.wait_for(lambda: self.gone or key in self.values, 0.02)
            self._check()
            if key not in self.values:
                raise jax.errors.JaxRuntimeError(f"DEADLINE_EXCEEDED: {key}")
            return self.values[key]

    def key_value_delete(self, folder):
        with self.changed:
            self.values = {key: value for key, value in self.values.items() if not key.startswith(folder)}

    def _check(self):
        if self.gone or time.monotonic() > self.deadline:
            raise jax.errors.JaxRuntimeError("UNAVAILABLE: connection reset by peer")


def play(*parts):
    """Run `part(hosts)` for each process at once; what each returned or raised."""
    service = Service()

    def one(index):
        try:
            return parts[index](Hosts(index, len(parts), service))
        except (PeerEnded, CoordinatorLost, UserError) as error:
            return error

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(one, range(len(parts)))), service


def test_one_process_agrees_with_itself():
    assert ALONE.first
    assert ALONE.all_gather({"a": 1}) == [{"a": 1}]
    assert ALONE.broadcast(7) == 7
    assert ALONE.on_first(lambda: "made") == "made"
    assert ALONE.finish(75) == 75
    ALONE.abort(1, "nobody hears")
    tree = {"a": np.ones(2)}
    assert ALONE.broadcast_arrays(tree) is tree


def test_values_arrive_in_order_and_the_first_one_decides():
    made = []

    def part(hosts):
        time.sleep(0.02 * (2 - hosts.index))
        seen = [hosts.all_gather({"number": [hosts.index, n]}) for n in range(3)]
        first = hosts.on_first(lambda: made.append(1) or "from the first")
        return seen, first, hosts.broadcast(hosts.index), hosts.finish(0)

    results, service = play(part, part, part)
    expected = [[{"number": [i, n]} for i in range(3)] for n in range(3)]
    assert results == [(expected, "from the first", 0, 0)] * 3
    assert made == [1]
    assert len({key.split("/")[1] for key in service.values}) <= 2  # rounds that are over leave nothing behind


@pytest.mark.parametrize("who", [0, 1, 2])
def test_a_process_that_ends_ends_the_others_with_its_code_and_its_reason(who):
    def part(hosts):
        hosts.all_gather(0)
        if hosts.index == who:
            hosts.abort(2, "no space left")
            return "left"
        for _ in range(100):
            hosts.all_gather(1)
        return "never"

    results, _ = play(part, part, part)
    assert results.pop(who) == "left"
    assert [error.code for error in results] == [2, 2]
    assert [str(error) for error in results] == [f"process {who} ended: no space left"] * 2


def test_all_take_the_worst_code_when_all_end():
    results, _ = play(
        lambda hosts: hosts.finish(0), lambda hosts: hosts.finish(2, "report"), lambda hosts: hosts.finish(0)
    )
    assert results == [2, 2, 2]


def test_the_first_process_goes_on_with_a_round_that_a_signal_broke():
    def first(hosts):
        take, hosts._take = hosts._take, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            hosts.all_gather(0)
        hosts._take = take
        hosts.abort(130, "Ctrl-C")
        return "left"

    results, _ = play(first, lambda hosts: hosts.all_gather(1))
    assert results[0] == "left"
    assert results[1].code == 130


def test_without_the_service_a_process_is_lost():
    def part(hosts):
        if hosts.first:
            hosts.client.gone = True
            return "gone"
        return hosts.all_gather(1)

    results, _ = play(part, part)
    assert isinstance(results[1], CoordinatorLost)


def test_a_signal_in_one_process_stops_all_at_the_same_place():
    def part(hosts):
        stop, asked = Stop(hosts), 0
        while not stop() and asked < 100:
            asked += 1
            if (hosts.index, asked) == (1, 4):
                stop._heard = "SIGTERM"
        return asked, stop.name

    results, _ = play(part, part)
    assert results == [(4, "SIGTERM")] * 2


def test_the_pace_is_the_first_process_s():
    def part(hosts):
        pace = Pace(agree=hosts.broadcast)
        pace.note(1, 0.1 * (hosts.index + 1))
        return pace.steps(1000)

    results, _ = play(part, part)
    assert results == [30, 30]


def test_another_configuration_or_other_data_is_named_in_every_process():
    def part(hosts):
        config = {"epochs": 3, "parallel": "jit", "data": {"fingerprint": "abc"}}
        check_agreement(hosts, config)
        if hosts.index == 2:
            config["data"]["fingerprint"] = "xyz"
        check_agreement(hosts, config)

    results, _ = play(part, part, part)
    message = "the processes of this run differ: data.fingerprint: process 0 has 'abc', process 2 has 'xyz'"
    assert [str(error) for error in results] == [message] * 3


COMPLETE = {"auto": False, "coordinator": "", "processes": None, "process": None, "timeout": 60, "lost_after": 60}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"coordinator": "a:1"}, "several processes also need distributed.processes and distributed.process"),
        ({"processes": 2, "process": 0}, "several processes also need distributed.coordinator"),
        ({"coordinator": "a", "processes": 2, "process": 0}, "coordinator is 'a'; it must be host:port"),
        ({"coordinator": "a:b", "processes": 2, "process": 0}, "it must be host:port"),
        ({"coordinator": "a:70000", "processes": 2, "process": 0}, "it must be host:port"),
        ({"coordinator": "a:1", "processes": 2, "process": 2}, "process is 2 of distributed.processes=2; .* 0 to 1"),
        ({"coordinator": "a:1", "processes": 0, "process": 0}, "distributed.processes is 0; it must be at least 1"),
        ({"auto": True, "process": 0}, "set either it or those three"),
        ({"timeout": 0}, "timeout is 0"),
        ({"lost_after": 0}, "lost_after 0"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(fields, message):
    with pytest.raises(UserError, match=message):
        joining.is_distributed(**(COMPLETE | fields))


def test_nothing_is_joined_unless_asked_for():
    with joining.joined(**COMPLETE) as hosts:
        assert hosts is ALONE
        assert joining.current() is ALONE
    assert not joining.is_distributed(**(COMPLETE | {"coordinator": "a:1", "processes": 1, "process": 0}))
