"""TFDS sets: the real CIFAR builders, fed from small archives in CIFAR's own binary format.

TFDS knows the checksums of the true archives and refuses others, so the process that prepares is started with that one
check off; everything else is as a user runs it.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from minjax.data import load, tfds
from minjax.errors import UserError

# A user's network, or a lack of one, has no say in these tests: this proxy refuses everything.
NO_NETWORK = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

# prepare.py with the check of checksums off; a set named in its first argument is prepared as tfrecord, TFDS's default.
UNCHECKED = """
import runpy, sys
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.download_manager import DownloadManager
DownloadManager._register_or_validate_checksums = lambda self, url, url_info, path: None
script, older, *rest = sys.argv[1:]
if older:
    data_dir = rest[1]
    tfds.builder(older, data_dir=data_dir).download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=f"{data_dir}/downloads/manual/{older}"))
sys.argv = [script, *rest]
runpy.run_path(script, run_name="__main__")
"""


def archive(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def rows(labels: np.ndarray, seed: int) -> tuple[bytes, dict[bytes, int]]:
    """Records of label bytes and 3x32x32 pixels, and which (last) label belongs to which image, as NHWC bytes."""
    pixels = np.random.RandomState(seed).randint(0, 256, (len(labels), 3, 32, 32)).astype(np.uint8)
    data = b"".join(bytes(label.tolist()) + image.tobytes() for label, image in zip(labels, pixels, strict=True))
    return data, {
        image.transpose(1, 2, 0).tobytes(): int(label[-1]) for label, image in zip(labels, pixels, strict=True)
    }


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A TFDS directory with small cifar10 (array_record) and cifar100 (tfrecord), and what is in them."""
    root = tmp_path_factory.mktemp("tfds")
    manual = root / "downloads" / "manual"
    truth: dict[str, dict[bytes, int]] = {"train10": {}, "test10": {}}
    files = {"batches.meta.txt": "\n".join([*CIFAR10, "", ""]).encode()}
    for seed, name in enumerate([*(f"data_batch_{index}.bin" for index in range(1, 6)), "test_batch.bin"]):
        files[name], part = rows(np.arange(10)[:, None], seed)
        truth["test10" if name == "test_batch.bin" else "train10"] |= part
    archive(
        manual / "cifar10" / "cifar-10-binary.tar.gz",
        {f"cifar-10-batches-bin/{name}": data for name, data in files.items()},
    )
    files = {
        "coarse_label_names.txt": "\n".join(f"coarse{index}" for index in range(20)).encode(),
        "fine_label_names.txt": "\n".join(f"fine{index}" for index in range(100)).encode(),
    }
    fine = np.stack([np.arange(100) % 20, np.arange(100)], 1)
    files["train.bin"], truth["train100"] = rows(fine, 7)
    files["test.bin"], truth["test100"] = rows(fine[::-1], 8)
    archive(
        manual / "cifar100" / "cifar-100-binary.tar.gz",
        {f"cifar-100-binary/{name}": data for name, data in files.items()},
    )
    script = tfds._PREPARE[-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfds, "_PREPARE", (sys.executable, "-P", "-c", UNCHECKED, script, "cifar100"))
        for name, value in NO_NETWORK.items():
            patch.setenv(name, value)
            patch.setenv(name.lower(), value)
        patch.setenv("MINJAX_CACHE", str(root / "cache"))
        load("cifar10", data_dir=str(root))
    return root, truth


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.setenv("MINJAX_CACHE", str(tmp_path / "cache"))
    for name, value in NO_NETWORK.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_is_read_exactly(prepared, classes):
    root, truth = prepared
    kept = {file: file.stat().st_mtime_ns for file in root.rglob("*.json")}
    dataset = load(f"cifar{classes}", data_dir=str(root))
    assert dataset.num_classes == classes
    assert dataset.class_names[1] == ("automobile" if classes == 10 else "fine1")
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.augment == "crop_flip"
    for name, split in (("train", dataset.train), ("test", dataset.test)):
        expected = truth[f"{name}{classes}"]
        assert len(split) == len(expected)
        assert {image.tobytes(): label for image, label in zip(split.images, split.labels, strict=True)} == expected
    assert {file: file.stat().st_mtime_ns for file in root.rglob("*.json")} == kept  # only read


@pytest.mark.slow
def test_tensorflow_stays_out_of_the_process(prepared, root):
    code = f"""
import sys
import minjax.data
before = minjax.data.load("cifar10", data_dir={str(prepared[0])!r})
assert "tensorflow_datasets" in sys.modules
print([name for name in sys.modules if name.split(".")[0] == "tensorflow"])
"""
    again = code.replace('"tensorflow_datasets" in', '"tensorflow_datasets" not in')
    for text in (code, again):  # the second start finds the cache and needs no TFDS either
        result = subprocess.run([sys.executable, "-W", "error", "-c", text], cwd=root, capture_output=True, text=True)
        assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n", "")


