"""Claim 4: whether convergence and pruning have distinct phases, as far as the records can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minjax.findings import intervals
from minjax.findings.claims.claim import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, claim, unanswered
from minjax.findings.convergence import LEAST_EPOCHS, learning_phases
from minjax.findings.regimes import unstable
from minjax.findings.resilience import curve_phases
from minjax.findings.samples import LIMITS, Limits, Sample
from minjax.findings.words import percent, plural
from minjax.records.finding import Claim, Verdict
from minjax.records.study import MemberRecord

STEEPER = 5.0  # fast over final slope of the training loss, from which the two are distinct
LEAST_PLATEAU = 0.1  # of sparsity, from which a plateau is one
MOST = 0.5  # a property of more than this share of the points is one that networks have


def distinct_phases(found: Sequence[Sample], limits: Limits = LIMITS) -> Claim:
    """Claim 4: the share of the stable points whose convergence and pruning both have distinct phases.

    A point has them where most of its seeds have both: a training loss whose fast phase is at least `STEEPER` times
    as steep as its final one, and a pruning curve with a plateau of at least `LEAST_PLATEAU`, a decline of at least
    one step and a collapse. What a record cannot tell counts for neither side: a loss over too few epochs or one that
    still falls fast when training ends, a curve at amounts too far apart to see a plateau or a decline. Supported where
    the interval of the share (exact binomial over points) lies above `MOST`, contradicted where below.
    """
    stable = [sample for sample in found if not unstable(sample, limits)]
    have = [_distinct(sample, limits) for sample in stable]
    known = [one for one in have if one is not None]
    if not known:
        return claim(
            4, unanswered("no stable point has both learning curves and pruning curves that show phases or none")
        )
    share = intervals.share(sum(known), len(known))
    verdict: Verdict = SUPPORTED if share.low > MOST else CONTRADICTED if share.high < MOST else INCONCLUSIVE
    text = f"{sum(known)} of {len(known)} stable points have distinct phases of both: {percent(share.value, 0)}"
    why = f"the claim is about most networks: more than {percent(MOST, 0)} of them"
    if len(known) < len(have):
        why += f"; {plural(len(have) - len(known), 'stable point')} left out that cannot be judged"
    return claim(4, Answer(verdict, text, share.value, share.interval, why))


def _distinct(sample: Sample, limits: Limits) -> bool | None:
    """Whether most seeds have distinct phases of both; None: there are none that can say so of one of the two."""
    both = []
    for judge in (_converges_in_phases, _prunes_in_phases):
        found = [one for member in sample.members if (one := judge(member, limits)) is not None]
        if not found:
            return None
        both.append(sum(found) > len(found) / 2)
    return all(both)


def _converges_in_phases(member: MemberRecord, limits: Limits) -> bool | None:
    """Whether the training loss has a fast and a flatter final phase; None: its record cannot tell."""
    history = member.history
    if member.status != "completed" or history is None or len(history.train_loss) < LEAST_EPOCHS:
        return None
    if not np.isfinite(np.array(history.train_loss, float)).all():
        return None
    phases = learning_phases(history.train_loss, history.accuracy, limits)
    if phases.fast_end is None:
        return False  # nowhere does it bend
    return None if phases.steepness is None else phases.steepness >= STEEPER


def _prunes_in_phases(member: MemberRecord, limits: Limits) -> bool | None:
    """Whether the pruning curve has a plateau, a decline and a collapse; None: its amounts are too far apart."""
    phases = curve_phases(member, "pruning", limits)
    if phases is None or phases.plateau_end is None or member.curves is None:
        return None
    amounts = sorted(amount for amount, _ in member.curves.pruning)
    end, collapse = phases.plateau_end, phases.collapse_start
    if collapse is None:
        return False
    after = next((amount for amount in amounts if amount > end), end)
    fine = after - end <= LEAST_PLATEAU + 1e-9  # a step that hides no plateau and no decline
    if end < LEAST_PLATEAU - 1e-9:
        return False if fine else None
    declining = after < collapse
    return True if declining else False if fine else None
