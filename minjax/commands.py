"""The commands: each is a preset with positional arguments, and expands to the flags that say the same.

`minjax train my-images --config.epochs=5` is `--config=train --config.dataset.name=folder
--config.dataset.path=my-images --config.name=resnet18_s --config.epochs=5`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from minjax import presets
from minjax.config.table import FIELDS
from minjax.errors import UserError

_TFDS_NAME = re.compile(r"[a-z][a-z0-9_]*([/:][\w.\-+*]+)*")
Words = Sequence[str]


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        positional: its arguments, as the usage line shows them.
        summary: what it does, in a line.
        details: what its help says beside that.
        example: one that works in a new directory, or with a run from there.
        preset: the name of its preset; empty: it lists something and takes no fields.
        fields: the flags of its positional arguments.
        short: flags that stand for a field: its name.
    """

    positional: str
    summary: str
    details: str
    example: str
    preset: str = ""
    fields: Callable[[Words], list[str]] = lambda words: []
    short: tuple[tuple[str, str], ...] = ()

    @property
    def fewest(self) -> int:
        """Positional arguments that it needs."""
        return sum(not word.startswith("[") for word in self.positional.split())

    @property
    def most(self) -> int | None:
        """Positional arguments that it takes; None: any number."""
        return None if self.positional.endswith("...") else len(self.positional.split())


def _data(words: Words) -> list[str]:
    """The flags of a data set: `digits`, a folder, or a name of TFDS. A folder called digits is `./digits`."""
    (text,) = words
    if text != "digits" and Path(text).expanduser().is_dir():
        return ["--config.dataset.name=folder", f"--config.dataset.path={text}"]
    if not _TFDS_NAME.fullmatch(text):
        raise UserError(
            f"there is no folder {text!r}; the data are a folder of images, digits, or the name of a TFDS set such as "
            "cifar10"
        )
    return [f"--config.dataset.name={text}", "--config.dataset.path="]


def _training_data(words: Words) -> list[str]:
    """The same; of a folder a tenth validates, whichever preset trains on it."""
    flags = _data(words)
    return [*flags, "--config.dataset.validation_fraction=0.1"] if flags[0].endswith("=folder") else flags


def _run(words: Words) -> list[str]:
    return [f"--config.run={','.join(words)}"]


def _run_and_images(words: Words) -> list[str]:
    return [f"--config.run={words[0]}", f"--config.predict.images={words[1]}"]


DATA = (
    "DATA is a folder of your own images, `digits` (which comes with minjax), or the name of a TFDS set, such as "
    "cifar10. A folder holds train/<class>/*.png (or JPEG), with test/<class>/ and val/<class>/ if you have divided "
    "the images yourself; or just <class>/; or train.csv with the columns path, label and, if you like, group."
)
RUN = "RUN is the directory of a finished run, or of a study, whose winner is meant"

