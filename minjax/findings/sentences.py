"""Answers and certificates in sentences: the only ones, which the console prints and the page shows."""

from __future__ import annotations

from collections.abc import Iterable

from minjax.findings.words import apart, capital, count, listed, percent, plural, points, span
from minjax.records.answer import Answer, Answers, StatedNetwork
from minjax.records.finding import Certificate, OnTest

DEFINITION = (
    "A network is accurate enough if over its seeds the mean is at least the accuracy to be reached, the standard "
    "deviation is within the limit, and no seed diverged or stayed near chance; the minimal size is the smallest with "
    "such a network, and its interval holds the sizes that the data leave possible. It is a statement about this grid: "
    "nothing is known between its sizes."
)
METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"}


def subject(found: Certificate) -> str:
    """What it is about: 'dnn on digits'."""
    return f"{found.family} on {found.dataset}"


def short(found: Answer) -> str:
    """The answer in a few words: '1,135 parameters', or 'not reached'."""
    if found.num_params is None:
        return "not reached" if found.question == "target" else "none"
    return f"{count(found.num_params)} parameters"


def basis(found: Answer) -> str:
    """What the answer rests on, in a line."""
    if found.winner is None:
        return f"the best, {named(found.best)}, has {percent(found.best.accuracy)}"
    return f"{interval(found)}; {stated(found.winner)}"


def answer(found: Answer) -> str:
    """The answer in one sentence: which network is the smallest that is enough, and how sure that is."""
    if found.winner is None:
        return _none(found)
    size = f"{named(found.winner)} with {count(found.winner.num_params)} parameters"
    return f"{found.dataset}: {size} is the smallest network that {enough(found)} ({interval(found)})."


def enough(found: Answer) -> str:
    """What the network of an answer does, as the end of 'the smallest network that ...'."""
    if found.question == "stable":
        return "trains stably"
    if found.question == "target":
        return f"reliably reaches {level(found)}"
    return f"is as good as the best found ({percent(found.best.accuracy)}), within {points(found.tolerance)}"


def _none(found: Answer) -> str:
    best = f"the best has {percent(found.best.accuracy)}, {named(found.best)}"
    if found.question == "target":
        return f"{found.dataset}: no network of the grid reaches {level(found)}; {best}{_but(found)}."
    return (
        f"{found.dataset}: no network trains stably: of each, a seed diverged or stayed near chance, or the standard "
        f"deviation over seeds is above {points(found.sigma)}; {best}."
    )


def _but(found: Answer) -> str:
    """Why the best found does not count although its accuracy is high enough."""
    best = found.best
    if found.level is None or best.accuracy < found.level:
        return ""
    if best.failed:
        return f", but {best.failed} of {plural(best.seeds, 'seed')} diverged or stayed near chance"
    high, low = apart(best.deviation, found.sigma)
    return f", but its standard deviation over seeds is {high}, above {low}"


def headline(found: Answers) -> str:
    """The answer to what was asked, in one sentence."""
    if found.goal == "smallest":
        return answer(found.minimal)
    best, one = found.most_accurate, found.most_accurate.network
    if one is None or best.interval is None:
        return _none(found.minimal)
    low, high = best.interval
    rivals = "" if best.decided else f"; the data do not tell it from {plural(best.rivals, 'other')}"
    return (
        f"{found.dataset}: {named(one)} with {count(one.num_params)} parameters is the most accurate network within "
        f"the limits, at {accuracy(one)}, 95 % interval {percent(low)} to {percent(high)}{rivals}."
    )


def sentences(found: Answer) -> list[str]:
    """An answer with what it rests on, a statement a sentence."""
    return [answer(found), *details(found)]


def details(found: Answer) -> list[str]:
    """What the answer rests on: accuracy, the next smaller network, what is undecided, the grid, what limits it."""
    said = [grid(found)]
    if found.winner is not None:
        about = (_accuracy(found, found.winner), *_demand(found.winner), *_best(found), *_below(found))
        said = [*about, *undecided(found), *said]
    return [*said, *(f"{capital(note)}." for note in found.notes)]


def _accuracy(found: Answer, one: StatedNetwork) -> str:
    if one.fresh:
        over = f"the mean of {plural(one.fresh, 'fresh seed')}, trained after the choice"
    else:
        over = f"the mean of the {plural(one.seeds, 'seed')} that it was chosen by, so somewhat too high"
    if found.selection == "test":
        over += ", chosen on test"
    scatter = f"standard deviation over seeds {points(one.deviation)}"
    if one.deviation == 0:
        scatter = "seeds differ by no more than their different images explain"
    said = f"Its {found.selection} {METRICS[found.metric]} is {percent(one.accuracy)} ({over}; {scatter})"
    if one.reached is None or found.level is None or found.question == "stable":
        return f"{said}."
    return f"{said}; {one.reached} of {plural(one.seeds, 'seed')} reach {level(found)}."


def _demand(one: StatedNetwork) -> Iterable[str]:
    """What the network asks of a device."""
    if (asks := one.demand) is not None:
        yield (
            f"It takes {count(asks.bytes)} bytes packed at {plural(asks.bits, 'bit')} per weight, "
            f"{count(asks.ram_bytes)} bytes of RAM for activations at 8 bits, and {count(asks.macs)} multiply-adds "
            "per image (predicted)."
        )


