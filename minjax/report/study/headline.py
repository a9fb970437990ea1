"""The answers in plain words: how many parameters are enough, and how far that network can be pruned and quantized."""

from __future__ import annotations

from typing import Any

from minjax.report.formats import count, finite, percent, plain, printable
from minjax.report.study.evidence import Evidence, interval_of

MOST, LEAST = "at most ", "at least "
BYTES = (
    ("float32", "as float32"),
    ("quantized", "quantized"),
    ("pruned", "pruned, float32"),
)


def headline(evidence: Evidence) -> list[dict[str, str]]:
    """For each family on each data set: `name`, `value`, `how` (short) and `words` (whole sentences)."""
    return [
        {"name": subject(one), "value": value(one), "how": _how(one), "words": words(one)}
        for one in evidence.certificates
    ]


def subject(certificate: dict[str, Any]) -> str:
    """'dnn on digits'."""
    return f"{plain(certificate.get('family'))} on {plain(certificate.get('dataset'))}"


def value(certificate: dict[str, Any]) -> str:
    """'1,234 parameters', 'at most' or 'at least' so many at an end of the grid, or that there is no such size."""
    size = finite(certificate.get("num_params"))
    if size is None:
        return "no minimal size"
    return f"{_bound(certificate)}{count(size)} parameters"


def words(certificate: dict[str, Any]) -> str:
    """The whole certificate in sentences."""
    if finite(certificate.get("num_params")) is None:
        found = [f"{subject(certificate)}: no size of the grid qualifies: {plain(certificate.get('reason'))}."]
        found.append(f"It was looked for on {_grid(certificate)}.")
    else:
        found = [_enough(certificate), _below(certificate), *_compressed(certificate)]
    found += [f"{_capital(note)}." for note in certificate.get("notes") or []]
    return " ".join(found)


def _how(certificate: dict[str, Any]) -> str:
    """The line under the number."""
    interval = interval_of(certificate.get("interval"))
    if finite(certificate.get("num_params")) is None:
        return plain(certificate.get("reason"))
    accuracy = _accuracy(certificate)
    return (f"95 % interval {_range(interval)}; " if interval else "") + accuracy


def _enough(certificate: dict[str, Any]) -> str:
    interval, name = interval_of(certificate.get("interval")), certificate.get("name")
    if _bound(certificate) == LEAST:
        text = f"{subject(certificate)}: {value(certificate)} are needed for stable learning, the largest size tried ("
    else:
        size = count(finite(certificate.get("num_params")))
        text = f"{subject(certificate)}: {size} parameters are enough for stable learning ("
    text += f"95 % interval {_range(interval)}, " if interval else ""
    text += f"on {_grid(certificate)})"
    text += f", those of {printable(str(name))}" if name else ""
    target = finite(certificate.get("target"))
    text += f": accuracy {_accuracy(certificate)}"
    return text + (f", where {percent(target)} had to be reached." if target is not None else ".")


def _below(certificate: dict[str, Any]) -> str:
    below = certificate.get("below")
    if not isinstance(below, dict):
        return "No smaller size was tried."
    size = count(finite(below.get("num_params")))
    why = plain(below.get("why") or None)
    return f"The next smaller size of the grid, {size}, does not do: {why}."


def _compressed(certificate: dict[str, Any]) -> list[str]:
    """Redundancy, bits and bytes, as far as they were measured."""
    redundancy, bits = finite(certificate.get("redundancy")), finite(certificate.get("bits"))
    interval = interval_of(certificate.get("redundancy_interval"))
    parts = []
    if redundancy is not None:
        ends = f" (95 % interval {_percents(interval)})" if interval else ""
        parts.append(f"{percent(redundancy, 0)} of its weights are redundant{ends}")
    if bits is not None:
        parts.append(bits_enough(bits))
    if not parts:
        return ["It was neither pruned nor quantized."]
    sizes = certificate.get("bytes") or {}
    known = [f"{count(size)} bytes {name}" for key, name in BYTES if (size := finite(sizes.get(key))) is not None]
    if known:
        parts.append(f"{', '.join(known)} (theoretical)")
    return [f"{_capital('; '.join(parts))}."]


def bits_enough(bits: float) -> str:
    """'4 bits of a weight are enough'; a mean over seeds is said to be one where it is not whole."""
    if bits == round(bits):
        return f"{bits:.0f} bit{' of a weight is' if bits == 1 else 's of a weight are'} enough"
    return f"{bits:.1f} bits of a weight are enough (mean over seeds)"


def _accuracy(certificate: dict[str, Any]) -> str:
    accuracy, sigma = finite(certificate.get("accuracy")), finite(certificate.get("sigma"))
    spread = "" if accuracy is None or sigma is None else f" ± {100 * sigma:.2f} %"
    text = percent(accuracy) if not spread else f"{100 * (accuracy or 0):.2f}{spread}"
    seeds = finite(certificate.get("seeds"))
    return text + ("" if seeds is None else f" over {seeds:.0f} seeds")


def _grid(certificate: dict[str, Any]) -> str:
    sizes = _sizes(certificate)
    if not sizes:
        return "an empty grid"
    return f"a grid of {len(sizes)} size{'s' if len(sizes) > 1 else ''} from {count(min(sizes))} to {count(max(sizes))}"


def _bound(certificate: dict[str, Any]) -> str:
    """What the minimal size is at an end of the grid: nothing beyond it was tried."""
    size, sizes = finite(certificate.get("num_params")), _sizes(certificate)
    if len(sizes) < 2 or size not in (min(sizes), max(sizes)):
        return ""
    return MOST if size == min(sizes) else LEAST


def _sizes(certificate: dict[str, Any]) -> list[float]:
    return [size for size in map(finite, certificate.get("grid") or []) if size is not None]


def _range(ends: tuple[float, float]) -> str:
    return f"{count(ends[0])} to {count(ends[1])}"


def _percents(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.0f} to {100 * ends[1]:.0f} %"


def _capital(text: str) -> str:
    clean = printable(text)
    return clean[:1].upper() + clean[1:]
