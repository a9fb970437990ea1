"""Small image trees for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (6, 5), channels: int = 3) -> np.ndarray:
    """A random uint8 image [height, width, channels]; `size` is width and height, as Pillow counts."""
    return np.random.RandomState(seed).randint(0, 256, (size[1], size[0], channels)).astype(np.uint8)


def save(path: Path, array: np.ndarray) -> Path:
    """Write uint8 [H, W, C] in the format that the path ends in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(path)
    return path


def tree(root: Path, *, train: int = 3, test: int = 2, classes: tuple[str, ...] = ("cat", "dog"), **shape) -> Path:
    """A valid tree of PNG files; image k of a class is `picture(seed)` with seed counting from 0 over all."""
    seed = 0
    for split, count in (("train", train), ("test", test)):
        for name in classes:
            for index in range(count):
                save(root / split / name / f"{index}.png", picture(seed, **shape))
                seed += 1
    return root
