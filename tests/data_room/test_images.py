"""Decoding: pixels of every kind, sizes that a small file can announce, and sets that do not fit in memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from minjax import memory
from minjax.data import images as decoding
from minjax.errors import UserError
from tests.conftest import ROOT
from tests.data_room.trees import picture, tree


def encoded(image: Image.Image, **options) -> bytes:
    data = io.BytesIO()
    image.save(data, options.pop("format", "PNG"), **options)
    return data.getvalue()


class TestModes:
    """Pixels of every kind that PNG and JPEG know, against what they mean."""

    def test_sixteen_bits(self):
        wide = np.array([[0, 128, 257, 32768, 65535]], np.uint16)
        got = decoding.decode(encoded(Image.fromarray(wide)), "x")
        assert got[..., 0].tolist() == [[0, 0, 1, 128, 255]]

    def test_one_bit(self):
        image = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert("1")
        assert decoding.decode(encoded(image), "x")[..., 0].tolist() == [[0, 255, 255]]

    def test_palette(self):
        image = Image.fromarray(np.array([[0, 1]], np.uint8), "L")
        image = image.convert("P")
        image.putpalette([255, 0, 0, 0, 0, 255])
        assert decoding.decode(encoded(image), "x").tolist() == [[[255, 0, 0], [0, 0, 255]]]
        image.putpalette([9, 9, 9, 200, 200, 200])
        assert decoding.decode(encoded(image), "x").tolist() == [[[9], [200]]]

    def test_palette_with_transparency(self):
        image = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
        image.putpalette([255, 0, 0, 0, 0, 255])
        assert decoding.decode(encoded(image, transparency=0), "x").tolist() == [[[255, 255, 255], [0, 0, 255]]]

    def test_alpha_lies_over_white(self):
        array = np.array([[[10, 20, 30, 255], [10, 20, 30, 0]]], np.uint8)
        assert decoding.decode(encoded(Image.fromarray(array)), "x").tolist() == [[[10, 20, 30], [255, 255, 255]]]

    def test_grey_with_alpha_stays_grey(self):
        array = np.array([[[10, 255], [10, 0]]], np.uint8)
        assert decoding.decode(encoded(Image.fromarray(array, "LA")), "x").tolist() == [[[10], [255]]]

    def test_grey_with_a_transparent_value(self):
        image = Image.fromarray(np.array([[3, 4]], np.uint8))
        assert decoding.decode(encoded(image, transparency=3), "x").tolist() == [[[255], [4]]]

    def test_cmyk(self):
        image = Image.new("RGB", (8, 8), (255, 0, 0)).convert("CMYK")
        got = decoding.decode(encoded(image, format="JPEG"), "x")
        assert got.shape == (8, 8, 3)
        assert np.abs(got.astype(int) - [255, 0, 0]).max() < 6

    def test_orientation_is_applied(self):
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned a quarter clockwise for viewing
        image = Image.new("RGB", (16, 8), (0, 0, 0))
        image.paste((255, 255, 255), (0, 0, 8, 8))  # the left half is white ...
        got = decoding.decode(encoded(image, format="JPEG", exif=exif), "x")
        assert got.shape == (16, 8, 3)
        assert got[:8].min() > 200  # ... and so the upper one when turned
        assert got[8:].max() < 50


def one_bit_png(width: int, height: int) -> bytes:
    """A PNG of black pixels of one bit: a few kilobytes, however many there are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(9)
    row = bytes(1 + -(-width // 8))
    rows = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(13_300, 13_300), (2**26 + 1, 1), (100_000, 100_000)])
def test_a_small_file_that_announces_many_pixels_is_refused_by_its_header(size, monkeypatch):
    data = one_bit_png(*size) if size[1] < 50_000 else one_bit_png(8, 8)[:16] + struct.pack(">II", *size)
    if size[1] >= 50_000:  # only the header says so
        rest = one_bit_png(8, 8)
        crc = zlib.crc32(b"IHDR" + data[16:] + rest[24:29])
        data = data + rest[24:29] + struct.pack(">I", crc) + rest[33:]
    monkeypatch.setattr(PngImageFile, "load", lambda self: pytest.fail("it was decoded"))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(UserError) as caught:
            decoding.decode(data, "bomb.png")
    assert str(caught.value) == (
        f"the image bomb.png has {size[0]}x{size[1]} pixels; one of more than 67,108,864 pixels is not read"
    )
    assert not seen


