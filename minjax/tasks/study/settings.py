"""The configuration of task=study: checked before anything is read or written, and turned into a grid of choices."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
from minjax.studies.points import Point
from minjax.studies.rounds import FIRST_FRESH, Rules
from minjax.studies.variants import EPOCHS, LEARNING_RATE

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


def rules(asked: dict[str, Any]) -> Rules:
    """The order of the work."""
    study = asked["study"]
    names = ("extent", "coarse", "reach", "goal", "learning_rates", "tuning_seeds", "epoch_doublings", "fresh_seeds")
    return Rules(
        seeds=tuple(seeds(asked)),
        limits=limits(study),
        target=study["target_accuracy"],
        epochs=asked["epochs"],
        **{name: study[name] for name in names},
    )


def check_learning_rates(networks: Sequence[Point], order: Rules) -> None:
    """See that every network has a learning rate to tune.

    Raises:
        UserError: one has 0.
    """
    for point in networks:
        if order.learning_rates > 1 and not point.config["optimizer"]["learning_rate"]:
            raise UserError(
                f"optimizer.learning_rate is 0 for {point.name}; it must be above 0, because "
                f"study.learning_rates={order.learning_rates} tries rates below and above it"
            )


def _check_together(asked: dict[str, Any]) -> None:
    study = asked["study"]
    _check_question(study)
    if seeds(asked)[-1] > MOST:
        raise UserError(
            f"seed is {asked['seed']}; with study.seeds={study['seeds']} the last seed would be above {MOST}"
        )
    _check_order(asked)
    if not asked["drop_last"]:
        raise UserError("drop_last=False is not for studies: every member takes the same steps; leave it True")
    if asked["early_stop"]:
        raise UserError("early_stop is not for studies: every member is trained for all its epochs; leave it 0")
    if not asked["dataset"]["validation_fraction"]:
        raise UserError(
            "dataset.validation_fraction is 0; it must be above 0 in a study, for example 0.2: sizes are chosen by the "
            "accuracy on validation images, because a test accuracy that was used to choose is too high"
        )
    if asked["parallel"] == "pmap":
        raise UserError(
            "parallel='pmap' is for training one network; a study spreads its members over the devices itself"
        )


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


def _check_order(asked: dict[str, Any]) -> None:
    """See that the fields that say what is trained next go together."""
    study, axes = asked["study"], [field for field, _ in asked["study"]["axes"]]
    if study["learning_rates"] > 1:
        if study["tuning_seeds"] > study["seeds"]:
            raise UserError(
                f"study.tuning_seeds is {study['tuning_seeds']}; it must be at most study.seeds={study['seeds']}"
            )
        if LEARNING_RATE in axes:
            raise UserError(
                f"{LEARNING_RATE} is an axis of the study, and study.learning_rates={study['learning_rates']} tunes it "
                "for each network; use one of the two"
            )
    if study["epoch_doublings"] and EPOCHS in axes:
        raise UserError(
            f"epochs is an axis of the study, and study.epoch_doublings={study['epoch_doublings']} trains for more "
            "epochs around the answer; use one of the two"
        )
    last = asked["seed"] + FIRST_FRESH + study["fresh_seeds"] - 1
    if study["fresh_seeds"] and last > MOST:
        raise UserError(
            f"seed is {asked['seed']}; with study.fresh_seeds={study['fresh_seeds']} the last fresh seed, seed + "
            f"{FIRST_FRESH + study['fresh_seeds'] - 1}, would be above {MOST}"
        )
