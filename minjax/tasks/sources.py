"""Data sets as a list of them is typed: digits, the name of a TFDS set, or label=folder."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from minjax.errors import UserError

_TFDS = re.compile(r"[\w.\-+*/:]+")
_LABEL = re.compile(r"\w[\w.\-+ ()]*")


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set: what pages call it, and the fields that name it."""

    label: str
    name: str
    path: str = ""

    @property
    def slug(self) -> str:
        """The label as a part of a directory's name."""
        return re.sub(r"[^\w.+-]", "-", self.label)


def sources(texts: Iterable[str], field: str) -> list[Source]:
    """The data sets that a field of the configuration names.

    Args:
        texts: the field's values.
        field: its name, for errors.

    Raises:
        UserError: a text that names none, or two that would have one directory.
    """
    found: list[Source] = []
    for text in texts:
        label, equals, path = (part.strip() for part in text.partition("="))
        if equals and _LABEL.fullmatch(label) and path:
            found.append(Source(label, "folder", path))
        elif not equals and label != "folder" and _TFDS.fullmatch(label):
            found.append(Source(label, label))
        else:
            raise UserError(
                f"{field} has {text!r}; each must be digits, the name of a TFDS set, or label=folder, such as "
                "CIFAR-10=my-cifar10"
            )
    slugs = [source.slug for source in found]
    twice = [slug for slug in slugs if slugs.count(slug) > 1]
    if twice:
        raise UserError(f"{field} has {twice[0]!r} twice; each must have a name of its own")
    return found