@pytest.mark.slow
def test_the_cache_outlives_the_prepared_set_but_not_a_change_of_it(prepared, tmp_path, monkeypatch):
    root = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(prepared[0]), str(root)], check=True)
    first = load("cifar10", data_dir=str(root))
    reads = []
    decode = tfds._decode
    monkeypatch.setattr(tfds, "_decode", lambda *arguments: reads.append(1) or decode(*arguments))
    assert load("cifar10", data_dir=str(root)).fingerprint == first.fingerprint
    assert not reads
    (info,) = root.glob("cifar10/*/dataset_info.json")
    os.utime(info, (1, 1))
    load("cifar10", data_dir=str(root))
    assert reads == [1]
    subprocess.run(["rm", "-r", str(root / "cifar10")], check=True)
    assert load("cifar10", data_dir=str(root)).fingerprint == first.fingerprint
    assert reads == [1]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "missing", "fewer", "array_record cut", "array_record missing", "no test"])
def test_a_damaged_prepared_set(prepared, tmp_path, damage):
    root = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(prepared[0]), str(root)], check=True)
    name = "cifar10" if "array" in damage else "cifar100"
    (file,) = root.glob(f"{name}/*/*train.*record*")
    (info,) = root.glob(f"{name}/*/dataset_info.json")
    if damage == "cut":
        os.truncate(file, file.stat().st_size - 5)
        message = "train.tfrecord.* ends in the middle of a record; delete its directory"
    elif damage == "array_record cut":
        os.truncate(file, file.stat().st_size // 2)
        message = "cannot read the prepared dataset 'cifar10' .*; delete"
    elif "missing" in damage:
        file.unlink()
        message = f"cannot read the prepared dataset '{name}' .*No such file"
    elif damage == "no test":
        contents = json.loads(info.read_text())
        contents["splits"] = [split for split in contents["splits"] if split["name"] != "test"]
        info.write_text(json.dumps(contents))
        message = "dataset 'cifar100' has no test split, only train"
    else:
        contents = json.loads(info.read_text())
        for split in contents["splits"]:
            split["shardLengths"] = ["120"]
        info.write_text(json.dumps(contents))
        message = "hold 100 examples of the train split, not 120; delete"
    with pytest.raises(UserError, match=message):
        load(name, data_dir=str(root))


@pytest.mark.slow
def test_without_network_it_says_what_to_download_and_where_to_put_it(tmp_path):
    with pytest.raises(UserError) as caught:
        load("cifar10", data_dir=str(tmp_path / "sets"))
    message = str(caught.value)
    assert "cannot download the dataset 'cifar10' (www.cs.toronto.edu cannot be reached)" in message
    assert "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz" in message
    assert "saved as cifar-10-binary.tar.gz" in message  # the place and name that the fixture has used
    assert f"the directory {tmp_path}/sets/downloads/manual/cifar10 and run this again" in message
    assert "\n" not in message


@pytest.mark.slow
def test_a_wrong_archive_is_refused(tmp_path):
    file = tmp_path / "downloads" / "manual" / "cifar10" / "cifar-10-binary.tar.gz"
    archive(file, {"x": b"cut off"})
    with pytest.raises(UserError, match=r"cannot prepare the dataset 'cifar10' .*wrong checksum") as caught:
        load("cifar10", data_dir=str(tmp_path))
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifarr10", r"unknown dataset 'cifarr10' \(did you mean 'cifar10'\?\); known: .*digits, .*folder, .*mnist"),
        ("horses_or_human", r"did you mean 'horses_or_humans'\?"),
        ("cifar10:9.9.9", r"cannot open the dataset 'cifar10:9.9.9': .*only: 3.0.2"),
        ("emnist/nowhere", "cannot open the dataset 'emnist/nowhere': .*BuilderConfig nowhere not found"),
        ("imdb_reviews", "'imdb_reviews' does not classify images: its examples have no Image 'image'"),
        ("imagenette", r"differ in size; set dataset\.image_size to resize"),
    ],
)
def test_refused(tmp_path, name, message):
    with pytest.raises(UserError, match=message) as caught:
        load(name, data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_preparation_that_dies_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds, "_PREPARE", (sys.executable, "-c", "import os; os.write(2, b'killed\\n'); os._exit(9)"))
    with pytest.raises(UserError, match="cannot prepare the dataset 'cifar10': exit code 9 killed"):
        load("cifar10", data_dir=str(tmp_path))


def test_no_permission_to_prepare(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file/sets: Not a directory"):
        load("mnist", data_dir=str(tmp_path / "file" / "sets"))


def test_a_directory_that_is_a_link_to_itself_is_one_line(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(UserError) as caught:
        tfds.read("mnist", data_dir=str(link))
    assert str(link) in str(caught.value)


def test_augmentation_by_name():
    from minjax.data import AUGMENT

    assert AUGMENT["mnist"] == AUGMENT["svhn_cropped"] == "crop"
    assert AUGMENT["fashion_mnist"] == "crop_flip"
