"""What a field may hold: its type, its range, its choices, and the words for both.

A kind says what is wrong with a value (`problem`), in words that follow "it must be", and what is allowed (`allowed`).
Every number is finite in float32, every integer fits in 32 bits.
"""

from __future__ import annotations

import difflib
import numbers
import re
from dataclasses import dataclass
from typing import Any

from minjax.errors import UserError

MOST = 2**31 - 1  # what an int32 holds, on the device too
LARGEST = 3.4e38  # what a float32 holds
LONGEST = 4096  # elements of a tuple
SHOWN = 80  # characters of a value in an error


class Kind:
    """A set of allowed values.

    Attributes:
        type: of the values, as the command line parses them.
        allowed: in words, for tables and for errors.
    """

    type: type = object
    allowed: str = ""

    def problem(self, value: Any) -> str | None:
        """What the value must be and is not, to follow "it must be"; None where it is allowed."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """An allowed value as plain Python: NumPy's numbers become Python's, lists become tuples."""
        return value

    def complaint(self, name: str, value: Any) -> str | None:
        """The whole error about a field's value; None where it is allowed."""
        wanted = self.problem(value)
        return None if wanted is None else f"{name} is {shown(value)}; it must be {wanted}"

    def check(self, name: str, value: Any) -> Any:
        """The value as `convert` gives it.

        Raises:
            UserError: it is not allowed; names the field, the value and what is allowed.
        """
        found = self.complaint(name, value)
        if found is not None:
            raise UserError(found)
        return self.convert(value)


def shown(value: Any) -> str:
    """A value as an error shows it, on one line and not too long."""
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


@dataclass(frozen=True)
class Integer(Kind):
    """An integer from `least` to `most`, or one of `also`."""

    least: int
    most: int = MOST
    also: tuple[int, ...] = ()

    type = int

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """In words."""
        range_ = f"from {self.least} to {self.most:,}" if self.most < MOST else f"of at least {self.least}"
        return " or ".join([*map(str, self.also), f"an integer {range_}"])

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        if not _is_integer(value):
            return self.allowed
        if value in self.also or self.least <= value <= self.most:
            return None
        bound = f"at least {self.least}" if value < self.least else f"at most {self.most:,}"
        return " or ".join([*map(str, self.also), bound])

    def convert(self, value: Any) -> int:
        """See `Kind`."""
        return int(value)


@dataclass(frozen=True)
class Number(Kind):
    """A finite number; `above` and `below` are bounds that it does not reach, `least` and `most` such that it may."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    type = float

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """In words."""
        words = " and ".join(word for word, _ in self._bounds())
        return f"a number {'of ' if words.startswith('at ') else ''}{words}" if words else "a finite number"

    def _bounds(self) -> list[tuple[str, Any]]:
        every = (
            ("greater than", self.above, lambda value: value > self.above),
            ("at least", self.least, lambda value: value >= self.least),
            ("below", self.below, lambda value: value < self.below),
            ("at most", self.most, lambda value: value <= self.most),
        )
        return [(f"{word} {bound:g}", fits) for word, bound, fits in every if bound is not None]

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            return self.allowed
        if not -LARGEST <= value <= LARGEST:  # type: ignore[operator]  # NaN fails every comparison
            return self.allowed if "finite" in self.allowed else f"{self.allowed}, and finite"
        return next((word for word, fits in self._bounds() if not fits(value)), None)

    def convert(self, value: Any) -> float:
        """See `Kind`."""
        return float(value)


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    type = bool
    allowed = "True or False"

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        return None if isinstance(value, bool) else self.allowed


@dataclass(frozen=True)
class Text(Kind):
    """Text of any content; `allowed` says what for."""

    allowed: str = "text"

    type = str

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        return None if isinstance(value, str) and "\0" not in value else self.allowed


@dataclass(frozen=True)
class Choice(Kind):
    """One of some names, where the empty name says "none", or what matches a pattern, which `also` puts in words."""

    names: tuple[str, ...]
    pattern: str | None = None
    also: str = ""

    type = str

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """In words."""
        names = [name or "'' (none)" for name in self.names] + ([self.also] if self.also else [])
        return " or ".join([*filter(None, [", ".join(names[:-1])]), names[-1]])

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        if isinstance(value, str) and (value in self.names or re.fullmatch(self.pattern or "(?!)", value)):
            return None
        near = difflib.get_close_matches(value, self.names, n=1) if isinstance(value, str) else []
        return self.allowed + (f" (did you mean {near[0]!r}?)" if near else "")


@dataclass(frozen=True)
class Each(Kind):
    """A tuple whose elements are of one kind.

    Attributes:
        item: the kind of the elements.
        fewest: how many there must be at least.
        most: how many there may be.
        descending: each once, the largest first.
    """

    item: Kind
    fewest: int = 0
    most: int = LONGEST
    descending: bool = False

    type = tuple

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """In words."""
        order = "; each once, the largest first" if self.descending else ""
        return f"{self._size()}, each {self.item.allowed}{order}"

    def _size(self) -> str:
        if self.most == LONGEST:
            return f"a tuple of {self.fewest} or more" if self.fewest else "a tuple"
        return f"a tuple of {self.fewest} to {self.most}" if self.fewest else f"a tuple of at most {self.most}"

    def problem(self, value: Any) -> str | None:
        """See `Kind`; what is wrong with an element is said by `complaint`."""
        if not isinstance(value, tuple | list) or not self.fewest <= len(value) <= self.most:
            return self.allowed
        if any(self.item.problem(item) for item in value):
            return self.allowed
        if self.descending and list(value) != sorted(set(value), reverse=True):
            return "a tuple with each element once, the largest first"
        return None

    def complaint(self, name: str, value: Any) -> str | None:
        """See `Kind`; names the first element that is not allowed."""
        if isinstance(value, tuple | list):
            for item in value:
                wanted = self.item.problem(item)
                if wanted is not None:
                    return f"{name} has {shown(item)}; each must be {wanted}"
        return super().complaint(name, value)

    def convert(self, value: Any) -> tuple[Any, ...]:
        """See `Kind`."""
        return tuple(self.item.convert(item) for item in value)


@dataclass(frozen=True)
class Pair(Kind):
    """A field's name with a value, or with the tuple of `several` values that it takes one after the other."""

    several: bool = False

    type = tuple

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """In words."""
        return f"a pair such as ('optimizer.learning_rate', {'(0.1, 0.01)' if self.several else '0.1'})"

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        pair = isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str)
        fits = pair and (not self.several or isinstance(value[1], tuple | list))
        return None if fits else self.allowed


@dataclass(frozen=True)
class OrNone(Kind):
    """What another kind allows, or None, which leaves the choice to the model, the optimizer or the task."""

    kind: Kind

    @property
    def type(self) -> type:  # type: ignore[override]
        """That of the other kind."""
        return self.kind.type

    @property
    def allowed(self) -> str:  # type: ignore[override]
        """In words."""
        return f"{self.kind.allowed}, or None"

    def problem(self, value: Any) -> str | None:
        """See `Kind`."""
        wanted = None if value is None else self.kind.problem(value)
        return None if wanted is None else f"{wanted}, or None"

    def complaint(self, name: str, value: Any) -> str | None:
        """See `Kind`."""
        if value is None:
            return None
        found = self.kind.complaint(name, value)
        return None if found is None else f"{found}, or None" if f"{name} is " in found else found

    def convert(self, value: Any) -> Any:
        """See `Kind`."""
        return None if value is None else self.kind.convert(value)
