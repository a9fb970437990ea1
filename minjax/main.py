"""The one entry: flags -> configuration -> task.

python -m minjax.main --config=configs/resnet18_s.py [--workdir=DIR] [--config.FIELD=VALUE ...]
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from minjax.config import check
from minjax.config.flags import prepare, wrong_type
from minjax.errors import UserError

USAGE = """usage: python -m minjax.main --config=configs/<preset>.py [--workdir=DIR] [--config.FIELD=VALUE ...]

  --config           a preset: configs/digits.py, configs/resnet18_s.py, ... (as the paper ran it: configs/paper/)
  --workdir          the run's directory; default runs/<preset>-<dataset>-<optimizer>-s<seed>.
                     The same command again resumes there, or says that the run is finished.
  --config.FIELD     override a field, for example --config.optimizer.name=adam --config.epochs=50
                     A field of several values takes a,b or a Python tuple: --config.prune.methods=l1,global_l1

  python -m minjax.config    lists every field with its default, its meaning and what it may hold
  python -m minjax.models    lists every network with its number of parameters"""


def parse(arguments: list[str]):
    """The configuration and the work directory (None when not given) that the flags ask for.

    Raises:
        UserError: an unknown flag, preset or field, or a value of the wrong type.
    """
    path = _preset_path(arguments)
    arguments, cleared = prepare(arguments)
    values = flags.FlagValues()
    config = config_flags.DEFINE_config_file(
        "config", lock_config=True, flag_values=values, sys_argv=["minjax", *arguments]
    )
    flags.DEFINE_string("workdir", None, "The run's directory.", flag_values=values)
    try:
        rest = values(["minjax", *arguments])[1:]
    except (flags.Error, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(_reason(error)) from error
    if rest:
        raise UserError(f"unexpected argument {rest[0]!r}; flags are --config, --workdir and --config.FIELD=VALUE")
    loaded = config.value
    loaded.update_from_flattened_dict(dict.fromkeys(cleared))
    if not loaded.name:
        loaded.name = preset_name(path)
    return loaded, values.workdir


def _preset_path(arguments: list[str]) -> Path:
    """The preset's file; its root goes on the import path, because presets import `configs.base`."""
    path = None
    for position, argument in enumerate(arguments):
        if argument.lstrip("-") == "config" and position + 1 < len(arguments):
            path = arguments[position + 1]
        elif argument.lstrip("-").startswith("config="):
            path = argument.partition("=")[2]
    if not path:
        raise UserError("which preset? give --config=configs/<preset>.py, for example --config=configs/digits.py")
    file = Path(path.partition(":")[0])
    if not file.is_file():
        folder = file.parent if file.parent.is_dir() else Path("configs")
        known = sorted(str(p) for p in folder.glob("*.py") if p.stem not in ("base", "__init__"))
        raise UserError(f"no configuration file {str(file)!r}" + (f"; there are: {', '.join(known)}" if known else ""))
    parts = file.resolve().parts
    if "configs" in parts:
        root = Path(*parts[: len(parts) - 1 - parts[::-1].index("configs")])
        sys.path.insert(0, str(root))
    return file


def preset_name(path: Path) -> str:
    """`resnet18_s` for configs/resnet18_s.py, `paper-resnet18_s` for configs/paper/resnet18_s.py."""
    parts = path.resolve().with_suffix("").parts
    if "configs" in parts:
        parts = parts[len(parts) - parts[::-1].index("configs") :]
        return "-".join(parts)
    return parts[-1]


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, AttributeError | KeyError):  # ml-collections quotes a quotation of the field's name
        names = re.findall(r"\w+", text.replace("\\n", " "))
        near = re.search(r'Did you mean "([^"]+)"', text)
        hint = f" (did you mean {near[1]!r}?)" if near else ""
        return f"unknown field {names[0]!r}{hint}; python -m minjax.config lists every field" if names else text
    return wrong_type(text) or " ".join(text.split())


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code: 0 done, 1 diverged, 2 a mistake in what was asked, 75 interrupted and resumable.

    A process that has lost the others of its run ends with 3 and does not return.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or any(a in ("--help", "-h", "-help", "--helpfull") for a in arguments):
        print(USAGE)
        return 0 if arguments else 2
    try:
        config, workdir = parse(arguments)
        check(config.to_dict())
        _prepare(config)
        command = shlex.join(["python", "-m", "minjax.main", *arguments])
        return _run(config, Path(workdir) if workdir else None, command)
    except UserError as error:
        print(f"minjax: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("minjax: interrupted", file=sys.stderr)
        return 130


def _run(config, workdir: Path | None, command: str) -> int:
    """The task, in this process and whichever others were asked for."""
    from minjax import tasks
    from minjax.processes import hosts, joining

    try:
        with joining.joined(**config.distributed):
            return tasks.run(config, workdir, command)
    except hosts.PeerEnded as ended:
        print(f"minjax: {ended}", file=sys.stderr)
        return ended.code


def _prepare(config) -> None:
    """What must be set before JAX looks at its devices."""
    if config.deterministic:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip()
    import jax

    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        root = Path(os.environ.get("MINJAX_CACHE") or Path.home() / ".cache" / "minjax")
        jax.config.update("jax_compilation_cache_dir", str(root / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


if __name__ == "__main__":
    sys.exit(main())
