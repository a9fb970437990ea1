"""A trained network read back from the disk: a run, a study's winner, a packed file, a safetensors file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from minjax import models, tree
from minjax.compress import header, load_packed
from minjax.data.augment import preprocess
from minjax.errors import UserError
from minjax.models.fields import CHECKS
from minjax.records.compression import SUMMARY as COMPRESSION
from minjax.records.compression import CompressionSummary
from minjax.records.network import Description, Training
from minjax.records.record import CONFIG, config_of, convert, decode
from minjax.records.record import read as read_record
from minjax.records.run import PREDICTIONS, read_predictions, read_summary
from minjax.train.checkpoint import Checkpoints

WINNER = "winner"  # a study's directory for the network that it hands over


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier with its weights, and what it must be fed with.

    Attributes:
        model: called as `model.apply(variables, images, train=False)`.
        variables: {"params": ..., "batch_stats": ...}, numpy arrays.
        image_shape: height, width, channels.
        classes: the name of output 0, 1, ...
        mean, std: per channel, of pixels scaled to [0, 1].
        resized: the data set was resized to `image_shape`, so that other images may be too.
        dtype: of the computation in evaluation.
        about: what is known of it: where it was read from, the model's fields, the data set, its accuracy.
    """

    model: nn.Module
    variables: Mapping[str, Any] = field(repr=False)
    image_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resized: bool
    dtype: str
    about: dict[str, Any]

    @property
    def num_params(self) -> int:
        """Trainable numbers."""
        return tree.count(self.variables["params"])

    def preprocess(self, pixels: Any) -> jax.Array:
        """Pixels uint8 [N, H, W, C] -> the network's input, as training and evaluation make it."""
        return preprocess(pixels, mean=self.mean, std=self.std, dtype=self.dtype)

    def logits(self, pixels: Any) -> jax.Array:
        """Pixels uint8 [N, H, W, C] -> float32 [N, classes]; traceable."""
        logits = self.model.apply(self.variables, self.preprocess(pixels), train=False)
        assert isinstance(logits, jax.Array)
        return logits

    def in_float32(self) -> Network:
        """The same weights computed with in float32, as every exported float file does."""
        if self.dtype == "float32":
            return self
        variables = jax.tree.map(lambda x: np.asarray(x, np.float32), self.variables)
        model = self.model.clone(dtype=jnp.dtype("float32"))
        fields = {name: getattr(self, name) for name in ("image_shape", "classes", "mean", "std", "resized", "about")}
        return Network(model=model, variables=variables, dtype="float32", **fields)


def read(path: Path | str) -> Network:
    """Read a network.

    Args:
        path: a finished run's directory, a study's (its winner is meant), a compression's (the file that it recommends
            is meant), a packed .mjx file or an exported .safetensors file.

    Raises:
        UserError: nothing there, something else, a run that is unfinished or diverged, a damaged file.
    """
    path = Path(path).expanduser()
    if path.is_file():
        readers = {".mjx": _packed, ".safetensors": _safetensors}
        if path.suffix not in readers:
            raise UserError(f"{path} is not a network: name a run's directory, a .mjx or a .safetensors file")
        return readers[path.suffix](path)
    if not path.exists():
        raise UserError(f"{path}: no such run or file")
    config = config_of(path, "run directory")
    task = config.get("task")
    if task == "study":
        if not (path / WINNER / CONFIG).is_file():
            raise UserError(f"{path} is a study without a winner; name one of its runs")
        return read(path / WINNER)
    if task == "compress":
        return _recommended(path)
    if task != "train":
        raise UserError(f"{path} is not a run directory: its task is {task!r}")
    return _run(path, config)


def _run(path: Path, config: dict[str, Any]) -> Network:
    summary = read_summary(path)
    if summary is None:
        raise UserError(f"{path} is not finished: it has no summary.json; the command that started it resumes it")
    if summary.status != "completed":
        raise UserError(f"{path}: the run is {summary.status}, so it has no network to use")
    described = convert(config, Training, str(path / CONFIG))
    if not (path / PREDICTIONS).exists():
        raise UserError(f"{path} has no {PREDICTIONS}, which names the classes")
    classes = read_predictions(path / PREDICTIONS).class_names
    leaves = _checkpoint(path, summary.steps)
    model = _module(path, described.model, len(classes), described.dtype, None, described.data.image_shape, leaves)
    return Network(
        model=model,
        variables=_nested(path, leaves),
        image_shape=described.data.image_shape,
        classes=classes,
        mean=tuple(described.data.mean),
        std=tuple(described.data.std),
        resized=described.dataset.image_size is not None,
        dtype=described.dtype,
        about={
            "path": str(path),
            "model": described.model,
            "dataset": described.data.name,
            "num_params": summary.num_params,
            "test_accuracy": None if summary.final is None else summary.final.test_accuracy,
            "seed": described.seed,
        },
    )


def _recommended(path: Path) -> Network:
    """The network that a compression recommends."""
    if not (path / COMPRESSION).exists():
        raise UserError(f"{path} is an unfinished compression: the command that started it resumes it")
    summary = read_record(path / COMPRESSION, CompressionSummary)
    if summary.recommended is None:
        packed = ", ".join(sorted(str(file) for file in path.rglob("*.mjx"))) or "it has written none"
        raise UserError(f"{path} is a compression that recommends no file; name one of its packed files: {packed}")
    return read(path / summary.recommended.path)


