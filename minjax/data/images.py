"""Image files to uint8 arrays, by Pillow; what would take more memory than there is, is refused beforehand."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from minjax import memory
from minjax.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_PIXELS = 2**26  # of an encoded image: a small file can announce any number
MOST_BYTES = 2**30  # of an encoded image: more than the pixels above take without compression

_TOGETHER = 256  # images decoded in one task: a task for each would spend as long on the queue as on the file
_TASK_BYTES = 2**24  # of the decoded images of one task, unless one image alone is larger
_LARGE = 2**24  # pixels beyond which images are decoded one at a time
_DECODING = 8  # bytes for each pixel of a decoded image while it is made
_ORIENTATION = 0x0112  # the EXIF tag

_one_large = threading.Lock()

Size = int | tuple[int, int]  # pixels squared, or height and width


class DamagedImageError(UserError):
    """One image cannot be read or decoded, whatever the others are like."""


def height_and_width(size: Size) -> tuple[int, int]:
    """`size` as height and width."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def read_all(
    items: Sequence[Item],
    read: Callable[[Item], bytes],
    *,
    name: Callable[[Item], str],
    image_size: Size | None = None,
    skip: Callable[[int, DamagedImageError], None] | None = None,
) -> np.ndarray:
    """Decode many images, in order, in threads, with a progress bar on a terminal.

    Args:
        items: what to read, at least one.
        read: returns the encoded bytes of an item; called from several threads.
        name: what to call an item in an error message.
        image_size: what to resize every image to (see `decode`); None: all must have one size.
        skip: told the position of an image that cannot be read, which is then left out, and why; None: such an image
            is an error.

    Returns:
        uint8 [N, H, W, 1] if every image is grey, else [N, H, W, 3]; N without those that were left out.

    Raises:
        DamagedImageError: an image that cannot be read.
        UserError: without `image_size`, the first image that differs in size from the very first (both are named);
            images that take more memory than there is; not one that can be read.
    """

    def read_one(item: Item) -> np.ndarray:
        try:
            data = read(item)
        except OSError as error:
            raise DamagedImageError(f"cannot read the image {name(item)}: {error.strerror or error}") from error
        return decode(data, name(item), image_size)

    if image_size is not None:
        _check_memory(len(items), (*height_and_width(image_size), 1), image_size)
    position, first = _first(items, read_one, skip)
    _check_memory(len(items), first.shape, image_size)
    height, width = first.shape[:2]

    def read_fitting(item: Item) -> np.ndarray | DamagedImageError:
        try:
            picture = read_one(item)
        except DamagedImageError as error:
            if skip is None:
                raise
            return error
        if picture.shape[:2] != (height, width):  # noticed here, before hundreds of larger ones are in memory
            raise UserError(
                f"{name(item)} is {picture.shape[1]}x{picture.shape[0]} pixels but {name(items[position])} is "
                f"{width}x{height}; set dataset.image_size to resize all images to one size"
            )
        return picture

    whole = np.empty((len(items), *first.shape), np.uint8)
    whole[0] = first
    count = 1
    for index, picture in enumerate(_decoded(items[position + 1 :], read_fitting, first.nbytes), position + 1):
        if isinstance(picture, DamagedImageError):
            assert skip is not None
            skip(index, picture)
            continue
        if picture.shape[2] > whole.shape[3]:
            _check_memory(len(items), picture.shape, image_size)
            whole = np.repeat(whole, 3, axis=3)  # the first colour image after grey ones
        whole[count] = picture  # a grey image among colour images is repeated in the three channels
        count += 1
    return whole[:count]


def _first(
    items: Sequence[Item],
    read_one: Callable[[Item], np.ndarray],
    skip: Callable[[int, DamagedImageError], None] | None,
) -> tuple[int, np.ndarray]:
    """The position of the first image that can be read, and its pixels."""
    for position, item in enumerate(items):
        try:
            return position, read_one(item)
        except DamagedImageError as error:
            if skip is None:
                raise
            skip(position, error)
    raise UserError(f"none of the {len(items):,} images can be read")


