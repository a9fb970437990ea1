"""How much is pruned after each round, when pruning proceeds in rounds with training in between."""

from __future__ import annotations

from minjax.errors import UserError, unknown

KINDS = ("geometric", "linear", "cubic")


def rounds(kind: str, amount: float, count: int) -> list[float]:
    """The fraction that is pruned after each of `count` rounds; the last is `amount`.

    Args:
        kind: "geometric": each round prunes the same fraction of what is left (Han et al. 2015; Frankle & Carbin
            2019); "linear": each prunes the same number; "cubic": early rounds prune more than late ones,
            s_t = s (1 - (1 - t/n)^3) (Zhu & Gupta 2017, equation 1, from zero).
        amount: the fraction pruned after the last round, 0 to 1 (geometric: below 1).
        count: number of rounds, at least 1.

    Raises:
        UserError: an unknown kind, or a number out of range.

    >>> [round(a, 6) for a in rounds("geometric", 0.36, 2)]
    [0.2, 0.36]
    """
    if kind not in KINDS:
        raise unknown("pruning schedule", kind, KINDS)
    if count < 1:
        raise UserError(f"a pruning schedule of {count} rounds: there must be at least 1")
    if not 0 <= amount <= 1 or (kind == "geometric" and amount == 1):
        below = "below 1 (a fraction of what is left is always left)" if kind == "geometric" else "at most 1"
        raise UserError(f"amount is {amount}; for a {kind} schedule it must be at least 0 and {below}")
    steps = [step / count for step in range(1, count + 1)]
    if kind == "geometric":
        return [*(1 - (1 - amount) ** t for t in steps[:-1]), amount]
    if kind == "linear":
        return [amount * t for t in steps]
    return [amount * (1 - (1 - t) ** 3) for t in steps]
