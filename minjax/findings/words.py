"""Numbers as sentences print them; findings and pages write them alike."""

from __future__ import annotations

from collections.abc import Sequence


def count(value: float) -> str:
    """1135 -> '1,135'."""
    return f"{value:,.0f}"


def plural(number: float, noun: str) -> str:
    """'1 seed', '1,135 networks'."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def percent(fraction: float, digits: int = 2) -> str:
    """0.9656 -> '96.56 %'."""
    return f"{100 * fraction:.{digits}f} %"


def spread(mean: float, sigma: float) -> str:
    """A mean and a standard deviation: '97.11 ± 0.54 %'."""
    return f"{100 * mean:.2f} ± {100 * sigma:.2f} %"


def duration(seconds: float, digits: int = 0) -> str:
    """'12 s', '3 min 05 s', '2 h 05 min'; less than a minute with decimal places, if asked for: '12.3 s'."""
    if round(seconds, digits) < 60:
        return f"{seconds:.{digits}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def points(fraction: float) -> str:
    """A difference of accuracies in percentage points: 0.01 -> '1 point', 0.005 -> '0.5 points'."""
    text = f"{100 * fraction:.3g}"
    return f"{text} point{'' if text == '1' else 's'}"


def apart(low: float, high: float) -> tuple[str, str]:
    """Two fractions in percent, with as many digits as it takes to tell them apart (two at least, six at most)."""
    for digits in range(2, 7):
        texts = percent(low, digits), percent(high, digits)
        if texts[0] != texts[1]:
            break
    return texts


def span(ends: tuple[int | None, int | None]) -> str:
    """An interval of sizes, None being beyond the grid: '610 to 950', '610 or more'."""
    low, high = ends
    if low is None:
        return "beyond the grid"
    return f"{count(low)} or more" if high is None else count(low) if low == high else f"{count(low)} to {count(high)}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """['a', 'b', 'c'] -> 'a, b and c'."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def capital(text: str) -> str:
    """With its first letter in upper case."""
    return text[:1].upper() + text[1:]
