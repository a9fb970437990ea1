"""The test split, used once: when a study is complete, the networks that it chose are evaluated on it.

The weights of members are not kept: a study would leave gigabytes of which three networks are wanted. The chosen ones
are trained again from their seeds instead, by the program that trained them, which gives the same numbers (one after
the other to the last bit; side by side to rounding, as their company is another).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from minjax.data import Split
from minjax.findings.certificate import chosen
from minjax.findings.intervals import share
from minjax.findings.samples import Sample
from minjax.records.finding import Certificate, OnTest, Role
from minjax.studies.points import Member
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.program import Program
from minjax.tasks.study.programs import Programs
from minjax.train.evaluate import run_batches
from minjax.train.member import Partition
from minjax.train.state import TrainState

BATCH = 500  # images at a time


def tested(
    plan: Plan,
    programs: Programs,
    certificates: Sequence[Certificate],
    found: Sequence[Sample],
    stop: Callable[[], bool],
) -> list[Certificate] | None:
    """The certificates with the accuracies of their networks on the test split; None when told to stop.

    Args:
        plan: of a complete study.
        programs: those of its groups.
        certificates: of its findings.
        found: the samples of its members.
        stop: asked between dispatches.
    """
    result = []
    for certificate in certificates:
        own = [one for one in found if (one.dataset, one.family) == (certificate.dataset, certificate.family)]
        networks = chosen(certificate.minimal, own)
        records = [_tested(plan, programs, role, sample, stop) for role, sample in networks.items()]
        if stop():
            return None
        result.append(msgspec.structs.replace(certificate, tested=tuple(one for one in records if one)))
    return result


def _tested(plan: Plan, programs: Programs, role: Role, sample: Sample, stop: Callable[[], bool]) -> OnTest | None:
    point = plan.point_of(sample.members[0])
    assert point is not None
    members = [Member(point, seed) for seed in sample.seeds]
    found = list(outcomes(programs[plan.group(members[0])], members, plan.dataset.test, stop))
    if len(found) < len(members):
        return None
    images, labels, partitions = len(plan.dataset.test), plan.dataset.test.labels, plan.partitions
    chance = plan.dataset.chance()
    accuracy = float(np.mean([chance if one is None else one.test.mean() for one in found]))
    scores = [partitions.chance if one is None else partitions.score(one.test, labels) for one in found]
    own = [
        partitions.chance if one is None else partitions.score(one.validation, partitions.labels(seed))
        for seed, one in zip(sample.seeds, found, strict=True)
    ]
    return OnTest(
        role=role,
        point=sample.point,
        name=sample.name,
        num_params=sample.num_params,
        accuracy=accuracy,
        interval=share(accuracy * images, images).interval,
        images=images,
        seeds=len(found),
        validation_accuracy=float(np.mean(own)),
        balanced=float(np.mean(scores)) if partitions.balanced else None,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What a member classifies correctly: bool [images], of the test split and of its validation images."""

    test: np.ndarray
    validation: np.ndarray


def outcomes(
    program: Program, members: Sequence[Member], test: Split, stop: Callable[[], bool]
) -> Iterator[Outcome | None]:
    """What members classify correctly after training them again; None for one that diverges.

    Args:
        program: of their group.
        members: which.
        test: the test split.
        stop: asked between dispatches; fewer outcomes follow when told to stop.
    """
    correct, held = _evaluation(program, test), program.population.sizes["validation"]
    for first in range(0, len(members), program.capacity):
        some = members[first : first + program.capacity]
        parts = program.partitions.of(member.seed for member in some)
        for trained in program.networks(some, stop, purpose="-tested"):
            for index, slot in enumerate(program.population.slots(trained.first, trained.count)):
                if trained.history.bad_step[index] >= 0:
                    yield None
                    continue
                state = jax.tree.map(lambda x: np.asarray(x[slot]), trained.carry.state)  # noqa: B023
                part = jax.tree.map(lambda x: x[trained.first + index], parts)  # noqa: B023
                right = np.unpackbits(np.asarray(trained.history.images[index], np.uint8), count=held)
                yield Outcome(correct(state, part), right.astype(bool))


def _evaluation(program: Program, test: Split) -> Callable[[TrainState, Partition], np.ndarray]:
    """Which test images a member classifies correctly, as one compiled program."""
    size, batch = len(test), min(BATCH, len(test))

    @jax.jit
    def run(state: TrainState, part: Partition, images: jax.Array, labels: jax.Array) -> jax.Array:
        predicted, _ = run_batches(
            {"params": state.params, **state.model_state},
            jnp.zeros(size, jnp.int32),
            jnp.zeros(()),
            images,
            labels,
            jnp.int32(0),
            jnp.int32(-(-size // batch)),
            apply=program.model.apply,
            inputs=part.inputs(program.inputs),
            batch_size=batch,
        )
        return predicted == labels

    images, labels = jax.device_put((test.images, test.labels))
    return lambda state, part: np.asarray(run(state, part, images, labels))
