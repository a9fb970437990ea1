"""What a study will take, predicted: its stages, programs and minutes. A guess, from the cost of a matrix product."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from minjax.errors import UserError
from minjax.findings.words import capital, duration, plural
from minjax.studies import climb
from minjax.studies.order import coarse
from minjax.studies.points import Member, Point, distinct, has_curves, table
from minjax.tasks.study import demands
from minjax.tasks.study.plan import Plan

ABOUT = 6  # networks about an answer that are trained for more epochs: a guess
STATED = 3  # networks that get fresh seeds: the answer, the next smaller one, the best


@dataclasses.dataclass(frozen=True)
class Predicted:
    """One stage.

    Attributes:
        networks: of the stage.
        members: of all of them.
        programs: that are compiled for it.
        seconds: of training and compiling.
    """

    stage: str
    networks: int
    members: int
    programs: int
    seconds: float


def members_of_a_network(plan: Plan) -> int:
    """How many members each network has before its fresh seeds, if no further learning rate is tried."""
    rules = plan.rules
    if rules.learning_rates == 1:
        return len(rules.seeds)
    return rules.learning_rates * rules.tuning_seeds + len(rules.seeds) - rules.tuning_seeds


def predicted(plan: Plan) -> list[Predicted]:
    """The stages, as far as they can be known before anything is trained."""
    rules, first = plan.rules, coarse(plan.points, plan.rules.coarse)[0]
    most, least = _trained(plan, "", first), _trained(plan, "", _least(first))
    about = sorted(first, key=lambda point: plan.seconds([Member(point, 0)]))[: max(1, 2 * len(first) // 3)][-1]
    if rules.extent == "knee":
        stages = [
            dataclasses.replace(least, stage="climb, at least"),
            dataclasses.replace(most, stage="climb, at most"),
        ]
    else:
        stages = [dataclasses.replace(most, stage="coarse")]
    count = 2 * rules.reach * max(1, math.ceil(math.log2(rules.coarse)))
    stages.append(_about(plan, "refinement", about, count, members_of_a_network(plan), 0, 1.0))
    if rules.extent == "all":
        rest = [point for point in plan.networks if point.id not in {one.id for one in first}]
        stages.append(_trained(plan, "rest", rest))
    for doubling in range(1, rules.epoch_doublings + 1):
        name = f"{rules.epochs * 2**doubling} epochs"
        stages.append(_about(plan, name, about, ABOUT, len(rules.seeds), 2, 2.0**doubling))
    if rules.fresh_seeds:
        stages.append(_about(plan, "fresh", about, STATED, rules.fresh_seeds, STATED, 1.0))
    return stages


def describe(plan: Plan) -> None:
    """Print the dry run: points, parameters, programs, stages and the predicted time."""
    print("\n".join(table(plan.points, plan.demand)))
    if plan.left_out:
        print(demands.said(plan.left_out))
    curves = sum(has_curves(same[0], plan.study["curves"]) for same in distinct(plan.points).values())
    print(
        f"{plural(len(plan.seeds), 'seed')} each; {plural(len(plan.groups), 'program')} for the whole grid; "
        f"{plural(curves, 'network')} with curves"
    )
    print("predicted:")
    for one in predicted(plan):
        compiled = f", {plural(one.programs, 'program')} compiled" if one.programs else ""
        print(
            f"  {one.stage}: {plural(one.networks, 'network')}, {plural(one.members, 'member')}{compiled}; "
            f"{duration(one.seconds)}"
        )
    if plan.rules.extent == "knee":
        print(f"{capital(climb.rule(plan.rules.at_target))}.")
    print(
        "What comes after the first stage depends on the answer and is a guess; times are guessed from a matrix "
        f"product at {plan.machine.throughput / 1e9:.0f} GFLOP/s on this machine."
    )


def check_budget(plan: Plan) -> None:
    """See that the first stage fits into the budget. What the machines of a cluster elsewhere take is not known.

    Raises:
        UserError: it most likely does not.
    """
    budget = plan.study["budget_minutes"]
    if budget is None or (plan.study["executor"] == "ray" and plan.study["ray_address"]):
        return
    first = predicted(plan)[0]
    if first.seconds > 60 * budget:
        raise UserError(
            f"study.budget_minutes is {budget:g}; the first stage alone ({first.stage}: "
            f"{plural(first.networks, 'network')}, {plural(first.members, 'member')}) needs about "
            f"{first.seconds / 60:.1f} minutes or more"
        )


def _least(first: Sequence[Point]) -> list[Point]:
    """The networks that a climb begins with."""
    return [point for ladder in climb.ladders(first) for point in ladder.climb()]


def _trained(plan: Plan, stage: str, points: Sequence[Point]) -> Predicted:
    """Points of the grid with all that each of them asks for."""
    each = members_of_a_network(plan)
    groups = {group.name: group for point in points for group in [plan.group(Member(point, 0))]}
    seconds = each * plan.seconds(Member(point, 0) for point in points)
    compiling = sum(group.compile_seconds for group in groups.values())
    return Predicted(stage, len(points), each * len(points), len(groups), seconds + compiling)


def _about(plan: Plan, stage: str, point: Point, networks: int, each: int, programs: int, longer: float) -> Predicted:
    """So many networks that are taken to cost what `point` does, times `longer`."""
    group = plan.group(Member(point, 0))
    seconds = networks * each * group.seconds * longer + programs * group.compile_seconds
    return Predicted(stage, networks, networks * each, programs, seconds)
