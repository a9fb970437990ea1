"""What to use for each task, and the claims of paper 2 on each data set: the summing up of one study or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minjax.findings import sentences, tables
from minjax.findings.claims import by_dataset
from minjax.findings.guidance import guidance
from minjax.findings.samples import Sample, repeated, samples
from minjax.findings.words import listed, plural, points
from minjax.records.finding import Claim
from minjax.records.study import Study
from minjax.report.formats import ABSENT, plain
from minjax.report.page import Block, Note, Section, Table
from minjax.report.study.results import Results, questions, summary
from minjax.report.study.tables import VERDICTS, value_and_interval

MEANING = (
    "For a required accuracy: the smallest network of the grid that reaches it, the fewest bits per weight that are "
    "enough for each of its seeds, and the share of its kernel weights that can be set to zero (mean over seeds and "
    "its 95 % interval). Bits and pruning are each measured alone, without training afterwards, and must keep the "
    "accuracy within {} of the network's own. The last column has, for each other depth of its family, the smallest "
    "size that is accurate enough, without an interval."
)
ON_EACH = (
    "Each claim tested on each data set alone, and on all together as below. Claim 7 compares data sets: of one alone "
    "only its first half, smaller networks, can be seen, and no verdict follows. Numbers are those of the first family "
    "with that verdict."
)


def section(results: Results) -> Section:
    """The guidance on each data set, with the conditions under which it was found."""
    blocks: list[Block] = [MEANING.format(points(results.limits.tolerance))]
    found = _samples(results)
    several = len(results.findings.answers) > 1
    for answers in results.findings.answers:
        rows = tables.guidance(guidance(answers, found, results.limits))
        if rows:
            align = "rr" + "l" * (len(tables.GUIDANCE_HEADINGS) - 2)
            blocks.append(Table(tables.GUIDANCE_HEADINGS, rows, align, caption=answers.dataset if several else ""))
        said = [sentences.grid(answers.near_best), *_trained(results.studies, answers.dataset)]
        blocks.append(Note(" ".join(said)))
    return Section("What to use", blocks)


def _samples(results: Results) -> list[Sample]:
    return samples(repeated(member for study in results.studies for member in study.members))


def _trained(studies: Sequence[Study], dataset: str) -> list[str]:
    """How the networks on a data set were trained, pruned and quantized, a sentence each."""
    said = []
    for study in studies:
        if summary(study).dataset == dataset:
            images = ((study.config.get("data") or {}).get("sizes") or {}).get("train")
            on = "" if images is None else f", on {plural(images, 'image')}"
            said += [f"{', '.join(one)}: {text}{on}." for one, text in _ways(study).items()]
            kinds = {(member.curves.method, member.curves.scheme) for member in study.members if member.curves}
            said += [f"Pruned by {method}, quantized by {scheme}." for method, scheme in sorted(kinds)]
    return said


def _ways(study: Study) -> dict[tuple[str, ...], str]:
    """Families -> the epochs, optimizers and learning rates of their networks."""
    by_family: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for way in summary(study).training:
        by_family.setdefault(tuple(way.families), []).append(way.settings)
    said = {}
    for families, ways in by_family.items():
        epochs, optimizer, rate = (
            listed([plain(one) for one in sorted({way[field] for way in ways if field in way})] or [ABSENT], "or")
            for field in ("epochs", "optimizer.name", "optimizer.learning_rate")
        )
        said[families] = f"{epochs} epochs of {optimizer} with a learning rate of {rate}"
    return said


def claims_by_dataset(results: Results) -> list[Block]:
    """A row for each claim, with its verdict on each data set and on all together; nothing for a single data set."""
    if len(results.findings.answers) < 2:
        return []
    asked = questions(results.studies)
    found = [one for one in _samples(results) if one.first_seeds >= asked[one.dataset].seeds]
    alone = by_dataset(found, results.limits, asked)
    together = results.findings.claims
    rows = []
    for place, claim in enumerate(together):
        cells = [_verdict(claims[place]) for claims in alone.values()]
        rows.append((f"{claim.number} {claim.part}".strip(), claim.statement, *cells, _verdict(claim)))
    return [ON_EACH, Table(("", "claim", *alone, "together"), rows)]


def _verdict(claim: Claim) -> str:
    value, interval = value_and_interval(claim.statistic.value, claim.interval)
    known = "" if value == ABSENT else f": {value}" + ("" if interval == ABSENT else f" ({interval})")
    return VERDICTS[claim.verdict] + known