COMMANDS: dict[str, Command] = {
    "train": Command(
        "DATA",
        "train a network",
        f"{DATA} The run goes to runs/<network>-<data>-<optimizer>-s<seed>. Repeating the command resumes it.",
        "minjax train digits",
        "train",
        _training_data,
    ),
    "find-min": Command(
        "DATA",
        "find the smallest network that learns the data",
        f"{DATA} The study goes to runs/find-min-<data>-<optimizer>-s<seed>, its network to winner/ there. The same "
        "command again resumes it.",
        "minjax find-min digits",
        "studies/find_min",
        _data,
    ),
    "compress": Command(
        "RUN", "prune and quantize a trained network", f"{RUN}.", "minjax compress RUN", "compress/default", _run
    ),
    "predict": Command(
        "RUN IMAGES",
        "classify images: predictions.csv, and a report where their classes are known",
        f"{RUN}, or a packed file (.mjx). IMAGES is a PNG or JPEG file, or a folder that is searched for them.",
        "minjax predict RUN photos",
        "predict",
        _run_and_images,
    ),
    "export": Command(
        "RUN",
        "write a network for other runtimes, and verify each file there",
        f"{RUN}, or a packed file (.mjx).",
        "minjax export RUN --formats=onnx,tflite_int8,c",
        "export",
        _run,
        (("formats", "export.formats"),),
    ),
    "report": Command(
        "RUN...",
        "compare several runs on one page, or write the page of one again",
        "Each RUN is the directory of a run or of a study. A page over several goes to runs/report.",
        "minjax report runs/*",
        "report",
        _run,
    ),
    "tables": Command(
        "",
        "train the networks of paper 1's tables, and set them beside its figures",
        "The fields of `tables` say which networks, optimizers and data sets, and how many seeds; --config.epochs, "
        "--config.batch_size and others apply to every run. The table goes to runs/paper-tables. The same command "
        "again resumes it.",
        "minjax tables --config.tables.datasets=digits --config.tables.networks=dnn,vit_s --config.epochs=5",
        "paper/tables",
    ),
    "models": Command(
        "[NAME]",
        "list the networks, or the layers of one",
        "NAME is a network's: its layers, their outputs, parameters and memory are shown, for --images=32x32x3 and "
        "--classes=10 unless these say otherwise. --config.model.FIELD changes the network.",
        "minjax models cnn --images=24x32x1 --classes=4 --config.model.channels=8,16",
    ),
    "fields": Command(
        "[WORD]",
        "list the fields that --config.FIELD sets",
        "With a WORD, those whose names contain it: a section (dataset, optimizer) or part of a name.",
        "minjax fields dataset",
    ),
    "presets": Command("", "list the presets that --config names", "", "minjax presets"),
}


def expand(name: str, arguments: Sequence[str]) -> list[str]:
    """The flags that a command with a preset stands for; flags that were typed come last, and so count.

    Args:
        name: a key of `COMMANDS`.
        arguments: what follows it on the command line.

    Raises:
        UserError: there are too few or too many positional arguments, or one that names nothing.
    """
    command = COMMANDS[name]
    words, flags = divide(arguments)
    said = {_field(flag) for flag in flags}
    given = [f"--config={command.preset}"]
    if words or not said & {"config", "run"}:  # another preset, or the run's field, may stand for the arguments
        check_count(name, words)
        given += command.fields(words)
    if name == "train" and "config" not in said:  # the run is called after its network, whichever that is
        typed = [flag.partition("=")[2] for flag in flags if _field(flag) == "model.name"]
        network = typed[-1] if typed else presets.load(presets.find(command.preset)).model.name
        given.append(f"--config.name={network}")
    elif name == "find-min" and "config" not in said:
        given.append(f"--config.name={name}")
    return [*given, *(_long(flag, dict(command.short)) for flag in flags)]


def check_count(name: str, words: Words) -> None:
    """Check that a command has as many positional arguments as it takes.

    Raises:
        UserError: it does not.
    """
    command = COMMANDS[name]
    usage = f"minjax {name} {command.positional}".rstrip()
    if len(words) < command.fewest:
        missing = command.positional.split()[len(words)].rstrip(".")
        raise UserError(f"{missing} is missing: {usage}; minjax {name} --help says more")
    if command.most is not None and len(words) > command.most:
        raise UserError(f"unexpected argument {words[command.most]!r}: {usage}")


def divide(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Positional arguments and flags, each flag in one piece: `--workdir a` becomes `--workdir=a`."""
    words, flags = [], []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if not argument.startswith("-"):
            words.append(argument)
        elif "=" in argument or _is_switch(argument) or not waiting:
            flags.append(argument)
        else:
            flags.append(f"{argument}={waiting.pop(0)}")
    return words, flags


def _field(flag: str) -> str:
    """`epochs` of --config.epochs=3; `config` and `workdir` of these flags."""
    return flag.lstrip("-").partition("=")[0].removeprefix("config.")


def _is_switch(flag: str) -> bool:
    """Whether a flag takes no value: a field that is True or False, or `--noconfig.FIELD`."""
    name = flag.lstrip("-")
    declared = FIELDS.get(name.removeprefix("config."))
    return name.startswith("noconfig.") or (declared is not None and declared.kind.type is bool)


def _long(flag: str, short: dict[str, str]) -> str:
    name, equals, value = flag.lstrip("-").partition("=")
    return f"--config.{short[name]}{equals}{value}" if name in short else flag
