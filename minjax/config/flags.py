"""The flags of fields: one way to type several values, None where a field may be None, the last flag counts."""

from __future__ import annotations

import ast
import re
from typing import Any

from minjax.config.field import Field
from minjax.config.table import FIELDS
from minjax.errors import UserError

PREFIX = "config."


def prepare(arguments: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Flags as ml-collections takes them, and the values of the fields for which it has no flag: None, or one of
    several types.

    Of several flags for one field the last counts. Several values are typed as `a,b`, as `1,2` or as a Python tuple.

    Args:
        arguments: the command line; flags of no declared field are passed on as they are.

    Raises:
        UserError: a value that cannot be read as a tuple or is not allowed, a section in place of a field.

    >>> prepare(["--config.prune.methods=l1", "--config.prune.methods=l1,global_l1", "--config.model.init=None"])
    (["--config.prune.methods=('l1', 'global_l1')"], {'model.init': None})
    """
    last: dict[str, str] = {}  # field -> its flag
    assigned: dict[str, Any] = {}
    others: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = _spelt_out(waiting.pop(0))
        flag, equals, text = argument.partition("=")
        name = flag.lstrip("-").removeprefix(PREFIX) if flag.lstrip("-").startswith(PREFIX) else ""
        if any(field.startswith(f"{name}.") for field in FIELDS):
            raise UserError(f"{name} is a section of the configuration; set one of its fields, --config.{name}.FIELD")
        declared = FIELDS.get(name)
        if declared is None or not (equals or waiting):
            others.append(argument)
            continue
        text = text if equals else waiting.pop(0)
        assigned.pop(name, None)
        last.pop(name, None)
        if declared.optional and text == "None":
            assigned[name] = None
        elif declared.kind.type is object:
            values = _several(declared, text)
            assigned[name] = declared.kind.check(name, values[0] if len(values) == 1 else values)
        else:
            value = repr(_several(declared, text)) if declared.kind.type is tuple else text
            last[name] = f"--{PREFIX}{name}={value}"
    return [*others, *last.values()], assigned


def wrong_type(error: str) -> str | None:
    """What to say where a flag's text is not of its field's type; None for any other of absl's errors."""
    found = re.match(rf"flag --{PREFIX}([\w.]+)=(.*?): ", error, re.DOTALL)
    declared = FIELDS.get(found[1]) if found else None
    return declared.kind.complaint(declared.name, found[2]) if declared and found else None


def flag(name: str, value: Any) -> str:
    """The flag that sets a field to this value, the inverse of `prepare`.

    >>> flag("model.widths", [20, 20])
    '--config.model.widths=20,20'
    """
    if isinstance(value, list | tuple):
        flat = value and not any(isinstance(item, list | tuple) or "," in str(item) for item in value)
        value = ",".join(map(str, value)) if flat else tuple(value)
    return f"--{PREFIX}{name}={value}"


def _spelt_out(argument: str) -> str:
    """`--config.FIELD=True` for the switch `--config.FIELD`, and `=False` for `--noconfig.FIELD`."""
    bare = argument.lstrip("-")
    for prefix, value in ((PREFIX, True), (f"no{PREFIX}", False)):
        declared = FIELDS.get(bare.removeprefix(prefix)) if argument != bare and bare.startswith(prefix) else None
        if declared is not None and declared.kind.type is bool:
            return f"--{PREFIX}{declared.name}={value}"
    return argument


def _several(declared: Field, text: str) -> tuple[Any, ...]:
    """The values of `a,b`, of `1,2` or of a Python literal."""
    text = text.strip()
    try:
        value = ast.literal_eval(text) if text else ()
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if text[0] in "([{'\"":
            wanted = f"{declared.kind.allowed}; type it as a,b or as a Python tuple"
            raise UserError(f"{declared.name} is {text!r}; it must be {wanted}") from None
        value = tuple(_literal(part.strip()) for part in text.split(",") if part.strip())
    if value is None or isinstance(value, dict | set):
        raise UserError(f"{declared.name} is {text}; it must be {declared.kind.allowed}")
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
