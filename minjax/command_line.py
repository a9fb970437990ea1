"""The command line -> a configuration and a work directory."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from minjax.config.flags import prepare, wrong_type
from minjax.errors import UserError


def parse(arguments: list[str]) -> tuple[ConfigDict, str | None]:
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
