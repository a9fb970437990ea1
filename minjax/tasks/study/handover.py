"""What a study ends with: its winner trained as a run of its own, and the test split, used once for what was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from minjax.findings import sentences
from minjax.findings import winner as choice
from minjax.findings.screen import screen
from minjax.findings.words import count, plural
from minjax.records.compressed import Scored
from minjax.records.finding import Findings
from minjax.records.study import MemberRecord, StudySummary
from minjax.records.winner import Finalist, Finish, Winner
from minjax.studies.points import Member, Point
from minjax.tasks.signals import Stop
from minjax.tasks.study import compressing, winner
from minjax.tasks.study.plan import Plan
from minjax.tasks.study.programs import Programs
from minjax.tasks.study.testing import Outcome, outcomes


class Handover:
    """The last stages of a study. Each finds out for itself what an earlier process has done.

    Args:
        plan: of the study, which has trained what it wants to train.
        programs: those of its groups.
        directory: the study's.
        members: all its records.
        stop: asked between dispatches.
    """

    def __init__(self, plan: Plan, programs: Programs, directory: Path, members: Sequence[MemberRecord], stop: Stop):
        self.plan, self.programs, self.directory, self.stop = plan, programs, directory, stop
        self.networks = choice.networks(members)
        points = {one.point: plan.point_of(one) for one in members}
        self.points: Mapping[str, Point] = {name: point for name, point in points.items() if point is not None}

    def member(self, found: Findings) -> MemberRecord | None:
        """The member that is handed over; None where no seed of the network completed."""
        return choice.best_member(self.networks.get(found.chosen.point, []))

    def run(self, found: Findings, member: MemberRecord) -> Winner | None:
        """Train the winner, and test it and what stands beside it; None when told to stop.

        Args:
            found: of the study.
            member: the one that is handed over.

        Raises:
            UserError: the winner's directory holds another run.
        """
        point = self.points[member.point]
        directory = self.directory / winner.DIRECTORY
        config = winner.configuration(point, member.seed, f"{self.plan.config['name']}-winner")
        print(f"training the winner, {point.name} with seed {member.seed}, as a run of its own", flush=True)
        summary = winner.trained(config, directory, self.stop)
        if summary is None:
            return None
        sizes = {"validation": self.plan.partitions.sizes["validation"], "test": len(self.plan.dataset.test)}
        own = winner.accuracies(directory, sizes, member)
        print("compressing it", flush=True)
        files = compressing.compressed(directory, self.plan.study, own["validation"].score)
        if files is None:
            return None
        file, plain = files.file, files.plain
        roles = self._roles(found, file.bytes)
        first = self._finalist(roles.pop(point.id), member, own["validation"], own["test"])
        first = msgspec.structs.replace(first, bytes=plain.bytes_measured)
        others = self._tested(roles)
        if others is None:
            return None
        together = self._together(Member(point, member.seed, member.fresh))
        notes = (*self._notes(member, files), *winner.compared(member, own["validation"], together))
        demand = self.plan.demand(point)
        return Winner(
            path=winner.DIRECTORY,
            point=point.id,
            name=point.name,
            family=point.family,
            num_params=point.num_params,
            learning_rate=config["optimizer"]["learning_rate"],
            epochs=config["epochs"],
            seed=member.seed,
            fresh=member.fresh,
            over_seeds=choice.over_seeds(self.networks[point.id]),
            validation=own["validation"],
            test=own["test"],
            member_accuracy=member.final.share_correct,  # type: ignore[union-attr]
            bits=self.plan.study["deploy_bits"],
            bytes=plain.bytes_measured,
            packed=f"{winner.DIRECTORY}/{compressing.DIRECTORY}/{file.path}",
            macs=demand.macs,
            peak_ram_bytes=demand.ram_bytes,
            command=winner.command(config),
            compressed=file,
            finalists=(first, *others),
            notes=notes,
        )

    def _roles(self, found: Findings, limit: int) -> dict[str, tuple[Finish, ...]]:
        """The points that are tested, each with what it is tested as.

        Args:
            found: of the study.
            limit: bytes of the compressed winner.
        """
        packed = {point: self.plan.demand(self.points[point]).bytes for point in self.networks}
        roles: dict[str, tuple[Finish, ...]] = {}
        for role, point in choice.finalists(found, self.networks, packed, limit, len(self.plan.seeds)).items():
            roles[point] = (*roles.get(point, ()), role)
        return roles

    def _tested(self, roles: Mapping[str, tuple[Finish, ...]]) -> list[Finalist] | None:
        """The networks that are tested beside the winner, each trained again from its best seed; None: told to stop."""
        if roles:
            print(f"testing {plural(len(roles), 'other network')}, once", flush=True)
        found = []
        for point, own in roles.items():
            member = choice.best_member(self.networks[point])
            assert member is not None
            tested = list(self._outcomes(Member(self.points[point], member.seed, member.fresh)))
            if not tested:
                return None
            found.append(self._finalist(own, member, *self._scored(member, tested[0])))
        return found

    def _outcomes(self, member: Member) -> Iterator[Outcome | None]:
        return outcomes(self.programs[self.plan.group(member)], [member], self.plan.dataset.test, self.stop)

    def _scored(self, member: MemberRecord, outcome: Outcome | None) -> tuple[Scored, Scored]:
        """The accuracies of a member on its validation images and on the test split; guessing if it diverged."""
        found = []
        test = self.plan.dataset.test.labels
        for name, labels in (("validation", self.plan.partitions.labels(member.seed)), ("test", test)):
            if outcome is None:
                accuracy, score = self.plan.dataset.chance(), self.plan.partitions.chance
            else:
                right = getattr(outcome, name)
                accuracy, score = float(right.mean()), self.plan.partitions.score(right, labels)
            found.append(winner.over_images(accuracy, len(labels), score if self.plan.partitions.balanced else None))
        return found[0], found[1]

    def _finalist(self, roles: tuple[Finish, ...], member: MemberRecord, validation: Scored, test: Scored) -> Finalist:
        point = self.points[member.point]
        return Finalist(
            roles=roles,
            point=point.id,
            name=point.name,
            num_params=point.num_params,
            learning_rate=point.config["optimizer"]["learning_rate"],
            epochs=point.config["epochs"],
            seed=member.seed,
            validation=validation,
            test=test,
            bytes=self.plan.demand(point).bytes,
        )

    def _together(self, member: Member) -> bool:
        return self.programs[self.plan.group(member)].population.together

    def _notes(self, member: MemberRecord, files: compressing.Compressed) -> tuple[str, ...]:
        notes, limit, size = [], self.plan.study["max_bytes"], files.plain.bytes_measured
        if limit is not None and size > limit:
            notes.append(
                f"its packed file has {count(size)} bytes, more than study.max_bytes={count(limit)}: the names in it "
                "are longer than was predicted"
            )
        if not files.keeps:
            notes.append("no compressed file keeps the accuracy: the one handed over is the one that loses least")
        if not member.fresh:
            notes.append(
                "no seeds were trained after the choice: the winner's seed is the best of those that it was chosen by, "
                "so its validation accuracy is somewhat too high"
            )
        return tuple(notes)


def hands_over(study: dict[str, Any]) -> bool:
    """Whether a study ends with a winner: one that looks for the smallest network, or trains fresh seeds."""
    return study["extent"] == "knee" or study["fresh_seeds"] > 0


def conclusion(summary: StudySummary, directory: Path, config: dict[str, Any]) -> str:
    """What the console says of a study: the screen with its winner, or its answer and certificates, a line a sentence.

    Args:
        summary: of the study.
        directory: the study's.
        config: the study's.
    """
    if summary.winner is not None:
        return "\n".join(screen(summary, directory, config))
    found = summary.findings
    said = [sentences.certificate(one) for one in found.certificates]
    if len(said) > 1:
        said = [[sentences.headline(found), *sentences.details(found.minimal)], *said]
    return "\n".join("\n  ".join(lines) for lines in said)
