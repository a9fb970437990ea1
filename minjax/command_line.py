"""The command line -> a configuration and a work directory."""

from __future__ import annotations

import re

from absl import flags
from ml_collections import ConfigDict, config_flags

from minjax import presets
from minjax.config.flags import prepare, wrong_type
from minjax.errors import UserError


def parse(arguments: list[str]) -> tuple[ConfigDict, str | None]:
    """The configuration and the work directory (None when not given) that the flags ask for.

    Raises:
        UserError: an unknown flag, preset or field, or a value of the wrong type.
    """
    preset, arguments = _preset(arguments)
    if not preset:
        raise UserError("which preset? give --config=NAME, for example --config=digits; minjax presets lists them")
    file = presets.find(preset)
    loaded = presets.load(file)
    arguments, assigned = prepare(arguments)
    values = flags.FlagValues()
    flags.DEFINE_string("workdir", None, "The run's directory.", flag_values=values)
    try:
        config_flags.DEFINE_config_dict("config", loaded, flag_values=values, sys_argv=["minjax", *arguments])
        rest = values(["minjax", *arguments])[1:]
    except (flags.Error, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(_reason(error)) from error
    if rest:
        raise UserError(f"unexpected argument {rest[0]!r}; flags are --config, --workdir and --config.FIELD=VALUE")
    loaded.update_from_flattened_dict(assigned)
    if not loaded.name:
        loaded.name = presets.label(file)
    return loaded, values.workdir


def _preset(arguments: list[str]) -> tuple[str, list[str]]:
    """The value of the last `--config`, empty where there is none, and the other arguments."""
    value, others = "", []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        flag, equals, text = argument.partition("=")
        if not argument.startswith("-") or flag.lstrip("-") != "config":
            others.append(argument)
        elif equals:
            value = text
        elif waiting:
            value = waiting.pop(0)
    return value, others


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, AttributeError | KeyError):  # ml-collections quotes a quotation of the field's name
        names = re.findall(r"\w+", text.replace("\\n", " "))
        near = re.search(r'Did you mean "([^"]+)"', text)
        hint = f" (did you mean {near[1]!r}?)" if near else ""
        return f"unknown field {names[0]!r}{hint}; minjax fields lists all of them" if names else text
    return wrong_type(text) or " ".join(text.split())
