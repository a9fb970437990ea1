"""The one entry: flags -> configuration -> task.

python -m minjax.main --config=configs/resnet18_s.py [--workdir=DIR] [--config.FIELD=VALUE ...]
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from minjax.errors import UserError
from minjax.interruption import RESUMABLE, SIGNALS, Interrupted, interrupt, leave, on_signal

if TYPE_CHECKING:
    from ml_collections import ConfigDict

USAGE = """usage: python -m minjax.main --config=configs/<preset>.py [--workdir=DIR] [--config.FIELD=VALUE ...]

  --config           a preset: configs/digits.py, configs/resnet18_s.py, ... (as the paper ran it: configs/paper/)
  --workdir          the run's directory; default runs/<preset>-<dataset>-<optimizer>-s<seed>.
                     The same command again resumes there, or says that the run is finished.
  --config.FIELD     override a field, for example --config.optimizer.name=adam --config.epochs=50
                     A field of several values takes a,b or a Python tuple: --config.prune.methods=l1,global_l1

  python -m minjax.config    lists every field with its default, its meaning and what it may hold
  python -m minjax.models    lists every network with its number of parameters"""


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code: 0 done, 1 diverged, 2 a mistake in what was asked, 75 interrupted and resumable.

    A process that has lost the others of its run ends with 3 and does not return. What takes seconds to import is
    imported in here, where a signal is heard.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or any(a in ("--help", "-h", "-help", "--helpfull") for a in arguments):
        print(USAGE)
        return 0 if arguments else 2
    command = shlex.join(["python", "-m", "minjax.main", *arguments])
    try:
        with on_signal(lambda name: leave(f"{name} before anything began; run the same command again")):
            config, workdir = _prepare(arguments)
            with on_signal(interrupt):
                return _run(config, workdir, command)
    except UserError as error:
        print(f"minjax: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Interrupted as interruption:
        print(f"minjax: {interruption}", file=sys.stderr)
        return RESUMABLE


def _prepare(arguments: list[str]) -> tuple[ConfigDict, Path | None]:
    """The configuration and the work directory; everything is imported, and JAX has not looked at its devices yet."""
    from minjax import tasks
    from minjax.command_line import parse
    from minjax.config import check

    config, workdir = parse(arguments)
    check(config.to_dict())
    if config.deterministic:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
    import jax

    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        root = Path(os.environ.get("MINJAX_CACHE") or Path.home() / ".cache" / "minjax")
        jax.config.update("jax_compilation_cache_dir", str(root / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    tasks.find(config.task)
    return config, Path(workdir) if workdir else None


def _run(config: ConfigDict, workdir: Path | None, command: str) -> int:
    """The task, in this process and whichever others were asked for."""
    from minjax import tasks
    from minjax.processes import hosts, joining

    try:
        with joining.joined(**config.distributed):
            return tasks.run(config, workdir, command)
    except hosts.PeerEnded as ended:
        print(f"minjax: {ended}", file=sys.stderr)
        return ended.code


if __name__ == "__main__":
    code = main()
    for number in SIGNALS:  # all is written: a signal while Python ends changes nothing
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)
