"""A trained network that classifies images: arrays, Pillow images, files, folders.

predictor = minjax.load("runs/digits-digits-sgdm-s42")
predictor.predict("photos/")
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from minjax.data import images as files
from minjax.data.listing import SUFFIXES
from minjax.deploy import network as networks
from minjax.deploy.network import Network
from minjax.errors import UserError

SIZES = (1, 16, 128, 500)  # images in a batch: a batch is filled up to one of these, so that few programs are compiled


class Predictor:
    """Classifies images with a network, fed as it was in evaluation.

    Attributes:
        network: the network, with its weights.
        resize: images of another size are resized to the network's, as the data set's were; otherwise they are refused.
    """

    def __init__(self, network: Network, *, resize: bool | None = None):
        self.network = network
        self.resize = network.resized if resize is None else resize
        self._logits = jax.jit(network.logits)
        self._preprocess = jax.jit(network.preprocess)

    def __repr__(self) -> str:
        name, (height, width, channels) = self.network.about["model"]["name"], self.network.image_shape
        return f"<Predictor: {name}, {height}x{width}x{channels} images, {len(self.classes)} classes>"

    @property
    def classes(self) -> tuple[str, ...]:
        """The name of each class, in the order of `probabilities`."""
        return self.network.classes

    @property
    def about(self) -> dict[str, Any]:
        """What is known of the network: path, model, data set, parameters, test accuracy."""
        return self.network.about

    def predict(self, images: Any) -> list[str]:
        """The class of each image; `images` as for `pixels`. A single image gives a list of one."""
        return [self.classes[i] for i in self.probabilities(images).argmax(-1)]

    def probabilities(self, images: Any) -> np.ndarray:
        """The probability of each class for each image, float32 [N, classes]; `images` as for `pixels`."""
        return softmax(self.logits(self.pixels(images)))

    def preprocess(self, images: Any) -> np.ndarray:
        """The network's input, float32 [N, H, W, C] (of a bfloat16 run bfloat16); `images` as for `pixels`."""
        return np.asarray(self._preprocess(self.pixels(images)))

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels uint8 [N, H, W, C] of the network's size -> float32 [N, classes]."""
        if len(pixels) == 0:
            return np.zeros((0, len(self.classes)), np.float32)
        parts = []
        for start in range(0, len(pixels), SIZES[-1]):
            part = pixels[start : start + SIZES[-1]]
            size = next(size for size in SIZES if size >= len(part))
            filled = np.concatenate([part, np.zeros((size - len(part), *part.shape[1:]), np.uint8)])
            parts.append(np.asarray(self._logits(filled), np.float32)[: len(part)])
        return np.concatenate(parts)

    def pixels(self, images: Any) -> np.ndarray:
        """Images as the network's data set has them: uint8 [N, H, W, C].

        Args:
            images: a uint8 array [N, H, W, C] or [H, W, C] (grey ones also [H, W]), a Pillow image, the path of a PNG
                or JPEG file or of a folder of them (searched through, in the order of their names), or a sequence of
                any of these.

        Raises:
            UserError: no image, one that cannot be read, of a size that the network does not take, or an array of
                another type; the message names it.
        """
        return np.concatenate([np.zeros((0, *self.network.image_shape), np.uint8), *self._each(images)])

    def _each(self, images: Any) -> Iterator[np.ndarray]:
        if isinstance(images, np.ndarray) or (hasattr(images, "__array__") and not isinstance(images, Image.Image)):
            yield self._array(np.asarray(images))
        elif isinstance(images, Image.Image):
            yield self._image(images)[None]
        elif isinstance(images, str | Path):
            for path in image_files(images):
                yield self.read(path)[None]
        elif isinstance(images, Sequence) or hasattr(images, "__iter__"):
            for image in images:
                yield from self._each(image)
        else:
            raise UserError(f"{type(images).__name__} is not an image: give uint8 arrays, Pillow images or paths")

    def _array(self, array: np.ndarray) -> np.ndarray:
        height, width, channels = self.network.image_shape
        if array.dtype != np.uint8:
            raise UserError(f"an image array of {array.dtype}: pixels are uint8, from 0 to 255")
        if array.ndim == 2:
            array = array[:, :, None]
        if array.ndim == 3:
            array = array[None]
        if array.ndim != 4 or array.shape[3] not in (1, 3):
            raise UserError(f"an image array of shape {array.shape}: it must be [N, H, W, C] or [H, W, C], C 1 or 3")
        if array.shape[1:] == (height, width, channels):
            return array
        pictures = [Image.fromarray(image[..., 0] if image.shape[2] == 1 else image) for image in array]
        return np.stack([self._fitted(picture, "an image of the array") for picture in pictures])

    def _image(self, image: Image.Image) -> np.ndarray:
        """A Pillow image, through the bytes of a PNG: so it is read just as a file is."""
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return self._decoded(buffer.getvalue(), "the image")

    def read(self, path: Path | str) -> np.ndarray:
        """One PNG or JPEG file as uint8 [H, W, C].

        Raises:
            UserError: it cannot be read, or its size is not the network's.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise UserError(f"cannot read the image {path}: {error.strerror or error}") from error
        return self._decoded(data, str(path))

    def _decoded(self, data: bytes, name: str) -> np.ndarray:
        array = files.decode(data, name)
        return self._fitted(Image.fromarray(array[..., 0] if array.shape[2] == 1 else array), name)

    def _fitted(self, image: Image.Image, name: str) -> np.ndarray:
        """Grey or RGB of any size -> uint8 of the network's shape, as `data.images` makes it of a folder's files."""
        height, width, channels = self.network.image_shape
        if image.size != (width, height):
            if not self.resize:
                raise UserError(
                    f"{name} is {image.size[0]}x{image.size[1]} pixels (width x height), the network takes "
                    f"{width}x{height}, and its data set was not resized: resize it, or load(path, resize=True)"
                )
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        array = np.asarray(image.convert("L" if channels == 1 else "RGB"))
        return array.reshape(height, width, channels)


def load(path: Path | str, *, resize: bool | None = None) -> Predictor:
    """Load a trained network to classify images with; the data that it was trained on are not needed.

    Args:
        path: a finished run's directory, a study's (its winner is meant), a compression's (the file that it recommends
            is meant), a packed .mjx file or an exported .safetensors file.
        resize: resize images of other sizes to the network's; None: where its data set was resized.

    Raises:
        UserError: nothing there, or something else; an unfinished or diverged run; a damaged file.
    """
    return Predictor(networks.read(path), resize=resize)


def image_files(path: Path | str) -> list[Path]:
    """A PNG or JPEG file, or all in a folder and the folders in it, in the order of their paths; hidden ones left out.

    Raises:
        UserError: no such file or folder, or a folder without images.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        if not path.exists():
            raise UserError(f"{path}: no such image or folder")
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not found:
        raise UserError(f"{path} holds no PNG or JPEG files")
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities float32 [N, classes]."""
    powers = np.exp(logits - logits.max(-1, keepdims=True, initial=-np.inf))
    return (powers / powers.sum(-1, keepdims=True)).astype(np.float32)


def read_many(
    predictor: Predictor, paths: Sequence[Path], *, skip: Callable[[Path, UserError], None] | None = None
) -> Iterator[tuple[list[Path], np.ndarray]]:
    """Batches of files and their pixels, so that 10,000 images need not fit in memory.

    Args:
        predictor: whose size the images are brought to.
        paths: of the files.
        skip: told of a file that cannot be read, which is then left out; None: such a file is an error.
    """
    for start in range(0, len(paths), SIZES[-1]):
        kept, pictures = [], []
        for path in paths[start : start + SIZES[-1]]:
            try:
                pictures.append(predictor.read(path))
            except UserError as error:
                if skip is None:
                    raise
                skip(path, error)
            else:
                kept.append(path)
        if kept:
            yield kept, np.stack(pictures)
