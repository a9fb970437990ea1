"""How often the interval of the minimal size contains the truth: simulated studies whose minimal size is known.

Every simulation draws a curve of accuracy over log parameters: a logistic one (a knee and a flat top) or a saturating
power law (no knee: it approaches its top for ever), with random position, steepness and top. The truth is the
definition of `minimal` applied to the noiseless curve on the same grid. For `benchmarks/coverage.py` and the tests.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from minjax.findings.minimal import REPLICATES, locate
from minjax.findings.samples import LIMITS

CHANCE = 0.1
SHAPES = ("logistic", "power")
DECADES = (2.0, 6.0)  # the grid goes from 100 to 1,000,000 parameters


@dataclasses.dataclass(frozen=True)
class Coverage:
    """The outcome of simulations at one setting.

    Attributes:
        covered: the share of the simulations whose interval contains the true size.
        exact: the share whose estimate is the true size.
        width: the median of log10(high / low), in decades: 0.3 is a factor of two.
        steps: the median width in steps of the grid.
    """

    shape: str
    sizes: int
    noise: float
    seeds: int
    simulations: int
    scatter: float
    dying: float
    covered: float
    exact: float
    width: float
    steps: float


def curve(shape: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """A noiseless, non-decreasing curve of accuracy at `n` sizes, evenly spaced in log over `DECADES`."""
    logs = np.linspace(*DECADES, n)
    top = rng.uniform(0.85, 0.99)
    middle = rng.uniform(DECADES[0] + 0.5, DECADES[0] + 2.0)
    if shape == "logistic":
        rise = 1 / (1 + np.exp(-rng.uniform(3, 8) * (logs - middle)))
    else:
        rise = 1 - 1 / (1 + 10 ** (rng.uniform(0.8, 1.6) * (logs - middle)))
    return CHANCE + (top - CHANCE) * rise


def coverage(
    shape: str,
    sizes: int,
    noise: float,
    *,
    seeds: int = 5,
    simulations: int = 200,
    scatter: float = 0.0,
    dying: float = 0.0,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Coverage:
    """Simulate studies and count how often the 95 % interval contains the true minimal size.

    Args:
        shape: the curve's, one of `SHAPES`.
        sizes: how many sizes the grid has, over `DECADES`.
        noise: standard deviation of the accuracy over seeds.
        seeds: how many seeds each size has.
        simulations: how many studies, each with a curve of its own.
        scatter: standard deviation between architectures of one size, common to their seeds.
        dying: standard deviation over seeds, instead of `noise`, at sizes below half the curve's height, where small
            networks fail for some seeds.
        replicates: of the bootstrap for each interval.
        seed: of everything that is drawn.
    """
    rng = np.random.default_rng(seed)
    logs = np.linspace(*DECADES, sizes)
    counts = np.full(sizes, seeds)
    covered, exact, width, steps = [], [], [], []
    for number in range(simulations):
        true = curve(shape, sizes, rng)
        wanted = locate(true, np.zeros(sizes), counts, LIMITS, replicates=1).index
        assert wanted is not None
        centre = true + scatter * rng.standard_normal(sizes)
        spread = np.where(true < (CHANCE + true[-1]) / 2, dying or noise, noise)
        drawn = centre + spread * rng.standard_normal((seeds, sizes))
        found = locate(drawn.mean(0), drawn.std(0, ddof=1), counts, LIMITS, replicates=replicates, seed=seed + number)
        high = min(found.high, sizes - 1)
        covered.append(found.low <= wanted <= found.high)
        exact.append(found.index == wanted)
        width.append(logs[high] - logs[found.low])
        steps.append(high - found.low)
    return Coverage(
        shape=shape,
        sizes=sizes,
        noise=noise,
        seeds=seeds,
        simulations=simulations,
        scatter=scatter,
        dying=dying,
        covered=float(np.mean(covered)),
        exact=float(np.mean(exact)),
        width=float(np.median(width)),
        steps=float(np.median(steps)),
    )
