"""The versions of each curve: which are measured, and in which order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from minjax.compress import FORMATS, Scheme, formats
from minjax.errors import UserError
from minjax.records.compression import TRAINED, Statistics, Version


def amounts(count: int) -> list[float]:
    """Evenly spaced fractions from 0 to 1; 21 of them are the paper's steps of 5 %.

    Raises:
        UserError: fewer than 2.
    """
    if count < 2:
        raise UserError(f"prune.amounts is {count}; it must be at least 2: the first amount is 0 and the last is 1")
    return [float(amount) for amount in np.linspace(0, 1, count)]


def pruning(
    methods: Iterable[str], amounts: Sequence[float], statistics: Sequence[Statistics], exclude: tuple[str, ...] = ()
) -> list[Version]:
    """A curve over the amounts for each method and each choice of batch-norm statistics."""
    return [
        Version(curve="pruning", method=method, amount=amount, exclude=exclude, batch_norm=batch_norm)
        for method, batch_norm, amount in itertools.product(methods, statistics, amounts)
    ]


def quantization(
    bits: Iterable[int],
    schemes: Iterable[str],
    statistics: Sequence[Statistics],
    activation_bits: int | None = None,
) -> list[Version]:
    """The unquantized network, then a curve over the bits for each scheme; a format is one version, at its own bits."""
    versions = [
        Version(curve="quantization", batch_norm=batch_norm, activation_bits=activation_bits)
        for batch_norm in statistics
    ]
    for scheme, batch_norm in itertools.product(schemes, statistics):
        widths = [formats.bits(scheme)] if scheme in FORMATS else bits
        versions += [
            Version(curve="quantization", bits=b, scheme=scheme, batch_norm=batch_norm, activation_bits=activation_bits)
            for b in widths
        ]
    return versions


def joint(
    method: str,
    amounts: Sequence[float],
    bits: Iterable[int | None],
    scheme: str,
    batch_norm: Statistics = TRAINED,
) -> list[Version]:
    """The grid of amounts and bits; None among the bits gives the unquantized row."""
    return [
        Version(
            curve="joint",
            method=method,
            amount=amount,
            bits=b,
            scheme=None if b is None else scheme,
            batch_norm=batch_norm,
        )
        for b, amount in itertools.product(bits, amounts)
    ]


def sensitivity(
    leaves: Iterable[str],
    method: str,
    amounts: Sequence[float],
    bits: Iterable[int],
    scheme: str,
    batch_norm: Statistics = TRAINED,
) -> list[Version]:
    """Each leaf on its own: pruned by each amount, and quantized to each number of bits."""
    versions = []
    for leaf in leaves:
        versions += [
            Version(curve="sensitivity", method=method, amount=amount, layer=leaf, batch_norm=batch_norm)
            for amount in amounts
        ]
        versions += [
            Version(curve="sensitivity", bits=b, scheme=scheme, layer=leaf, batch_norm=batch_norm) for b in bits
        ]
    return versions


def parse_scheme(name: str) -> Scheme | str:
    """The scheme that a name such as "symmetric_channel_minmax" stands for, or the name itself if it is a format's.

    Raises:
        UserError: the name is neither.
    """
    if name in FORMATS:
        return name
    parts = name.split("_")
    if len(parts) == 3 and parts[0] in ("symmetric", "asymmetric") and parts[1] in ("channel", "tensor"):
        return Scheme(parts[0] == "symmetric", parts[1] == "channel", parts[2])
    raise UserError(
        f"unknown quantization scheme {name!r}; known: (symmetric|asymmetric)_(channel|tensor)_(minmax|percentile|mse) "
        f"and the formats {', '.join(FORMATS)}"
    )
