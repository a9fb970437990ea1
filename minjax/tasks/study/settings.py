"""The configuration of task=study: checked before anything is read or written, and turned into a grid of choices."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from minjax.config import SECTIONS_OF, check, plain
from minjax.config.kinds import MOST
from minjax.config.table import sections
from minjax.errors import UserError
from minjax.findings.minimal import LEAST_SEEDS
from minjax.findings.samples import Limits
from minjax.studies import families, grid
from minjax.studies.grid import Choice


def settle(config: ConfigDict) -> dict[str, Any]:
    """The configuration as plain JSON values, checked as far as that needs no data.

    Raises:
        UserError: an unknown name, a number out of range, an empty grid.
    """
    asked = sections(plain(config.to_dict()), SECTIONS_OF["study"])
    check(asked)
    _check_together(asked)
    choices(asked)
    return asked


def choices(asked: dict[str, Any]) -> list[Choice]:
    """The grid: each family with what is set for it alone, in every combination with the further axes.

    Raises:
        UserError: an empty grid, an axis that cannot be.
    """
    study = asked["study"]
    axes = grid.sweep([tuple(axis) for axis in study["axes"]]) if study["axes"] else []
    if not study["families"]:
        return axes or grid.sweep([])
    found: list[Choice] = []
    for name in study["families"]:
        fields = dict(study[name])
        own = dict(fields.pop("set"))
        family = grid.fixed(families.family(name, **fields), own)
        found += grid.product(family, axes) if axes else family
    return found


def limits(study: dict[str, Any]) -> Limits:
    """The tolerances of the definitions."""
    return Limits(**{name: study[name] for name in ("tolerance", "sigma", "gap", "margin")})


def seeds(asked: dict[str, Any]) -> list[int]:
    """The seeds of every point."""
    return [asked["seed"] + index for index in range(asked["study"]["seeds"])]


def _check_together(asked: dict[str, Any]) -> None:
    study = asked["study"]
    if study["extent"] == "knee" and study["seeds"] < LEAST_SEEDS:
        raise UserError(
            f"study.seeds is {study['seeds']}; it must be at least {LEAST_SEEDS} where study.extent='knee' looks for a "
            "minimal size"
        )
    if seeds(asked)[-1] > MOST:
        raise UserError(f"seed is {asked['seed']}; with study.seeds={study['seeds']} the last would be above {MOST}")
    if not asked["drop_last"]:
        raise UserError("drop_last=False is not for studies: every member takes the same steps; leave it True")
    if asked["early_stop"]:
        raise UserError("early_stop is not for studies: every member is trained for all its epochs; leave it 0")
    if not asked["dataset"]["validation_fraction"]:
        raise UserError(
            "dataset.validation_fraction is 0; it must be above 0 in a study, for example 0.2: sizes are chosen by the "
            "accuracy on validation images, because an accuracy on the test split that was chosen by is too high"
        )
    if asked["parallel"] == "pmap":
        raise UserError("parallel='pmap' is for one training; a study spreads its members over the devices itself")