def test_a_jpeg_is_refused_by_its_header_too():
    data = bytearray(encoded(Image.new("L", (16, 16)), format="JPEG"))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", 60_000, 60_000)
    with pytest.raises(UserError, match=r"bomb.jpg has 60000x60000 pixels; one of more than 67,108,864 pixels"):
        decoding.decode(bytes(data), "bomb.jpg")


def test_large_images_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(decoding, "_LARGE", 100)
    at_once, most = 0, 0
    convert = decoding._eight_bits
    count = threading.Lock()

    def watched(image):
        nonlocal at_once, most
        with count:
            at_once += 1
            most = max(most, at_once)
        threading.Event().wait(0.01)
        with count:
            at_once -= 1
        return convert(image)

    monkeypatch.setattr(decoding, "_eight_bits", watched)
    monkeypatch.setattr(decoding, "_TOGETHER", 1)
    monkeypatch.setattr(decoding, "_threads", lambda: 4)
    for side, together in ((11, 1), (10, 4)):
        data, most = [encoded(Image.new("L", (side, side), i)) for i in range(9)], 0
        whole = decoding.read_all(data, bytes, name=repr)
        assert whole[:, 0, 0, 0].tolist() == list(range(9))
        assert (most == 1) == (together == 1)


def pictures(count: int, channels: int = 3) -> list[bytes]:
    arrays = (picture(seed, size=(8, 8), channels=channels) for seed in range(count))
    return [encoded(Image.fromarray(array.squeeze())) for array in arrays]


def test_in_any_number_of_tasks_the_order_is_kept(monkeypatch):
    data = pictures(50)
    expected = np.stack([picture(seed, size=(8, 8)) for seed in range(50)])
    for together in (1, 3, 49, 50, 256):
        monkeypatch.setattr(decoding, "_TOGETHER", together)
        np.testing.assert_array_equal(decoding.read_all(data, bytes, name=repr), expected)


@pytest.mark.parametrize(
    ("image_size", "free", "message"),
    [
        (30_000, 10**10, "dataset.image_size=30000: 20 images of 30000x30000 pixels take 18.0 GB of memory and .* GB"),
        (100_000, 10**10, "dataset.image_size=100000: 20 images of 100000x100000 pixels take 200.0 GB of memory"),
        (None, 5_000, "20 images of 8x8 pixels take 0.0 GB .*; set dataset.image_size to resize them"),
        (64, 400_000, r"image_size=64: .* and 0.0 GB are available \(a test\); set it to less"),
    ],
)
def test_a_set_that_does_not_fit_in_memory_is_refused_with_the_figures(image_size, free, message, monkeypatch):
    monkeypatch.setattr(decoding, "_threads", lambda: 2)
    monkeypatch.setattr(memory, "available", lambda: memory.Available(free, "a test"))
    with pytest.raises(UserError, match=message) as caught:
        decoding.read_all(pictures(20), bytes, name=repr, image_size=image_size)
    assert "\n" not in str(caught.value)


def test_colour_after_grey_is_counted_again(monkeypatch):
    grey, colour = pictures(300, channels=1), pictures(1)
    monkeypatch.setattr(decoding, "_threads", lambda: 1)
    free = 301 * 64 + 301 * 64 + 8 * 64  # a grey set, all of it being decoded, and one image in the making
    monkeypatch.setattr(memory, "available", lambda: memory.Available(free, "a test"))
    assert decoding.read_all([*grey, grey[0]], bytes, name=repr).shape == (301, 8, 8, 1)
    with pytest.raises(UserError, match="301 images of 8x8 pixels"):
        decoding.read_all([*grey, *colour], bytes, name=repr)


@pytest.mark.slow
@pytest.mark.parametrize("image_size", [30_000, 100_000])
def test_refused_under_a_limit_of_the_process(image_size, tmp_path):
    """As the user meets it: `ulimit -v`, a folder, and one line."""
    root = tree(tmp_path / "pets")
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9,) * 2)\n"
        "from minjax.data import load; from minjax.errors import UserError\n"
        "try: load('folder', path=sys.argv[1], image_size=int(sys.argv[2]))\n"
        "except UserError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(root), str(image_size)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert f"dataset.image_size={image_size}: 10 images of" in done.stdout
    assert "the limit of the process, ulimit -v, is 3.0 GB" in done.stdout
