"""Image files to uint8 arrays, by Pillow."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from minjax.errors import UserError

Item = TypeVar("Item")

_TOGETHER = 256  # images decoded in one task: a task a file would spend as long on the queue as on the file
_ORIENTATION = 0x0112  # the EXIF tag


def read_all(
    items: Sequence[Item],
    read: Callable[[Item], bytes],
    *,
    name: Callable[[Item], str],
    image_size: int | None = None,
) -> np.ndarray:
    """Decode many images, in order, in threads; a progress bar is shown on a terminal.

    Args:
        items: what to read, not empty.
        read: gives the encoded bytes of an item; called from several threads.
        name: says what an item is in an error message.
        image_size: resize each to this many pixels squared (see `decode`).

    Returns:
        uint8 [N, H, W, 1] if every image is grey, else [N, H, W, 3].

    Raises:
        UserError: an image that cannot be read or, without `image_size`, the first that differs in size from
            the first of all; both are named.
    """

    def read_one(item: Item) -> np.ndarray:
        try:
            data = read(item)
        except OSError as error:
            raise UserError(f"cannot read the image {name(item)}: {error.strerror or error}") from error
        return decode(data, name(item), image_size)

    whole = np.empty((0, 0, 0, 0), np.uint8)
    for index, picture in enumerate(_decoded(items, read_one)):
        if index == 0:
            whole = np.empty((len(items), *picture.shape), np.uint8)
        if picture.shape[:2] != whole.shape[1:3]:
            height, width = whole.shape[1:3]
            raise UserError(
                f"{name(items[index])} is {picture.shape[1]}x{picture.shape[0]} pixels but {name(items[0])} is "
                f"{width}x{height}; set dataset.image_size to resize all images to one size"
            )
        if picture.shape[2] > whole.shape[3]:
            whole = np.repeat(whole, 3, axis=3)  # the first colour image after grey ones
        whole[index] = picture  # a grey one among colour ones is spread over the three channels
    return whole


def _decoded(items: Sequence[Item], read_one: Callable[[Item], np.ndarray]) -> Iterator[np.ndarray]:
    from tqdm import tqdm

    tasks = [items[start : start + _TOGETHER] for start in range(0, len(items), _TOGETHER)]
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, 16))
    bar = tqdm(total=len(items), desc="decoding images", leave=False, disable=not sys.stderr.isatty())
    try:
        for pictures in pool.map(lambda task: [read_one(item) for item in task], tasks):
            yield from pictures
            bar.update(len(pictures))
    finally:
        pool.shutdown(cancel_futures=True)  # after an error, and when the caller stops reading
        bar.close()


def decode(data: bytes, name: str, image_size: int | None = None) -> np.ndarray:
    """One PNG or JPEG image as uint8 [H, W, 1] if it is grey, else [H, W, 3].

    Palette images are looked up (and grey if the whole palette is), transparency is laid over white, 16 bits are
    scaled to 8, an EXIF orientation is applied. Resizing is bilinear with antialiasing and does not keep the
    aspect ratio.

    Args:
        data: the encoded image.
        name: what to call it in an error message.
        image_size: resize to this many pixels squared; None leaves the size.

    Raises:
        UserError: not a whole PNG or JPEG image.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            opened.load()
            image: Image.Image = opened
            if "exif" in image.info and image.getexif().get(_ORIENTATION, 1) != 1:
                image = ImageOps.exif_transpose(image)
            image = _eight_bits(image)
    except UnidentifiedImageError as error:
        raise UserError(f"cannot read the image {name}: not a PNG or JPEG image, or damaged") from error
    except Exception as error:  # a damaged file makes Pillow raise errors of many kinds
        raise UserError(f"cannot read the image {name}: {error}") from error
    if image_size is not None and image.size != (image_size, image_size):
        image = image.resize((image_size, image_size), Image.Resampling.BILINEAR)
    array = np.asarray(image)
    return array.reshape(*array.shape[:2], -1)


def _eight_bits(image: Image.Image) -> Image.Image:
    """`image` in Pillow's mode L if it is grey, else RGB."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it at 255
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    grey = image.mode in ("1", "L", "LA")
    if image.mode == "P":
        palette = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
        grey = bool((palette == palette[:, :1]).all())
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        over = Image.new("RGBA", image.size, "white")
        over.alpha_composite(image.convert("RGBA"))
        image = over
    image = image.convert("RGB")
    return image.convert("L") if grey else image
