"""Image files to uint8 arrays, by Pillow."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from minjax.errors import UserError


def read_all(files: Sequence[Path], *, image_size: int | None = None) -> np.ndarray:
    """Decode all files, in order.

    Args:
        files: PNG or JPEG.
        image_size: resize each to this many pixels squared (antialiased, the aspect ratio is not kept).

    Returns:
        uint8 [N, H, W, 1] if every file is grey, else [N, H, W, 3].

    Raises:
        UserError: an unreadable file, or, without `image_size`, one that differs in size from the first; named.
    """
    from tqdm import tqdm

    pictures: list[np.ndarray] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        decoded = pool.map(lambda file: decode(file, image_size), files)
        bar = tqdm(decoded, "reading images", len(files), leave=False, disable=not sys.stderr.isatty())
        for file, picture in zip(files, bar, strict=True):
            if pictures and picture.shape[:2] != pictures[0].shape[:2]:
                raise UserError(
                    f"{file} is {_size(picture)} pixels but {files[0]} is {_size(pictures[0])}; "
                    "set dataset.image_size to resize all images to one size"
                )
            pictures.append(picture)
    channels = max(picture.shape[2] for picture in pictures)
    whole = np.empty((len(pictures), *pictures[0].shape[:2], channels), np.uint8)
    for index, picture in enumerate(pictures):
        whole[index] = picture  # a grey one among colour ones is spread over the three channels
    return whole


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def decode(file: Path, image_size: int | None = None) -> np.ndarray:
    """One image file as uint8 [H, W, 1] or [H, W, 3].

    Raises:
        UserError: the file cannot be read or is damaged.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(file.read_bytes()), formats=("PNG", "JPEG")) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"cannot read the image {file}: {getattr(error, 'strerror', None) or error}") from error
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    if image_size is not None:
        image = image.resize((image_size, image_size), Image.Resampling.BILINEAR)
    array = np.asarray(image)
    return array.reshape(*array.shape[:2], -1)