def _best(found: Answer) -> Iterable[str]:
    if found.question != "near_best" or found.winner is None:
        return
    if found.winner.point == found.best.point:
        yield "It is itself the best found."
    else:
        yield f"The best found is {named(found.best)} with {count(found.best.num_params)} parameters."


def _below(found: Answer) -> Iterable[str]:
    """Why the most accurate smaller network is not the answer."""
    one = found.below
    if one is None:
        yield "No smaller network was tried."
        return
    size = f"{named(one)} with {count(one.num_params)} parameters"
    if one.judgement == "falls short":
        yield f"The most accurate smaller network, {size}, falls short: {found.why_below}."
    else:
        yield (
            f"The most accurate smaller network, {size}, may be enough too: {found.why_below}, but the data cannot "
            "decide."
        )


def undecided(found: Answer) -> Iterable[str]:
    """Which other sizes may be the answer, where the data cannot decide."""
    others = [size for size in found.possible if size != found.num_params]
    if found.decided or not others:
        return
    if len(others) > 6:
        yield f"Undecided: the data leave {len(found.possible)} sizes possible, {interval(found)}."
    else:
        sizes = listed(list(map(count, others)), "or")
        yield f"Undecided: the data do not exclude that {sizes} parameters are the minimal size."


def grid(found: Answer) -> str:
    """Which networks an answer is a statement about, on how many images, with how many seeds."""
    networks = f"{plural(found.networks, 'network')} of {plural(len(found.grid), 'size')}"
    if len(found.grid) > 1:
        networks += f" from {count(found.grid[0])} to {count(found.grid[-1])} parameters"
    return (
        f"This is a statement about {networks} ({listed(found.families)}), on {count(found.images)} {found.selection} "
        f"images; the answer is one of those with at least {plural(found.seeds, 'seed')}."
    )


def certificate(found: Certificate) -> list[str]:
    """A certificate, a statement a sentence; the first names the family and the data set."""
    first, *rest = sentences(found.minimal)
    first = first.replace(f"{found.dataset}: ", f"{subject(found)}: ", 1)
    return [first, *rest, *_tested(found), *_compressed(found)]


def _tested(found: Certificate) -> Iterable[str]:
    """What the test split says of the networks that were chosen, the network of the minimal size first."""
    if not found.tested:
        return
    first, *others = found.tested
    low, high = first.interval
    of = "" if first.role == "minimal" else f" of the best network, {first.name}"
    by_class = "" if first.balanced is None else f", {percent(first.balanced)} balanced"
    yield (
        f"Test accuracy{of}, measured once, after all choices: {percent(first.accuracy)} (mean over "
        f"{plural(first.seeds, 'seed')}; 95 % interval {percent(low)} to {percent(high)} for {count(first.images)} "
        f"images){by_class}."
    )
    names = {"below": "the most accurate smaller network", "best": "the best network"}
    said = [
        f"{names[one.role]} ({one.name}, {count(one.num_params)} parameters) reaches {_reached(one)}" for one in others
    ]
    if said:
        yield f"On the same images {listed(said)}."


def _reached(one: OnTest) -> str:
    return percent(one.accuracy) if one.balanced is None else f"{percent(one.balanced)} (balanced)"


def _compressed(found: Certificate) -> Iterable[str]:
    """How far the network can be compressed, and its bytes."""
    if found.minimal.winner is None:
        return
    if found.redundancy is not None:
        ends = found.redundancy_interval
        between = "" if ends is None else f" (95 % interval {100 * ends[0]:.0f} to {percent(ends[1], 0)})"
        yield (
            f"{percent(found.redundancy, 0)} of its kernel weights can be pruned while the accuracy stays within "
            f"{points(found.tolerance)}{between}."
        )
    if found.bits is not None:
        yield f"{found.bits} bit{' per weight is' if found.bits == 1 else 's per weight are'} enough for every seed."
    if found.redundancy is None and found.bits is None:
        yield "It was neither pruned nor quantized."
    if found.bytes is not None:
        kept = {
            "as float32": found.bytes.float32,
            f"quantized to {found.bits} bits": found.bytes.quantized,
            "pruned and kept as float32": found.bytes.pruned,
        }
        known = [f"{count(size)} bytes {how}" for how, size in kept.items() if size is not None]
        yield f"Its parameters take {listed(known)} (computed, not measured)."


def accuracy(one: StatedNetwork) -> str:
    """'96.21 % (20 fresh seeds)', or '(5 seeds, as chosen)'."""
    over = plural(one.fresh, "fresh seed") if one.fresh else f"{plural(one.seeds, 'seed')}, as chosen"
    return f"{percent(one.accuracy)} ({over})"


def stated(one: StatedNetwork) -> str:
    """The accuracy and how many seeds reach the level: '96.21 % (20 fresh seeds), 23 of 25 seeds reach it'."""
    return accuracy(one) + ("" if one.reached is None else f", {one.reached} of {plural(one.seeds, 'seed')} reach it")


def named(one: StatedNetwork) -> str:
    """A network with its hyperparameters, where it has any: 'dnn-1-equal-8 (learning_rate=0.316)'."""
    return f"{one.name} ({one.hyperparameters})" if one.hyperparameters else one.name


def level(found: Answer) -> str:
    """The accuracy to reach: '95 %', '57.77 %'."""
    assert found.level is not None
    return f"{100 * found.level:.4g} %"


def interval(found: Answer) -> str:
    """'95 % interval 610 to 950'."""
    return f"{100 * found.confidence:.0f} % interval {span(found.interval)}"
