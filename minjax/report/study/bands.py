"""Where on the axis of sizes which regime prevails, for the shading of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minjax.report.study.evidence import REGIMES, Network

REACH = 2.0


def bands(networks: Sequence[Network]) -> list[tuple[float, float, str]]:
    """(low, high, regime) along the sizes of one family on one data set, smallest first; touching and exhaustive.

    At each size that was trained prevails the regime that most of the networks about it are in: those within a factor
    `REACH` of it either way. Where two are as common, the earlier (unstable before learning before overfitting).
    Between two sizes of different regimes the border is half way on a log axis; the first band begins at the smallest
    size and the last ends at the largest.
    """
    known = [network for network in networks if network.regime is not None]
    if not known:
        return []
    logs = np.log([network.num_params for network in known])
    places = np.array([REGIMES.index(str(network.regime)) for network in known])
    found: list[tuple[float, float, str]] = []
    sizes = np.unique(logs)
    borders = [sizes[0], *((sizes[1:] + sizes[:-1]) / 2), sizes[-1]]
    for size, low, high in zip(sizes, borders[:-1], borders[1:], strict=True):
        near = np.abs(logs - size) <= np.log(REACH) + 1e-9
        regime = REGIMES[int(np.bincount(places[near], minlength=len(REGIMES)).argmax())]
        if found and found[-1][2] == regime:
            low = np.log(found.pop()[0])
        found.append((float(np.exp(low)), float(np.exp(high)), regime))
    return found