def _check_memory(count: int, shape: tuple[int, ...], image_size: Size | None) -> None:
    """Check that the images, and those being decoded, fit into the available memory.

    Raises:
        UserError: they do not; with the figures.
    """
    height, width, channels = shape
    size = height * width * channels
    decoding = min(count, (2 * _threads() + 1) * _together(size)) * size + _threads() * _DECODING * height * width
    free = memory.available()
    if free is not None and count * size + decoding > free.bytes:
        typed = image_size if isinstance(image_size, int | None) else ",".join(map(str, image_size))
        asked = "" if image_size is None else f"dataset.image_size={typed}: "
        less = "set dataset.image_size to resize them" if image_size is None else "set it to less"
        raise UserError(
            f"{asked}{count:,} images of {width}x{height} pixels take {memory.gigabytes(count * size)} of memory and "
            f"{memory.gigabytes(decoding)} while they are decoded, and {free}; {less}"
        )


def _threads() -> int:
    return min(os.cpu_count() or 1, 16)


def _together(size: int) -> int:
    """How many images of `size` bytes one task decodes."""
    return max(1, min(_TOGETHER, _TASK_BYTES // max(1, size)))


def _decoded(items: Sequence[Item], read_one: Callable[[Item], Result], size: int) -> Iterator[Result]:
    """The decoded items in order; not more of them at once than `_check_memory` counts, if each has `size` bytes."""
    from tqdm import tqdm

    together = _together(size)
    pool = ThreadPoolExecutor(_threads())
    bar = tqdm(total=len(items), desc="decoding images", leave=False, disable=not sys.stderr.isatty())
    waiting: deque[Future[list[Result]]] = deque()
    try:
        for start in range(0, len(items), together):
            task = items[start : start + together]
            waiting.append(pool.submit(lambda task: [read_one(item) for item in task], task))
            while len(waiting) > (2 * _threads() if start + together < len(items) else 0):
                pictures = waiting.popleft().result()
                yield from pictures
                bar.update(len(pictures))
    finally:
        pool.shutdown(cancel_futures=True)  # after an error, or when the caller stops reading
        bar.close()


def decode(data: bytes, name: str, image_size: Size | None = None) -> np.ndarray:
    """Decode one PNG or JPEG image, as uint8 [H, W, 1] if it is grey, else [H, W, 3].

    Palettes are looked up (the image is grey if the whole palette is), transparent pixels are blended with white, 16
    bits are scaled to 8, and the EXIF orientation is applied. Resizing is bilinear with antialiasing and does not keep
    the aspect ratio.

    Args:
        data: the encoded image.
        name: what to call it in an error message.
        image_size: pixels along both sides, or height and width, to resize it to; None: it keeps its size.

    Raises:
        DamagedImageError: not a whole PNG or JPEG image, or one of more than `MOST_PIXELS`.
    """
    from PIL import Image, ImageOps  # training does without Pillow

    try:
        with _opened(data, name) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise DamagedImageError(
                    f"the image {name} has {width}x{height} pixels; one of more than {MOST_PIXELS:,} pixels is not read"
                )
            with _one_large if width * height > _LARGE else contextlib.nullcontext():
                opened.load()
                image: Image.Image = opened
                if "exif" in image.info and image.getexif().get(_ORIENTATION, 1) != 1:
                    image = ImageOps.exif_transpose(image)
                image = _eight_bits(image)
                if image_size is not None and image.size != (size := height_and_width(image_size)[::-1]):
                    image = image.resize(size, Image.Resampling.BILINEAR)
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(
            f"cannot read the image {name}: there is not enough memory for {width}x{height} pixels"
        ) from error
    except Exception as error:  # Pillow raises many kinds of errors for damaged files
        raise DamagedImageError(f"cannot read the image {name}: {error}") from error
    array = np.asarray(image)
    return array.reshape(*array.shape[:2], -1)


def _opened(data: bytes, name: str) -> Image.Image:
    """An image of which the header was read. `Image.open` would also warn of the sizes that `decode` refuses."""
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return PngImageFile(io.BytesIO(data))
        if data.startswith(b"\xff\xd8\xff"):
            return JpegImageFile(io.BytesIO(data))
    except SyntaxError as error:
        raise DamagedImageError(f"cannot read the image {name}: not a PNG or JPEG image, or damaged") from error
    raise DamagedImageError(f"cannot read the image {name}: not a PNG or JPEG image, or damaged")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Convert to Pillow's mode L if the image is grey, else to RGB."""
    from PIL import Image

    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip at 255
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
