"""The configuration of task=study: checked before anything is read or written, and turned into a grid of choices."""

from __future__ import annotations

import dataclasses
from typing import Any

from ml_collections import ConfigDict

from minjax.config import SECTIONS_OF, check, plain
from minjax.config.kinds import MOST
from minjax.config.table import sections
from minjax.errors import UserError
from minjax.findings.samples import Aim, Limits
from minjax.findings.words import listed
from minjax.studies import families, grid
from minjax.studies.grid import Choice

BUDGETS = ("max_params", "max_bytes", "max_ram_bytes", "max_macs")


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
    return Limits(**{field.name: study[field.name] for field in dataclasses.fields(Limits)})


def aim(study: dict[str, Any]) -> Aim:
    """What the study is to find."""
    return Aim(**{field.name: study[field.name] for field in dataclasses.fields(Aim)})


def seeds(asked: dict[str, Any]) -> list[int]:
    """The seeds of every point."""
    return [asked["seed"] + index for index in range(asked["study"]["seeds"])]


def _check_together(asked: dict[str, Any]) -> None:
    study = asked["study"]
    _check_question(study)
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


def _check_question(study: dict[str, Any]) -> None:
    """See that the study has one question: the smallest network, or the most accurate within limits."""
    if study["goal"] == "smallest":
        return
    if study["target_accuracy"] is not None:
        raise UserError(
            f"study.goal='most_accurate' asks for the best network within limits, study.target_accuracy="
            f"{study['target_accuracy']:g} for the smallest that reaches it; set one of the two"
        )
    if all(study[name] is None for name in BUDGETS):
        raise UserError(
            "study.goal is 'most_accurate' without a limit; it needs at least one of "
            f"{listed([f'study.{name}' for name in BUDGETS], 'or')}"
        )
