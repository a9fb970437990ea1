"""The one entry: commands and flags -> configuration -> task.

minjax train my-images [--workdir=DIR] [--config.FIELD=VALUE ...]
python -m minjax.main --config=configs/resnet18_s.py [--workdir=DIR] [--config.FIELD=VALUE ...]
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import minjax
from minjax.errors import UserError, unknown
from minjax.interruption import RESUMABLE, SIGNALS, Interrupted, interrupt, leave, on_signal

if TYPE_CHECKING:
    from ml_collections import ConfigDict

HELP = ("--help", "-h", "-help", "--helpfull")


def main(arguments: list[str] | None = None, program: str = "python -m minjax.main") -> int:
    """Run; returns the exit code: 0 done, 1 diverged, 2 a mistake in what was asked, 75 interrupted and resumable.

    A process that has lost the others of its run ends with 3 and does not return. What takes seconds to import is
    imported in here, where a signal is heard.

    Args:
        arguments: the command line after the program's name; None: this process's own.
        program: the program's name, for the records.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    command = shlex.join([*program.split(), *arguments])
    try:
        with on_signal(lambda name: leave(f"{name} before anything began; run the same command again")):
            flags = _flags(arguments)
            if isinstance(flags, int):
                return flags
            config, workdir = _prepare(flags)
            with on_signal(interrupt):
                return _run(config, workdir, command)
    except UserError as error:
        print(f"minjax: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except Interrupted as interruption:
        print(f"minjax: {interruption}", file=sys.stderr)
        return RESUMABLE


def console() -> None:
    """The command `minjax`."""
    end(main(program="minjax"))


def end(code: int) -> NoReturn:
    """End the process; all is written by now: a signal while Python ends changes nothing."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _flags(arguments: list[str]) -> list[str] | int:
    """The flags that the arguments stand for, or the exit code where help or a list was all that was asked for."""
    from minjax import commands, usage

    name, *rest = arguments or [""]
    if name and not name.startswith("-"):
        if name not in commands.COMMANDS:
            raise unknown("command", name, commands.COMMANDS)
        if any(argument in HELP for argument in rest):
            _show(usage.of(name))
            return 0
        if commands.COMMANDS[name].preset:
            return commands.expand(name, rest)
        _show(_listing(name, rest))
        return 0
    if not arguments or any(argument in HELP for argument in arguments):
        _show(usage.overview())
        return 0 if arguments else 2
    if "--version" in arguments:
        print(f"minjax {minjax.__version__}")
        return 0
    return arguments


def _show(text: str) -> None:
    """Print a list; whoever reads it (`head`, `less`) may stop before its end."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor does Python complain as it ends


def _listing(name: str, arguments: list[str]) -> str:
    """What `models`, `fields` and `presets` print."""
    from minjax import commands, usage

    words, flags = commands.divide(arguments)
    commands.check_count(name, words)
    if name == "models" and words:
        return _network(words[0], flags)
    if flags:
        raise UserError(f"minjax {name} takes no flag {flags[0]!r}")
    if name == "models":
        from minjax.models.__main__ import table

        return table()
    if name == "fields":
        from minjax.config.__main__ import text

        return text(*words)
    return usage.preset_table()


def _network(name: str, flags: list[str]) -> str:
    from minjax import presets
    from minjax.command_line import parse
    from minjax.config import check
    from minjax.config.resolving import resolve
    from minjax.tasks import networks

    own = {"images": "32x32x3", "classes": "10"}
    for flag in list(flags):
        key, equals, value = flag.lstrip("-").partition("=")
        if key in own and equals:
            own[key] = value
            flags.remove(flag)
    classes = own["classes"]
    if not classes.isdecimal():
        raise UserError(f"--classes is {classes!r}; it must be an integer of at least 2")
    base = presets.directory() / "base.py"
    config, _ = parse([f"--config={base}", f"--config.model.name={name}", *flags])
    check(config.to_dict())
    model = resolve(config)["model"]
    return networks.table(model.pop("name"), int(classes), networks.image_shape(own["images"]), **model)


def _prepare(arguments: list[str]) -> tuple[ConfigDict, Path | None]:
    """The configuration and the work directory; everything is imported, and JAX has not touched its devices yet."""
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
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
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
    end(main())
