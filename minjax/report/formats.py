"""How numbers and names are printed: fractions as percent, absent values as a dash, names made safe to show."""

from __future__ import annotations

import json
import re
import statistics
import unicodedata
from collections.abc import Sequence
from typing import Any

from minjax.findings import words

ABSENT = "–"  # noqa: RUF001 - a dash, not a minus sign
_REORDERS_TEXT = re.compile("[\u202a-\u202e\u2066-\u2069]")  # a name with these could make a line read backwards


def percent(fraction: float | None, digits: int = 2) -> str:
    """0.9172 -> '91.72 %'; None -> a dash."""
    return ABSENT if fraction is None else words.percent(fraction, digits)


def mean_std(fractions: Sequence[float]) -> str:
    """Mean and sample standard deviation in percent: '91.72 ± 0.15 %'; of a single value without the deviation."""
    if len(fractions) < 2:
        return percent(fractions[0] if fractions else None)
    return words.spread(statistics.mean(fractions), statistics.stdev(fractions))


def decimal(value: float | None) -> str:
    """0.12345 -> '0.1235'; None -> a dash."""
    return ABSENT if value is None else f"{value:.4f}"


def count(value: float | None) -> str:
    """701466 -> '701,466'; None -> a dash."""
    return ABSENT if value is None else words.count(value)


def duration(seconds: float | None) -> str:
    """'12.3 s', '3 min 05 s', '1 h 02 min'; None -> a dash."""
    return ABSENT if seconds is None else words.duration(seconds, 1)


def speed(images_per_second: float | None, population: int = 1) -> str:
    """'4,012'; of several runs that one program trained: '4,012 (3 runs together)'; None -> a dash."""
    text = count(images_per_second)
    return text if population == 1 or text == ABSENT else f"{text} ({population} runs together)"


def spent(seconds: float | None, population: int = 1) -> str:
    """As `duration`; of one of several runs that one program trained: '12.3 s (share of 3 runs)'; None -> a dash."""
    text = duration(seconds)
    return text if population == 1 or text == ABSENT else f"{text} (share of {population} runs)"


def plain(value: Any) -> str:
    """A JSON value as text: strings without quotes, lists and objects as JSON, None as a dash."""
    if value is None:
        return ABSENT
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def printable(text: str) -> str:
    """`text` on one line that can be encoded: control characters and lone surrogates become U+FFFD.

    Names of classes are names of folders, and a file system allows anything in those.
    """
    kept = (
        character if unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") else "\ufffd" for character in text
    )
    return _REORDERS_TEXT.sub("\ufffd", "".join(kept))


def shorten(text: str, length: int) -> str:
    """At most `length` characters, the middle left out: long class names often differ at their ends."""
    if len(text) <= length:
        return text
    head = length // 2
    return f"{text[:head]}…{text[len(text) - (length - head - 1) :]}"