def _packed(path: Path) -> Network:
    variables, about = load_packed(path)
    if about is None:
        raise UserError(f"{path} does not say what its network is: minjax did not write it")
    return _described(path, about, tree.leaves(variables))


def _safetensors(path: Path) -> Network:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            leaves = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is not a dict)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if "minjax" not in metadata:
        raise UserError(f"{path} does not say what its network is: minjax did not write it")
    about = decode(metadata["minjax"], dict[str, Any], f"{path}: minjax")
    return _described(path, about, leaves)


def write_safetensors(network: Network, path: Path) -> None:
    """Write the variables by name, and what the network is, as JSON, under "minjax" in the file's metadata."""
    from safetensors.numpy import save_file

    leaves = {name: np.ascontiguousarray(leaf) for name, leaf in tree.leaves(dict(network.variables)).items()}
    save_file(leaves, str(path), metadata={"minjax": json.dumps(describe(network))})


def describe(network: Network) -> dict[str, Any]:
    """What a file must say of a network for `read` to build it again, as JSON values."""
    known = network.about
    return {
        "model": known["model"],
        "shrunk": models.shrunk_fields(network.model),
        "num_classes": len(network.classes),
        "class_names": list(network.classes),
        "image_shape": list(network.image_shape),
        "image_size": list(network.image_shape[:2]) if network.resized else None,
        "mean": list(network.mean),
        "std": list(network.std),
        "dtype": network.dtype,
        "dataset": known.get("dataset"),
        "test_accuracy": known.get("test_accuracy"),
    }


def _described(path: Path, about: Any, leaves: dict[str, Any]) -> Network:
    found = convert(about, Description, f"{path}: what it says of its network")
    model = _module(path, found.model, found.num_classes, found.dtype, found.shrunk, found.image_shape, leaves)
    count = sum(math.prod(leaf.shape) for name, leaf in leaves.items() if name.startswith("params/"))
    return Network(
        model=model,
        variables=_nested(path, leaves),
        image_shape=found.image_shape,
        classes=tuple(found.class_names),
        mean=tuple(found.mean),
        std=tuple(found.std),
        resized=found.image_size is not None,
        dtype=found.dtype,
        about={**about, "path": str(path), "num_params": count},
    )


def _module(
    path: Path,
    fields: Mapping[str, Any],
    num_classes: int,
    dtype: str,
    shrunk: Any,
    shape: tuple[int, int, int],
    leaves: Mapping[str, Any],
) -> nn.Module:
    """The network that a file names, if its arrays are that network's.

    Raises:
        UserError: there is no such network, or it has other arrays.
    """
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    shrunk, name = values.pop("shrunk", None) or shrunk, values.pop("name", None)
    foreign = sorted(set(values) - set(CHECKS))
    if foreign or not isinstance(name, str):
        raise UserError(f"{path}: its model has " + (f"the field {foreign[0]!r}" if foreign else f"the name {name!r}"))
    try:
        model = models.build(name, num_classes, dtype=dtype, shrunk=shrunk, **values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    layers = max([len(value) for value in values.values() if isinstance(value, tuple)] + [values.get("depth") or 0])
    if layers > len(leaves):  # before each of them is traced
        raise UserError(f"{path}: a network of {layers} layers in {len(leaves)} arrays")
    images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    try:
        made = jax.eval_shape(lambda key, x: model.init(key, x, train=False), jax.random.key(0), images)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (ValueError, TypeError, ZeroDivisionError, OverflowError) as error:
        # Flax and JAX say in their own words that an image is too small for a kernel.
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: {name} cannot take images of {shape}: {reason}") from error
    expected = tree.leaves(made)
    wrong = [
        leaf
        for leaf in sorted({*expected, *leaves})
        if leaf not in leaves
        or leaf not in expected
        or leaves[leaf].shape != expected[leaf].shape
        or not jnp.issubdtype(leaves[leaf].dtype, jnp.floating)
    ]
    if wrong:
        raise UserError(
            f"{path} holds another network than it says: {', '.join(map(header.shown, wrong[:6]))} missing, left "
            "over, or of another shape or type"
        )
    return model


def _checkpoint(path: Path, step: int) -> dict[str, Any]:
    """The variables after the last step, by name: "params/head/bias"."""
    folder = path / "checkpoints"
    if not folder.is_dir():
        raise UserError(f"{path} has no checkpoints, so the network that it trained is gone")
    checkpoints = Checkpoints(folder)
    try:
        if step not in checkpoints.steps():
            raise UserError(f"{path}: there is no checkpoint of step {step}, at which the run ended")
        arrays = checkpoints.arrays(step)
    finally:
        checkpoints.close()
    leaves = {}
    for name, array in arrays.items():
        for prefix, collection in (("state.params.", "params."), ("state.model_state.", "")):
            if name.startswith(prefix):
                leaves[(collection + name.removeprefix(prefix)).replace(".", "/")] = array
    return leaves


def _nested(path: Path, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """{"params/head/bias": x} -> {"params": {"head": {"bias": x}}}."""
    try:
        return header.nest(leaves.items())
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
