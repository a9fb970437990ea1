"""Simulated studies whose answers are known, and how often a claim is supported where it is not true.

The false alarms are counted over simulated studies at the null (or at the margin, where a claim has one); 5 of 100
and what chance adds to it are allowed: 9 of 80 and more have a probability of 2 % at 5 %.
"""

from __future__ import annotations

import numpy as np

from minjax.findings.samples import samples
from tests.findings.synthetic import member, point

SIMULATIONS = 80
ALLOWED = 8
SIZES = np.geomspace(100, 100_000, 16).astype(int)


def count(verdict, claim, study):
    """In how many simulated studies a claim gets a verdict."""
    return sum(claim(study(seed)).verdict == verdict for seed in range(SIMULATIONS))


def accuracies(means, rng=None, noise=0.003, sizes=SIZES, **fields):
    rng = rng or np.random.default_rng(0)
    members = []
    for size, mean in zip(sizes, means, strict=True):
        values = mean + noise * rng.standard_normal(5)
        members += point(f"{fields.get('family', 'dnn')}{fields.get('dataset', '')}{size}", int(size), values, **fields)
    return members


def sweep(offset, seed=0, scatter=0.01, **more):
    """One family in two shapes at each size, the second less accurate by `offset`."""
    rng = np.random.default_rng(seed)
    members = []
    for shape, below in (("equal", 0.0), ("increasing", offset)):
        for width, size in enumerate(SIZES):
            mean = 0.9 - below + scatter * rng.standard_normal()
            labels = {"depth": 2, "shape": shape, "width": width}
            values = mean + 0.003 * rng.standard_normal(5)
            members += point(f"{shape}{width}", int(size), values, labels=labels, fields=labels, **more)
    return samples(members)


def three(seed=0):
    """Unstable, rising, flat with a gap."""
    rng = np.random.default_rng(seed)
    members = []
    for i, size in enumerate(SIZES):
        mean, noise, gap = (0.3, 0.1, 0) if i < 4 else (min(0.5 + 0.1 * (i - 4), 0.9), 0.003, 0.02 if i < 10 else 0.09)
        for run in range(5):
            value = mean + noise * rng.standard_normal()
            members.append(member(f"p{i}", int(size), run, value, train_accuracy=value + gap))
    return members
