"""Images that belong together: equal to the pixel, or of one group. No split may have some of them and not the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np


def pixel_hashes(images: np.ndarray) -> list[bytes]:
    """A hash of each image's pixels: images uint8 [N, H, W, C] -> N hashes, equal only for equal images."""
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest() for image in images]


def units(hashes: Sequence[bytes], groups: Sequence[str] = ()) -> np.ndarray:
    """What each image belongs to: int32 [N], the same number for equal images and for images of one group.

    Numbers count from 0 in the order of the first image of each unit. Equal images of two groups join these.

    Args:
        hashes: one for each image, made from its pixels.
        groups: the name of each image's group, empty for none; or nothing, where there are no groups.
    """
    parent = list(range(len(hashes)))

    def top(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[object, int] = {}
    for index, key in enumerate(hashes):
        for name in (key, *([("group", groups[index])] if groups and groups[index] else [])):
            one, other = top(first.setdefault(name, index)), top(index)
            parent[max(one, other)] = min(one, other)
    tops = [top(index) for index in range(len(hashes))]
    number = {unit: count for count, unit in enumerate(dict.fromkeys(tops))}
    return np.array([number[unit] for unit in tops], np.int32)


def warnings(
    files: Mapping[str, Sequence[str]], hashes: Mapping[str, Sequence[bytes]], labels: Mapping[str, Sequence[int]]
) -> list[str]:
    """What to warn of: equal images in two splits as they were given, and equal images of two classes.

    Args:
        files: the path of each image, by split.
        hashes: of its pixels, likewise.
        labels: its class, likewise.
    """
    found = []
    known = dict(zip(hashes["train"], files["train"], strict=True))
    for split in files:
        if split == "train":
            continue
        both = [(file, known[key]) for key, file in zip(hashes[split], files[split], strict=True) if key in known]
        if both:
            found.append(
                f"{_images(len(both))} of the {split} split {_are(len(both))} in the training split too, for example "
                f"{both[0][0]} and {both[0][1]}: the {split} accuracy is too high by up to "
                f"{100 * len(both) / len(files[split]):.1f} points"
            )
    labelled: dict[bytes, tuple[int, str]] = {}
    torn = []
    for split in files:
        for key, file, label in zip(hashes[split], files[split], labels[split], strict=True):
            other = labelled.setdefault(key, (label, file))
            if other[0] != label:
                torn.append((file, other[1]))
    if torn:
        found.append(
            f"{_images(len(torn))} {_are(len(torn))} in another class too, for example {torn[0][0]} and {torn[0][1]}"
        )
    return found


def _images(count: int) -> str:
    return f"{count:,} image{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
