"""Image classification sets of TensorFlow Datasets by name, read without TensorFlow.

A set is prepared once, in a separate process (`prepare.py`), then read from its record files, decoded by Pillow and
kept in the image cache, so that later starts do not import TFDS either.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import json
import os
import re
import struct
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minjax.data import cache, images
from minjax.data.dataset import Source, Split
from minjax.data.images import Size
from minjax.errors import UserError, unknown
from minjax.records import disk_errors

# Sets of small images of one size with a train and a test split, for error messages to suggest. Others work too.
COMMON = ("cifar10", "cifar100", "mnist", "fashion_mnist", "kmnist", "emnist", "svhn_cropped", "cmaterdb")
_NAME = re.compile(r"\w+(/[\w.-]+)?(:[\d.*]+)?")  # name/config:version
_PREPARE = (sys.executable, "-P", str(Path(__file__).with_name("prepare.py")))


def read(name: str, *, data_dir: str = "", image_size: Size | None = None, others: tuple[str, ...] = ()) -> Source:
    """The train and test splits of a TFDS set whose examples hold one `image` and one `label`.

    Of several labels (`cifar100`) the one called `label`, the fine one, is used; of several splits (`svhn_cropped`)
    only `train` and `test`. Images are in the order of the prepared files.

    Args:
        name: as for `tfds.builder`: `name`, `name/config` or `name:version`.
        data_dir: where TFDS keeps its sets; empty: `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        image_size: resize every image to this many pixels squared; needed for sets whose images differ in size.
        others: names of data sets outside TFDS, for the error that lists the known ones.

    Raises:
        UserError: an unknown name, a set of another kind, or a set that cannot be downloaded, prepared or read.
    """
    where = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    try:
        root = Path(where).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, no home directory, a zero byte
        raise UserError(f"dataset.data_dir: cannot read {where!r}: {error}") from error

    def build() -> tuple[Source, dict[str, Any] | None]:
        builder = _builder(name, root, others)
        _check(name, builder.info.features, image_size)
        if not _is_prepared(builder):
            _prepare(name, builder, root)
            builder = _builder(name, root, others)
        return _decode(name, builder, image_size), _stamp(str(builder.data_path / "dataset_info.json"))

    # A set that has since been deleted is not needed, because the cache has all of it; a replaced one is read again.
    def current(stored: dict[str, Any]) -> bool:
        return _stamp(stored["file"]) in (None, stored)

    return cache.fetch(cache.directory("tfds", name, str(root), image_size), current, build)


def _stamp(file: str) -> dict[str, Any] | None:
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return {"file": file, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # TFDS warns about every set that is not prepared yet
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)


def _builder(name: str, root: Path, others: tuple[str, ...]) -> Any:
    with _quiet():
        import tensorflow_datasets as tfds

        def nearest() -> UserError:
            near = difflib.get_close_matches(name, tfds.list_builders(with_community_datasets=False), n=5)
            return unknown("dataset", name, {*others, *COMMON, *near})

        if not _NAME.fullmatch(name):
            raise nearest()
        try:
            found = tfds.builder(name, data_dir=str(root))
            if not _is_prepared(found):
                found = tfds.builder(name, data_dir=str(root), file_format="array_record")
            return found
        except tfds.core.DatasetNotFoundError as error:
            raise nearest() from error
        except Exception as error:  # an unknown config or version, a damaged directory: TFDS has a class for each
            raise UserError(f"TFDS cannot open the dataset {name!r}: {_first_line(error)}") from error


def _is_prepared(builder: Any) -> bool:
    return (builder.data_path / "dataset_info.json").exists()


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _check(name: str, features: Any, image_size: Size | None) -> None:
    import tensorflow_datasets as tfds

    kinds = {"image": tfds.features.Image, "label": tfds.features.ClassLabel}
    for key, kind in kinds.items():
        if not hasattr(features, "keys") or key not in features or not isinstance(features[key], kind):
            raise UserError(f"dataset {name!r} does not classify images: its examples have no {kind.__name__} {key!r}")
    shape, dtype = features["image"].shape, np.dtype(features["image"].np_dtype)
    if dtype != np.uint8:
        raise UserError(f"dataset {name!r} holds {dtype} images; only uint8 can be read")
    if image_size is None and None in shape[:2]:
        raise UserError(f"the images of dataset {name!r} differ in size; set dataset.image_size to resize them")


def _prepare(name: str, builder: Any, root: Path) -> None:
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    print(f"preparing the dataset {name} in {root} (only needed once)", file=sys.stderr)
    inherited = [entry for entry in sys.path if entry]
    process = subprocess.run(
        [*_PREPARE, name, str(root)],
        stdout=subprocess.PIPE,
        stderr=None if sys.stderr.isatty() else subprocess.PIPE,  # a person sees progress, a log does not
        env={**os.environ, "PYTHONPATH": os.pathsep.join(inherited)},
        text=True,
        check=False,
    )
    try:
        outcome = json.loads(process.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        detail = "".join((process.stderr or "").strip().splitlines()[-1:])
        raise UserError(f"cannot prepare the dataset {name!r}: exit code {process.returncode} {detail}") from None
    if outcome["status"] == "prepared":
        return
    reason = " ".join(outcome["reason"].split())
    if outcome["status"] == "offline":
        manual = root / "downloads" / "manual" / builder.name
        files = " and ".join(
            f"{url} ({info.size}, saved as {info.filename or Path(url).name})"
            for url, info in (builder.url_infos or {}).items()
        )
        raise UserError(
            f"cannot download the dataset {name!r} ({reason[:200]}); on a machine with a network download {files}, "
            f"put the files in the directory {manual} and run this again"
        )
    raise UserError(f"cannot prepare the dataset {name!r} in {root}: {reason[:400]}")


def _decode(name: str, builder: Any, image_size: Size | None) -> Source:
    features = builder.info.features
    splits = {}
    for split in ("train", "test"):
        if split not in builder.info.splits:
            raise UserError(f"dataset {name!r} has no {split} split, only {', '.join(sorted(builder.info.splits))}")
        try:
            encoded, labels = _examples(builder, split)
        except UserError:
            raise
        except Exception as error:  # array_record raises its own errors for missing and damaged files
            raise UserError(
                f"cannot read the prepared dataset {name!r} ({_first_line(error)}); "
                f"delete {builder.data_path} to prepare it again"
            ) from error
        if len(encoded) != builder.info.splits[split].num_examples or not encoded:
            raise UserError(
                f"the prepared files of dataset {name!r} hold {len(encoded)} examples of the {split} split, not "
                f"{builder.info.splits[split].num_examples}; delete {builder.data_path} to prepare it again"
            )
        pictures = images.read_all(
            range(len(encoded)),
            encoded.__getitem__,
            name=functools.partial("image {2} of {0}'s {1} split".format, name, split),
            image_size=image_size,
        )
        splits[split] = Split(pictures, np.asarray(labels, np.int32))
    return Source(splits["train"], splits["test"], tuple(features["label"].names))


def _examples(builder: Any, split: str) -> tuple[list[bytes], list[int]]:
    """Read the encoded images and the labels of one split, without TensorFlow."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    partial = {"image": tfds.decode.SkipDecoding()}
    with _quiet():
        if builder.info.file_format == tfds.core.FileFormat.TFRECORD:  # prepared earlier, in TFDS's default format
            paths = builder.info.splits[split].filepaths
            examples = (
                features.deserialize_example_np(record, decoders=partial)
                for path in paths
                for record in _tfrecords(Path(path))
            )
        else:
            examples = iter(builder.as_data_source(split, decoders=partial))
        encoded, labels = [], []
        for example in examples:
            encoded.append(bytes(example["image"]))
            labels.append(int(example["label"]))
    return encoded, labels


def _tfrecords(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file: each is its length (8 bytes), a CRC (4), the data, and another CRC (4)."""
    with open(path, "rb") as file:
        while header := file.read(12):
            size = struct.unpack("<Q", header[:8])[0] if len(header) == 12 else 0
            data = file.read(size + 4)
            if not size or len(data) < size + 4:
                raise UserError(f"{path} ends in the middle of a record; delete its directory to prepare it again")
            yield data[:size]
