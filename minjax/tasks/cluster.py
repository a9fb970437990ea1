"""A Ray cluster: whether it is there, how much of it a task takes, and tasks whose results arrive as they end.

The fields are those of `minjax.config.run.EXECUTION`, in the section of the task that they are of.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import minjax
from minjax.errors import UserError
from minjax.interruption import SIGNALS

RETRIES = 3  # of a task whose process is lost
WAIT_SECONDS = 0.5
CONNECT_SECONDS = 10.0
GRACE_SECONDS = 60.0

Key = TypeVar("Key")


class Cluster:
    """A connection to the cluster that the fields name; one on this machine is started, and ends with it.

    Args:
        fields: the section, such as `study`.
        section: its name.

    Raises:
        UserError: Ray is not installed, or its cluster cannot be reached.
    """

    def __init__(self, fields: Mapping[str, Any], section: str):
        self.ray = _ray(section)
        self.fields = fields
        paths = [str(Path(minjax.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        kept = {key: value for key, value in os.environ.items() if key.startswith(("JAX_", "MINJAX_", "XLA_"))}
        environment = {"env_vars": {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}}
        address = fields["ray_address"] or None
        try:
            with _signals_kept(), warnings.catch_warnings():
                # JAX warns of forks for the sake of its threads; Ray's are each followed by an exec.
                warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
                self.ray.init(
                    address=address,
                    num_cpus=fields["workers"] if address is None else None,
                    runtime_env=environment,
                    log_to_driver=False,
                    include_dashboard=False if address is None else None,
                    logging_level="error",
                )
        except Exception as error:
            where = address or "on this machine"
            raise UserError(f"the Ray cluster {where} cannot be reached: {str(error).splitlines()[0]}") from error

    @property
    def slots(self) -> int:
        """How many tasks run at the same time."""
        return slots(self.ray.cluster_resources().get("CPU", 1), self.fields)

    def run(
        self,
        function: Callable[..., Any],
        tasks: Sequence[tuple[Key, tuple[Any, ...]]],
        stop: Callable[[], bool],
        beat: Callable[[], None],
        tell: Callable[[], None] | None = None,
    ) -> Iterator[tuple[Key, Any]]:
        """Run a function for each of `tasks`, again where its process is lost, and yield what it returns.

        Args:
            function: runs in processes of the cluster.
            tasks: for each what it is called here, and the function's arguments.
            stop: asked about twice a second; once it is True, the tasks that are running are ended.
            beat: called as often, while they run.
            tell: tells them to end by themselves first, for which they have `GRACE_SECONDS`; None: they lose nothing.

        Yields:
            A task's key with what the function returned, or with a line of text that says how it failed.
        """
        task = self.ray.remote(function).options(
            num_cpus=self.fields["cpus_per_task"], num_gpus=self.fields["gpus_per_task"], max_retries=RETRIES
        )
        waiting = {task.remote(*arguments): key for key, arguments in tasks}
        while waiting:
            ready, _ = self.ray.wait(list(waiting), num_returns=1, timeout=WAIT_SECONDS)
            beat()
            for reference in ready:
                key = waiting.pop(reference)
                try:
                    result = self.ray.get(reference)
                except self.ray.exceptions.RayError as error:
                    result = " ".join(str(error).split())[:300]
                yield key, result
            if stop():
                self._end(list(waiting), tell)
                return

    def _end(self, references: list[Any], tell: Callable[[], None] | None) -> None:
        if tell is not None and references:
            tell()
            _, references = self.ray.wait(references, num_returns=len(references), timeout=GRACE_SECONDS)
        for reference in references:
            self.ray.cancel(reference, force=True)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends with that."""
        self.ray.shutdown()


def check(fields: Mapping[str, Any], section: str) -> None:
    """Check that what `executor` names is available, before anything is written.

    Raises:
        UserError: Ray is not installed, or nothing answers at its address.
    """
    if fields["executor"] == "ray":
        _ray(section)
        _check_reachable(fields["ray_address"])


def slots(cpus: float, fields: Mapping[str, Any]) -> int:
    """How many tasks so many CPUs run at the same time."""
    return max(1, int(cpus // max(fields["cpus_per_task"], 1e-9)))


def _check_reachable(address: str) -> None:
    """Try the address: Ray itself would wait for minutes, and then end the process."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise UserError(f"the Ray cluster {address} cannot be reached: {error.strerror or error}") from error


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """What a signal does stays as it was: Ray would have SIGTERM end the process at once."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # in no other can it have been changed
            for number, one in before.items():
                signal.signal(number, one)


def _ray(section: str) -> Any:
    try:
        import ray
    except ImportError as error:
        raise UserError(f"{section}.executor='ray' needs Ray: pip install 'minjax[ray]'") from error
    return ray
