"""What `minjax --help`, `minjax COMMAND --help`, `minjax fields` and `minjax presets` print."""

from __future__ import annotations

import textwrap

from minjax import commands, presets

WIDTH = 110


def overview() -> str:
    """All commands in a line each, and what else there is to know."""
    wide = max(len(f"{name} {command.positional}") for name, command in commands.COMMANDS.items())
    lines = ["usage: minjax COMMAND [ARGUMENTS] [--workdir=DIR] [--config.FIELD=VALUE ...]", ""]
    for name, command in commands.COMMANDS.items():
        lines.append(f"  {f'{name} {command.positional}':<{wide}}  {command.summary}")
    lines += [
        "",
        "  minjax COMMAND --help    what a command takes, with an example",
        "  minjax --version",
        "",
        "Repeating a command resumes what was interrupted, or says that it is finished. Any field can be set:",
        "",
        "  --config.epochs=50 --config.optimizer.name=adam    minjax fields lists them all",
        "  --config=resnet18_s                                another preset: minjax presets lists them;",
        "                                                     a file of your own: --config=mine.py",
        "  --workdir=DIR                                      where the result goes; the default is under runs/",
        "",
        "Without a command, a preset alone says what is done: minjax --config=digits, or as before",
        "python -m minjax.main --config=configs/digits.py.",
    ]
    return "\n".join(lines)


def of(name: str) -> str:
    """The help of one command."""
    command = commands.COMMANDS[name]
    flags = "[--workdir=DIR] [--config.FIELD=VALUE ...]" if command.preset else ""
    short = " ".join(f"[--{flag}=A,B]" for flag, _ in command.short)
    usage = " ".join(filter(None, ["usage: minjax", name, command.positional, short, flags]))
    lines = [usage, "", f"{command.summary[0].upper()}{command.summary[1:]}."]
    if command.details:
        lines += ["", *textwrap.wrap(command.details, WIDTH)]
    lines += ["", f"  {command.example}"]
    if command.preset:
        about = f"Preset: {command.preset} ({presets.summary(command.preset).rstrip('.')})."
        lines += ["", *textwrap.wrap(about, WIDTH), "Other presets: minjax presets. Every field: minjax fields."]
    return "\n".join(lines)


def preset_table() -> str:
    """Every preset with the first line of its docstring."""
    names = presets.names()
    wide = max(map(len, names))
    lines = [f"{name:<{wide}}  {presets.summary(name)}" for name in names]
    return "\n".join(
        [*lines, "", f"--config=NAME takes one of these, or a file of your own. They are in {presets.directory()}."]
    )
