"""Whatever `minjax.load` reads, damaged or written by somebody else, for `tests/fuzz.py`.

A packed file's own format has a target of its own; here the checksum is right and what the file says of its network
is not. Exported files in other formats are read back by minjax only as it has just written them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import random
import struct
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minjax import compress, tree
from minjax.deploy.network import Network, describe, read, write_safetensors
from minjax.main import main
from minjax.records.record import CONFIG
from minjax.records.run import PREDICTIONS, SUMMARY
from tests.compress.packed_mutations import damaged, parts, sealed
from tests.conftest import ROOT, command
from tests.deploy.networks import network
from tests.fuzz import Target
from tests.records.record_mutations import changed_bytes, changed_json

PACKED, TENSORS, RUN = "network.mjx", "model.safetensors", "run"
MODELS: tuple[dict[str, Any], ...] = (
    {"name": "vit", "depth": 1000}, {"name": "resnet", "depth": 998}, {"name": "dnn", "widths": [10**7] * 3},
    {"name": "dnn", "widths": [1] * 1000}, {"name": "cnn", "channels": [4], "kernel_size": 1024},
    {"name": "vgg16_s"}, {"name": "vit_s", "patch_size": 7}, {"name": "cnn", "channels": []}, {"name": ["dnn"]},
    {"name": "dnn", "axis_name": "batch"}, {"name": "dnn", "parent": None}, {},
)  # fmt: skip


@functools.cache
def written() -> dict[str, dict[str, bytes]]:
    """A packed file, a safetensors file and a run directory."""
    made, files = network("cnn"), {}
    with tempfile.TemporaryDirectory() as folder:
        compress.save_packed(f"{folder}/{PACKED}", made.variables, bits=8, about=describe(made))
        write_safetensors(made, Path(folder, TENSORS))
        for name in (PACKED, TENSORS):
            files[name] = {name: Path(folder, name).read_bytes()}
        before = os.getcwd()
        os.chdir(ROOT)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                few = ("--config.model.widths=(4,)", "--config.epochs=1", "--config.dataset.limit_train=128")
                assert main([*command(*few)[3:], f"--workdir={folder}/{RUN}"]) == 0
        finally:
            os.chdir(before)
        kept = (CONFIG, SUMMARY, PREDICTIONS, "checkpoints")
        files[RUN] = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in Path(folder, RUN).rglob("*")
            if path.is_file() and path.relative_to(Path(folder, RUN)).parts[0] in kept
        }
    return files


def mutate(draw: random.Random) -> dict[str, bytes]:
    """The files of one network, one of them changed."""
    kind = draw.choice((PACKED, PACKED, TENSORS, TENSORS, RUN))
    files = dict(written()[kind])
    if kind == PACKED:
        header, payload = parts(files[PACKED])
        header["about"] = _changed(header["about"], draw)
        files[PACKED] = sealed(header, payload)
    elif kind == TENSORS:
        files[TENSORS] = _changed_tensors(files[TENSORS], draw)
    else:
        name = draw.choice([f"{RUN}/{CONFIG}"] * 6 + [f"{RUN}/{SUMMARY}", f"{RUN}/{PREDICTIONS}"])
        if name.endswith(".npz") or draw.random() < 0.1:
            files[name] = changed_bytes(files[name], draw)
        elif draw.random() < 0.6 and name.endswith(CONFIG):
            values = json.loads(files[name])
            key = draw.choice(("model", "data", "dataset"))
            values[key] = _changed(values[key], draw)
            files[name] = json.dumps(values).encode()
        else:
            files[name] = changed_json(files[name], draw, 2)
    return files


def _changed(values: Any, draw: random.Random) -> Any:
    """JSON values with a few of them changed, or the model replaced by one that is not what the arrays are."""
    if isinstance(values, dict) and "model" in values and draw.random() < 0.3:
        return values | {"model": draw.choice(MODELS)}
    if isinstance(values, dict) and "name" in values and draw.random() < 0.3:
        return draw.choice(MODELS)
    return json.loads(changed_json(json.dumps(values).encode(), draw, None))


def _changed_tensors(content: bytes, draw: random.Random) -> bytes:
    """A safetensors file: damaged, or with another header of the right length."""
    if draw.random() < 0.3:
        return damaged(draw, content)
    end = 8 + struct.unpack_from("<Q", content)[0]
    header, payload = json.loads(content[8:end]), content[end:]
    about = header["__metadata__"]
    kind = draw.random()
    if kind < 0.6:
        about["minjax"] = json.dumps(_changed(json.loads(about["minjax"]), draw))
    elif kind < 0.7:
        about["minjax"] = draw.choice(("[" * 10_000, "", "null", "\ud800", "{}", '{"model": {}}'))
    elif kind < 0.8:
        name = draw.choice([name for name in header if name != "__metadata__"])
        odd = ("a", "params", "params/a", f"{name}/more", "", "/", "a\n", "a/" * 100)
        header[draw.choice(odd)] = header.pop(name)
    else:
        header = json.loads(changed_json(json.dumps(header).encode(), draw, None))
    text = json.dumps(header).encode()
    length = draw.choice((len(text),) * 20 + (0, 2**40, 2**63))
    return struct.pack("<Q", length) + text + payload


def load(folder: Path) -> Network:
    """The network, ready to be used."""
    (name,) = {path.name for path in folder.iterdir()}
    found = read(folder / name)
    jax.eval_shape(found.logits, jax.ShapeDtypeStruct((1, *found.image_shape), np.uint8))
    return found


def judge(files: dict[str, bytes], value: Network) -> tuple[str, int]:
    """Whether it is the network that the files say, with the weights that were written."""
    (kind,) = {name.partition("/")[0] for name in files}
    leaves = tree.leaves(value.variables)
    original = _original(kind)
    assert sorted(leaves) == sorted(tree.leaves(original.variables))
    for name, leaf in tree.leaves(original.variables).items():
        assert kind == TENSORS or np.array_equal(leaves[name], leaf), name
    if kind == RUN:
        stated = json.loads(files[f"{RUN}/{CONFIG}"])
        said, model = stated["data"], stated["model"]
    else:
        said = json.loads(_about(files[kind])) if kind == TENSORS else parts(files[kind])[0]["about"]
        model = said["model"]
        assert list(value.classes) == said["class_names"]
    assert list(value.image_shape) == said["image_shape"]
    assert (list(value.mean), list(value.std)) == (said["mean"], said["std"])
    assert value.about["model"] == model
    return "identical" if files == written()[kind] else "as the file says", sum(map(len, files.values()))


def _about(content: bytes) -> str:
    return json.loads(content[8 : 8 + struct.unpack_from("<Q", content)[0]])["__metadata__"]["minjax"]


@functools.cache
def _original(kind: str) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in written()[kind].items():
            Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
            Path(folder, name).write_bytes(content)
        return read(Path(folder, kind))


TARGET = Target(mutate, load, judge)
