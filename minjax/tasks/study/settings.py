"""The configuration of task=study: checked before anything is read or written, and turned into a grid of choices."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from minjax.compress import FORMATS
from minjax.curves import versions
from minjax.curves.population import METHODS
from minjax.errors import UserError, unknown
from minjax.findings.minimal import LEAST_SEEDS as LEAST_SEEDS_OF_A_SIZE
from minjax.findings.samples import LEAST_SEEDS, Limits
from minjax.studies import grid
from minjax.studies.grid import Choice
from minjax.tasks import resolve

EXTENTS = ("all", "knee")
EXECUTORS = ("local", "ray")
CURVES = ("equal", "all", "none")


def settle(config: ConfigDict) -> dict[str, Any]:
    """The configuration as plain JSON values, checked as far as that needs no data.

    Raises:
        UserError: an unknown name, a number out of range, an empty grid.
    """
    asked = resolve.plain(config.to_dict())
    for other in ("prune", "quantize", "compress", "distributed"):  # of other tasks; of this process alone
        asked.pop(other)
    study = asked["study"]
    _check_numbers(study)
    _check_curves(study)
    if study["executor"] not in EXECUTORS:
        raise unknown("study.executor", study["executor"], EXECUTORS)
    if study["extent"] not in EXTENTS:
        raise unknown("study.extent", study["extent"], EXTENTS)
    for family in study["families"]:
        if family not in grid.FAMILIES:
            raise unknown("family of a study", family, grid.FAMILIES)
    if not asked["drop_last"]:
        raise UserError("drop_last=False is not for studies: every member takes the same steps; leave it True")
    if asked["early_stop"]:
        raise UserError("early_stop is not for studies: every member is trained for all its epochs; leave it 0")
    if asked["dataset"]["validation_fraction"]:
        raise UserError("dataset.validation_fraction is not for studies: they report on the test split; leave it 0")
    if asked["parallel"] == "pmap":
        raise UserError("parallel='pmap' is for one training; a study spreads its members over the devices itself")
    choices(asked)
    return asked


def choices(asked: dict[str, Any]) -> list[Choice]:
    """The grid: of each family with what is set for it alone, and every combination with the further axes.

    Raises:
        UserError: an empty grid, an axis that cannot be.
    """
    study = asked["study"]
    axes = grid.sweep([tuple(axis) for axis in _pairs("study.axes", study["axes"])]) if study["axes"] else []
    if not study["families"]:
        return axes or grid.sweep([])
    found: list[Choice] = []
    for name in study["families"]:
        fields = dict(study[name])
        own = dict(_pairs(f"study.{name}.set", fields.pop("set")))
        family = grid.fixed(grid.family(name, **fields), own)
        found += grid.product(family, axes) if axes else family
    return found


def limits(study: dict[str, Any]) -> Limits:
    """The tolerances of the definitions."""
    return Limits(**{name: study[name] for name in ("tolerance", "sigma", "gap", "margin")})


def seeds(asked: dict[str, Any]) -> list[int]:
    """Of every point."""
    return [asked["seed"] + place for place in range(asked["study"]["seeds"])]


def _pairs(field: str, pairs: list[Any]) -> list[list[Any]]:
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise UserError(f"{field} has {pair!r}; it is made of pairs such as ('optimizer.learning_rate', ...)")
    return pairs


def _check_numbers(study: dict[str, Any]) -> None:
    if study["seeds"] < LEAST_SEEDS:
        raise UserError(
            f"study.seeds is {study['seeds']}; a deviation over seeds needs at least {LEAST_SEEDS}, and a minimal "
            f"size {LEAST_SEEDS_OF_A_SIZE}"
        )
    if study["extent"] == "knee" and study["seeds"] < LEAST_SEEDS_OF_A_SIZE:
        raise UserError(
            f"study.seeds is {study['seeds']}; study.extent='knee' looks for a minimal size, which needs at least "
            f"{LEAST_SEEDS_OF_A_SIZE}"
        )
    for field, least in {"coarse": 1, "reach": 1, "programs": 1}.items():
        if study[field] < least:
            raise UserError(f"study.{field} is {study[field]}; it must be at least {least}")
    for field in ("budget_minutes", "curve_images", "workers"):
        if study[field] is not None and not study[field] > 0:
            raise UserError(f"study.{field} is {study[field]}; it must be greater than 0, or None")
    for field in ("tolerance", "sigma", "gap", "margin"):
        if not 0 < study[field] < 1:
            raise UserError(f"study.{field} is {study[field]}; it is a fraction of accuracy, greater than 0, below 1")


def _check_curves(study: dict[str, Any]) -> None:
    if study["curves"] not in CURVES:
        raise unknown("study.curves", study["curves"], CURVES)
    if study["prune_method"] not in METHODS:
        raise unknown("study.prune_method", study["prune_method"], METHODS)
    versions.amounts(study["amounts"])
    if study["scheme"] in FORMATS:
        raise UserError(f"study.scheme is {study['scheme']!r}, a format of one width; a curve over bits needs a scheme")
    versions.parse_scheme(study["scheme"])
    for bits in study["bits"]:
        if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 16:
            raise UserError(f"study.bits has {bits!r}; bits are integers from 1 to 16")
    if list(study["bits"]) != sorted(set(study["bits"]), reverse=True):
        raise UserError(f"study.bits is {study['bits']}; give each once, the most first")
