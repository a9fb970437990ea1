"""What the recommendation of a compression says, in words: for the console and for the page alike."""

from __future__ import annotations

from minjax.findings.words import count, percent, plural, points
from minjax.records.compressed import Choice, ChosenFile, Scored
from minjax.records.compression import CompressionSummary


def recipe(file: ChosenFile) -> str:
    """'global_l1 at 90 %, 3 bits, trained again': how the network in a file was compressed."""
    parts = []
    if file.method is not None and file.amount:
        parts.append(f"{file.method} at {100 * file.amount:.4g} %" + (", channels removed" if file.shrunk else ""))
    if file.bits is not None:
        parts.append(plural(file.bits, "bit") + " a weight")
    if file.retrained:
        parts.append("trained again")
    return ", ".join(parts) or "as trained"


def accuracy(found: Scored) -> str:
    """'98.61 % (95.05 to 99.83 %)': an accuracy with its interval; with '; 97.20 % balanced' where that is compared."""
    low, high = found.interval
    return f"{percent(found.accuracy)} ({100 * low:.2f} to {percent(high)}{balanced(found, '; ')})"


def balanced(found: Scored, before: str = "") -> str:
    """'97.20 % balanced'; empty where balanced accuracy is not compared."""
    return "" if found.balanced is None else f"{before}{percent(found.balanced)} balanced"


def asked(choice: Choice) -> str:
    """'of at least 97 %', or 'within 1 point of the dense network's 98.61 %'."""
    if choice.target is not None:
        return f"of at least {100 * choice.target:.4g} %"
    return f"within {points(choice.tolerance)} of the dense network's {percent(choice.dense.score)}"


def decided(file: ChosenFile, choice: Choice) -> bool:
    """Whether the interval of what is lost, too, keeps the accuracy: whether the images can decide it."""
    return choice.dense.score - file.loss_interval[1] >= choice.floor - 1e-9


def verdict(summary: CompressionSummary) -> str:
    """The sentence that decides."""
    choice, file, other = summary.choice, summary.recommended, summary.runner_up
    assert choice is not None
    images = f"{count(choice.images)} {choice.selection} images"
    kept = "an accuracy" if choice.metric == "accuracy" else "a balanced accuracy"
    if file is None:
        text = f"no compressed version keeps {kept} {asked(choice)} ({images})"
        if other is None:
            return text
        scored = other.validation or other.test
        return f"{text}; the closest, {recipe(other)}, has {percent(scored.score)}"
    text = f"keeps {kept} {asked(choice)}, on {images}"
    if not decided(file, choice):
        text += f", too few to be sure: it may lose up to {points(max(file.loss_interval[1], 0.0))}"
    return text


def worst_class(file: ChosenFile) -> str | None:
    """The class that loses most on the test split; None: no class loses."""
    known = [(c.dense - c.compressed, c) for c in file.classes if c.dense is not None and c.compressed is not None]
    loss, worst = max(known, key=lambda pair: pair[0], default=(0.0, None))
    if worst is None or loss <= 0:
        return None
    return f"{worst.name} loses most: {percent(worst.dense or 0.0)} to {percent(worst.compressed or 0.0)}"


def answer(summary: CompressionSummary, directory: str) -> list[str]:
    """The first screen: the recommended file, its accuracy, its price, the command that uses it, the runner-up."""
    choice, file, other = summary.choice, summary.recommended, summary.runner_up
    if choice is None:
        return []
    if file is None:
        lines = [verdict(summary)]
        return (
            lines if other is None else [*lines, f"  that file: {directory}/{other.path}, {count(other.bytes)} bytes"]
        )
    lines = [f"recommended: {directory}/{file.path}, {count(file.bytes)} bytes"]
    lines += [f"  {recipe(file)}", f"  {verdict(summary)}"]
    if file.validation is not None:
        lines.append(f"  validation: {accuracy(file.validation)}, dense {_of_dense(choice.dense)}")
    chosen = "" if file.selection == "validation" else ", which it was chosen on, so slightly too high"
    lines.append(f"  test:       {accuracy(file.test)}, dense {_of_dense(choice.dense_test)}{chosen}")
    if worst := worst_class(file):
        lines.append(f"  class {worst} (test)")
    lines.append(f"  use: {file.command}")
    if other is not None:
        scored = other.validation or other.test
        lines.append(
            f"runner-up: {directory}/{other.path}, {count(other.bytes)} bytes, {recipe(other)}: "
            f"{percent(scored.score)} {other.selection}{'' if other.keeps else ', which does not keep the accuracy'}"
        )
    return lines


def _of_dense(found: Scored) -> str:
    return percent(found.accuracy) + ("" if found.balanced is None else f" ({balanced(found)})")
