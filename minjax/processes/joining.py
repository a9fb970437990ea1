"""How the processes of a run find one another, and how the end of one becomes the end of all."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import jax

from minjax.errors import UserError
from minjax.processes.hosts import ALONE, Ended, Hosts, Lost

LOST = 3  # exit code: another process was lost; the same command resumes from the last checkpoint
_here = ALONE


def current() -> Hosts:
    """This process's place in its run: alone, or as it has joined. One a process, as `jax.distributed` is."""
    return _here


def check(
    auto: bool, coordinator: str, processes: int | None, process: int | None, timeout: int, lost_after: int
) -> bool:
    """Whether several processes are asked for (by the fields of `distributed`).

    Raises:
        UserError: fields that do not go together, or a value that cannot be.
    """
    given = {"coordinator": coordinator or None, "processes": processes, "process": process}
    missing = [f"distributed.{name}" for name, value in given.items() if value is None]
    if timeout < 1 or lost_after < 1:
        raise UserError(f"distributed.timeout is {timeout} and lost_after {lost_after}; both must be at least 1 second")
    if auto and len(missing) < len(given):
        raise UserError("distributed.auto finds coordinator, processes and process by itself: give it or those")
    if auto or len(missing) == len(given):
        return auto
    if missing:
        raise UserError(f"several processes need {' and '.join(missing)} too, or distributed.auto=True on a cluster")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"distributed.coordinator is {coordinator!r}; it must be host:port, the first process's")
    assert processes is not None and process is not None  # noqa: PT018 - for mypy; see `missing`
    if processes < 1:
        raise UserError(f"distributed.processes is {processes}; it must be at least 1")
    if not 0 <= process < processes:
        raise UserError(
            f"distributed.process is {process} of distributed.processes={processes}; it must be 0 to {processes - 1}"
        )
    return processes > 1


def join(
    auto: bool, coordinator: str, processes: int | None, process: int | None, timeout: int, lost_after: int
) -> Hosts:
    """Meet the other processes; before JAX looks at its devices.

    Args:
        auto: let JAX find out what its cluster says: Slurm, TPU, Kubernetes, Open MPI.
        coordinator: host:port of the first process, where it is not `auto`; likewise
        processes: how many there are, and
        process: this one's number.
        timeout: seconds for all to come; after that this process ends with code 2.
        lost_after: seconds of silence after which a process is given up and JAX ends the others (SIGABRT).

    Raises:
        UserError: fields that do not go together, no cluster found, the port taken, different numbers of devices.
    """
    if not check(auto, coordinator, processes, process, timeout, lost_after):
        return ALONE
    where = f"the coordinator at {coordinator}" if coordinator else "the cluster's coordinator"
    if process == 0:
        _see_that_free(int(coordinator.rpartition(":")[2]))
        absent = f"not all {processes} processes came to {where} within {timeout} s (distributed.timeout)"
    else:
        absent = (
            f"{where} does not answer within {timeout} s (distributed.timeout); is process 0 running there, and have "
            "all others come?"
        )
    # JAX has a handler of its own for SIGTERM; here it is heard by `tasks.signals` and agreed on between dispatches.
    jax.config.update("jax_enable_preemption_service", False)
    with _deadline(timeout, absent):
        try:
            jax.distributed.initialize(
                coordinator or None,
                processes,
                process,
                cluster_detection_method=None if auto else "deactivate",
                initialization_timeout=timeout + 60,  # later than ours: JAX aborts the process with its stack on it
                heartbeat_timeout_seconds=lost_after,
                shutdown_timeout_seconds=lost_after,
            )
        except (ValueError, RuntimeError) as error:
            if auto and "be defined" in str(error):
                raise UserError(
                    "distributed.auto: JAX finds no cluster here (it knows Slurm, TPU, Kubernetes and Open MPI); give "
                    "distributed.coordinator, .processes and .process"
                ) from error
            raise UserError(f"{where} cannot be joined: {error}") from error
    # The service's client has no public name yet; orbax and others take it from here as well.
    from jax._src.distributed import global_state

    hosts = Hosts(jax.process_index(), jax.process_count(), global_state.client)
    counts = hosts.gather(jax.local_device_count())
    if len(set(counts)) > 1:
        each = ", ".join(f"process {i} has {n}" for i, n in enumerate(counts))
        raise UserError(f"every process must have the same number of devices; {each}")
    return hosts


def _see_that_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise UserError(f"distributed.coordinator: port {port} cannot be opened here: {error.strerror}") from error


@contextlib.contextmanager
def _deadline(seconds: float, message: str) -> Iterator[None]:
    """End the process with one line and code 2 when the block takes longer; it waits where no exception can reach."""

    def give_up() -> None:
        print(f"minjax: error: {message}", file=sys.stderr, flush=True)
        os._exit(2)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def together(**fields: Any) -> Iterator[Hosts]:
    """Join the other processes for the block (fields as of `join`); how it ends in one is heard by all.

    An exception in this process is said to the others, which get `Ended`; when another process is lost, this one ends
    at once with code `LOST`: JAX's own way out would wait for the lost one.
    """
    global _here
    _here = join(**fields)
    if _here.count == 1:
        yield _here
        return
    try:
        yield _here
    except Ended:
        raise
    except (Lost, jax.errors.JaxRuntimeError) as error:
        print(
            f"minjax: error: process {_here.index} lost the others, or its device failed ({_line(error)[:200]}); the "
            "same command resumes from the last checkpoint",
            file=sys.stderr,
            flush=True,
        )
        _here.leave(LOST, _line(error), patience=1.0)
        sys.stdout.flush()
        os._exit(LOST)
    except BaseException as error:
        code = {UserError: 2, KeyboardInterrupt: 130}.get(type(error), 1)
        _here.leave(code, _line(error))
        raise
    finally:
        _here = ALONE
        jax.distributed.shutdown()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
