"""What every format has in common: a file that is written from a network, and the runtimes that read it back."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

from minjax.deploy.graph import Graph
from minjax.deploy.network import Network
from minjax.errors import UserError

BATCH = 500  # images that a runtime is given at once
Logits = Callable[[np.ndarray], np.ndarray]  # pixels uint8 [N, H, W, C] -> float32 [N, classes]


@dataclass(frozen=True, eq=False)
class Source:
    """What a file is written from.

    Attributes:
        network: computing in float32.
        graph: the same network, layer by layer.
        calibration: uint8 [N, H, W, C], training images that activation ranges are measured on.
        converted: what is used by more than one format and slow to make, by name.
    """

    network: Network
    graph: Graph
    calibration: np.ndarray = field(repr=False)
    converted: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def inputs(self) -> np.ndarray:
        """The calibration images, normalised: float32 [N, H, W, C]."""
        layer = self.graph.normalize
        return self.calibration.astype(np.float32) * layer.scale - layer.shift


@dataclass(frozen=True, eq=False)
class Runtime:
    """A file, loaded by what will run it.

    Attributes:
        name, version: of the runtime.
        logits: runs it.
        operators: how many of each operator the file has.
        arena_bytes: working memory that the runtime says it uses; None where it says nothing.
        object_bytes: of compiled code, by processor.
        slow: whether it is too slow for a large test split, so that only a part of that is run.
    """

    name: str
    version: str
    logits: Logits
    operators: dict[str, int] = field(default_factory=dict)
    arena_bytes: int | None = None
    object_bytes: dict[str, int] = field(default_factory=dict)
    slow: bool = False


@dataclass(frozen=True)
class Package:
    """Something to import, and the pip command that installs it.

    Attributes:
        module: its name for `import`.
        install: what `pip install` is given.
        limits: where there are wheels of it, for a sentence; empty: everywhere.
    """

    module: str
    install: str
    limits: str = ""

    @property
    def installed(self) -> bool:
        """Can it be imported? Nothing is imported to find out."""
        return importlib.util.find_spec(self.module) is not None

    @property
    def command(self) -> str:
        """How to install it."""
        return f"pip install '{self.install}'" + (f" ({self.limits})" if self.limits else "")


@dataclass(frozen=True, eq=False)
class Checker:
    """A runtime that verifies a format.

    Attributes:
        name: the runtime's name.
        package: what it needs; None: nothing that is not there.
        load: loads a file into it.
        lacks: a reason why it cannot run a network's file, given the graph; None: none.
    """

    name: str
    package: Package | None
    load: Callable[[Path, Source], Runtime]
    lacks: Callable[[Graph], str | None] = lambda graph: None


@dataclass(frozen=True, eq=False)
class Format:
    """A kind of file.

    Attributes:
        name: what `export.formats` calls it.
        file: in the export directory; a directory where it has no suffix.
        kind: of its arithmetic: "float" files must give the network's logits, "int8" files its accuracy.
        packages: needed to write it.
        write: writes the file; raises `UserError` for a network that the format cannot hold, with the reason.
        checkers: the runtimes that read it back.
        refuses: a reason not to try, given the graph; None: none.
        input_table: of a written file: the int8 that stands for a pixel value, [256, C]; None: it takes pixels, or, as
            PyTorch's modules do, normalised images.
    """

    name: str
    file: str
    kind: Literal["float", "int8"]
    packages: tuple[Package, ...]
    write: Callable[[Source, Path], None]
    checkers: tuple[Checker, ...]
    refuses: Callable[[Graph], str | None] = lambda graph: None
    input_table: Callable[[Path, Graph], np.ndarray] | None = None


class NotInstalledError(UserError):
    """A package that is needed and not there; the message has the command that installs it."""

    def __init__(self, what: str, package: Package):
        super().__init__(f"{what} needs {package.module}: {package.command}")


def version(distribution: str) -> str:
    """The installed version of a distribution."""
    return metadata.version(distribution)


def batched(run: Logits) -> Logits:
    """Run a split in batches of `BATCH` images, the last one smaller."""

    def logits(pixels: np.ndarray) -> np.ndarray:
        parts = [np.asarray(run(pixels[i : i + BATCH]), np.float32) for i in range(0, len(pixels), BATCH)]
        return np.concatenate(parts)

    return logits
