"""How the processes of a run find each other, and how the end of one ends them all."""

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
from minjax.interruption import RESUMABLE, Interrupted
from minjax.processes.hosts import ALONE, CoordinatorLost, Hosts, PeerEnded

LOST = 3  # exit code: another process was lost; the same command resumes from the last checkpoint
_here = ALONE


def current() -> Hosts:
    """The processes that this one has joined, or itself alone. Global to the process, as `jax.distributed` is."""
    return _here


def is_distributed(
    auto: bool, coordinator: str, processes: int | None, process: int | None, timeout: int, lost_after: int
) -> bool:
    """Whether the fields of `distributed` ask for several processes.

    Raises:
        UserError: fields that do not go together, or a value out of range.
    """
    given = {"coordinator": coordinator or None, "processes": processes, "process": process}
    missing = [f"distributed.{name}" for name, value in given.items() if value is None]
    if timeout < 1 or lost_after < 1:
        raise UserError(f"distributed.timeout is {timeout} and lost_after {lost_after}; both must be at least 1 second")
    if auto and len(missing) < len(given):
        raise UserError(
            "distributed.auto finds coordinator, processes and process by itself: set either it or those three"
        )
    if auto or len(missing) == len(given):
        return auto
    if missing:
        raise UserError(f"several processes also need {' and '.join(missing)}, or distributed.auto=True on a cluster")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(
            f"distributed.coordinator is {coordinator!r}; it must be host:port, the address of the first process"
        )
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
    """Connect to the other processes. This must happen before JAX looks at its devices.

    Args:
        auto: let JAX ask its cluster (Slurm, TPU, Kubernetes, Open MPI) for the next three values.
        coordinator: host:port of the first process.
        processes: how many there are.
        process: this one's number, from 0.
        timeout: seconds for all processes to connect; after that this process exits with code 2.
        lost_after: seconds of silence after which a process counts as lost and JAX ends the others (SIGABRT).

    Raises:
        UserError: fields that do not go together, no cluster found, the port is taken, or the processes have different
            numbers of devices.
    """
    if not is_distributed(auto, coordinator, processes, process, timeout, lost_after):
        return ALONE
    where = f"the coordinator at {coordinator}" if coordinator else "the cluster's coordinator"
    if process == 0:
        _check_port(int(coordinator.rpartition(":")[2]))
        absent = f"not all {processes} processes connected to {where} within {timeout} s (distributed.timeout)"
    else:
        absent = (
            f"{where} did not answer within {timeout} s (distributed.timeout); is process 0 running there, and have "
            "all the others started?"
        )
    # Without this JAX would handle SIGTERM itself; `tasks.signals` does, and all processes agree between dispatches.
    jax.config.update("jax_enable_preemption_service", False)
    with _deadline(timeout, absent):
        try:
            jax.distributed.initialize(
                coordinator or None,
                processes,
                process,
                cluster_detection_method=None if auto else "deactivate",
                initialization_timeout=timeout + 60,  # later than ours, because JAX aborts with a stack trace
                heartbeat_timeout_seconds=lost_after,
                shutdown_timeout_seconds=lost_after,
            )
        except (ValueError, RuntimeError) as error:
            if auto and "be defined" in str(error):
                raise UserError(
                    "distributed.auto: JAX finds no cluster here (it knows Slurm, TPU, Kubernetes and Open MPI); set "
                    "distributed.coordinator, .processes and .process"
                ) from error
            raise UserError(f"cannot connect to {where}: {error}") from error
    # The client has no public name yet; orbax and others take it from here too.
    from jax._src.distributed import global_state

    hosts = Hosts(jax.process_index(), jax.process_count(), global_state.client)
    counts = hosts.all_gather(jax.local_device_count())
    if len(set(counts)) > 1:
        each = ", ".join(f"process {i} has {n}" for i, n in enumerate(counts))
        raise UserError(f"every process must have the same number of devices; {each}")
    return hosts


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise UserError(f"distributed.coordinator: port {port} cannot be opened here: {error.strerror}") from error


@contextlib.contextmanager
def _deadline(seconds: float, message: str) -> Iterator[None]:
    """Exit with one line and code 2 if the block takes longer: it waits inside JAX, where no exception can reach it."""

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
def joined(**fields: Any) -> Iterator[Hosts]:
    """Join the other processes (see `join`) for the block; however it ends in one of them, all of them end.

    An exception in this process reaches the others as `PeerEnded`. When another process is lost, this one exits at
    once with code `LOST`, because JAX's own shutdown would wait for the lost one.
    """
    global _here
    _here = join(**fields)
    if _here.count == 1:
        yield _here
        return
    try:
        yield _here
    except PeerEnded:
        raise
    except (CoordinatorLost, jax.errors.JaxRuntimeError) as error:
        print(
            f"minjax: error: process {_here.index} lost the others, or its device failed ({_line(error)[:200]}); the "
            "same command resumes from the last checkpoint",
            file=sys.stderr,
            flush=True,
        )
        _here.abort(LOST, _line(error), patience=1.0)
        sys.stdout.flush()
        os._exit(LOST)
    except BaseException as error:
        code = {UserError: 2, Interrupted: RESUMABLE}.get(type(error), 1)
        _here.abort(code, _line(error))
        raise
    finally:
        _here = ALONE
        jax.distributed.shutdown()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
