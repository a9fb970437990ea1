"""The presets: where they are, which there are, and how the file of one becomes a configuration.

A preset is a Python file with `get_config()`. Those of minjax are the folder `configs/` of a checkout, and the package
`minjax.configs` of an installation. Both are found by name from any directory: `digits`, `paper/resnet18_s`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from minjax.errors import UserError, unknown

if TYPE_CHECKING:
    from ml_collections import ConfigDict

FOLDER = "configs"
_NO_PRESET = ("base", "__init__")  # the stems of files that presets share


def directory() -> Path:
    """Where minjax's own presets are."""
    package = Path(__file__).resolve().parent
    return next(place for place in (package / FOLDER, package.parent / FOLDER) if (place / "base.py").is_file())


def names() -> list[str]:
    """The names of minjax's own presets, sorted: those of the top folder first."""
    root = directory()
    files = [path.relative_to(root) for path in root.rglob("*.py") if path.stem not in _NO_PRESET]
    return [path.with_suffix("").as_posix() for path in sorted(files, key=lambda path: (len(path.parts), path))]


def find(text: str, task: str | None = None) -> Path:
    """The file that `--config` names.

    Args:
        text: a file; or a preset's name, with or without `configs/` before it and `.py` after it.
        task: list only presets of this task where there is none of the name; None: all.

    Raises:
        UserError: there is neither such a file nor such a preset; names the nearest and lists all.
    """
    file = Path(text)
    if file.suffix == ".py" and file.is_file():
        return file
    name = text.removeprefix(f"{FOLDER}/").removesuffix(".py")
    known = names()
    if name in known:
        return directory() / f"{name}.py"
    if task is not None:
        known = [one for one in known if load(directory() / f"{one}.py").task == task]
    raise unknown("preset", text if file.suffix and FOLDER not in file.parts else name, known)


def load(file: Path) -> ConfigDict:
    """The configuration that a preset's file makes.

    While it is read, `configs` and `minjax.configs` are the folder `configs` that the file is in, if any, and then
    minjax's own: `from configs import base` finds these whatever else is called so.

    Raises:
        UserError: the file cannot be read as Python, fails, or makes no configuration.
    """
    spec = importlib.util.spec_from_file_location("minjax_preset", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _packages(file):
        try:
            spec.loader.exec_module(module)
            config = module.get_config()
        except UserError:
            raise
        except Exception as error:  # whatever somebody's own file raises
            raise UserError(f"the preset {str(file)!r} fails: {type(error).__name__}: {error}") from error
    if not hasattr(config, "update_from_flattened_dict"):
        raise UserError(
            f"the preset {str(file)!r} returns {type(config).__name__} from get_config(); it must be a ConfigDict, "
            "which configs.base.get_config() makes"
        )
    return config


def summary(name: str) -> str:
    """The first line of a preset's docstring."""
    first = (directory() / f"{name}.py").read_text(encoding="utf-8").splitlines()[0]
    return first.strip('"')


def label(file: Path) -> str:
    """What a run is called after: `resnet18_s` for configs/resnet18_s.py, `paper-resnet18_s` for paper/resnet18_s.py
    there.
    """
    parts = file.resolve().with_suffix("").parts
    if FOLDER in parts:
        return "-".join(parts[len(parts) - parts[::-1].index(FOLDER) :])
    return parts[-1]


@contextlib.contextmanager
def _packages(file: Path) -> Iterator[None]:
    """`configs` and `minjax.configs` as `load` says, and afterwards as before."""
    own = next((parent for parent in file.resolve().parents if parent.name == FOLDER), None)
    places = list(dict.fromkeys([*([str(own)] if own else []), str(directory())]))
    aliases = (FOLDER, f"minjax.{FOLDER}")

    def loaded() -> dict[str, types.ModuleType]:
        return {
            name: module
            for name, module in sys.modules.items()
            if any(name == alias or name.startswith(f"{alias}.") for alias in aliases)
        }

    before = loaded()
    for name in before:
        del sys.modules[name]
    for alias in aliases:
        package = types.ModuleType(alias)
        package.__path__ = places
        sys.modules[alias] = package
    try:
        yield
    finally:
        for name in loaded():
            del sys.modules[name]
        sys.modules.update(before)
