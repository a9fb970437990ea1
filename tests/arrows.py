"""A made-up folder of images as people have them: arrows in four directions, PNG and JPEG, some grey, rectangular."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

DIRECTIONS = {"arrow left": 90, "arrow right": 270, "arrow up": 0, "arrow down": 180}


def arrow(draw: np.random.Generator, angle: int, width: int, height: int) -> Image.Image:
    """An arrow at a random place, of a random colour and length, over noise."""
    scale = 3
    side = int(draw.integers(14, 20)) * scale
    glyph = Image.new("L", (side, side))
    pen = ImageDraw.Draw(glyph)
    middle, head = side // 2, side // 3
    pen.line([(middle, side - scale), (middle, scale)], 255, 2 * scale)
    pen.polygon([(middle, 0), (middle - head, head), (middle + head, head)], 255)
    glyph = glyph.rotate(angle + float(draw.uniform(-12, 12)), Image.Resampling.BILINEAR).resize(
        (side // scale, side // scale), Image.Resampling.BILINEAR
    )
    noise = draw.normal(90, 25, (height, width, 3)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(noise)
    place = tuple(int(draw.integers(0, limit - side // scale + 1)) for limit in (width, height))
    colour = Image.new("RGB", glyph.size, tuple(int(value) for value in draw.integers(170, 256, 3)))
    image.paste(colour, place, glyph)
    return image


def write(root: Path, each: int = 60, *, width: int = 32, height: int = 24, seed: int = 0) -> Path:
    """`each` images of every direction as `root/<class>/<number>`: a third JPEG, a quarter grey."""
    draw = np.random.default_rng(seed)
    for name, angle in DIRECTIONS.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            image = arrow(draw, angle, width, height)
            image = image.convert("L") if number % 4 == 0 else image
            image.save(root / name / f"{number}.{'jpg' if number % 3 == 0 else 'png'}", quality=90)
    return root
