"""The page of a study, or of several together: what it shows, in its order; and the writing of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from minjax.errors import UserError
from minjax.findings import convergence, regimes, sentences
from minjax.findings import resilience as plateaus
from minjax.findings.words import plural, points
from minjax.records.finding import Findings
from minjax.records.study import MEMBERS, SUMMARY, Study, read_studies, read_study
from minjax.report import page as pages
from minjax.report.formats import count
from minjax.report.page import Block, Fold, Note, Page, Picture, Section, Table
from minjax.report.provenance import provenance_table, settings_section
from minjax.report.study import accuracy, answers, families, guidance, learning, resilience, tables
from minjax.report.study.results import Results, gather, study_name, summary

CSV = "points.csv"
PICTURES = (
    "staircase.png",
    "envelope.png",
    "accuracy.png",
    "families.png",
    "learning.png",
    "pruning.png",
    "quantization.png",
    "resilience.png",
)
MOST_ROWS = 120  # of the table of networks in report.md
OPEN_ROWS = 40  # up to this many networks, the page shows their table without being asked
SELECTION = {
    "validation": (
        "Accuracies are those of validation images after the last epoch: images of the training set that a network was "
        "not trained on, different ones for each seed. The test split has no part in them, nor in any choice; it "
        "is used once, when everything is chosen."
    ),
    "test": (
        "Accuracies are those of the test split after the last epoch, and everything here is chosen on test: what is "
        "chosen is somewhat less accurate on new images."
    ),
}
BANDS = (
    "A band is shaded by the regime that most of the networks within a factor of two of a size are in; of two equally "
    "common ones, by the earlier."
)


def write(directory: Path | str) -> Path:
    """Write the report of a study from its records alone into ``<directory>/report/``.

    Files: a picture for each kind of curve (accuracy.png, families.png, learning.png, pruning.png, quantization.png,
    resilience.png), points.csv (a row for each network), report.md and index.html, each replaced atomically. The page
    says what was not measured, and a picture that an earlier report left of it is removed.

    Args:
        directory: a study's, with a study.json.

    Returns:
        The path of index.html.

    Raises:
        UserError: not such a directory, an unfinished study, a damaged record, no space or no permission.
    """
    study = read_study(directory)
    _check_finished(study)
    results = gather([study], summary(study).findings)
    return _write(results, study.path / "report", f"Study {study_name(study)}")


def write_together(
    directory: Path | str, studies: Sequence[Study], findings: Findings, *, absent: Sequence[str] = ()
) -> Path:
    """Write one page over several studies into `directory`: the files of `write`.

    Args:
        directory: where to write; made if need be.
        studies: as `records.study.read_studies` has them; of a network that two trained with one seed, the later
            counts.
        findings: over the members of all of them together.
        absent: data sets that were asked for and are not on the page, each with the reason.

    Returns:
        The path of index.html.

    Raises:
        UserError: an unfinished study, studies with different tolerances, or as `write`.
    """
    for study in studies:
        _check_finished(study)
    name = f"Study {study_name(studies[0])}" if len(studies) == 1 else f"{len(studies)} studies together"
    return _write(gather(studies, findings), Path(directory), name, absent)


def read_finished(directories: Sequence[Path | str]) -> list[Study]:
    """Read several studies for one page, all of them finished: completed, or stopped with a study.json that says so.

    Raises:
        UserError: no directory, an unfinished study, different data under one name, or a damaged record.
    """
    studies = read_studies(directories)
    for study in studies:
        _check_finished(study)
    return studies


def _check_finished(study: Study) -> None:
    if study.summary is None:
        raise UserError(
            f"{study.path} is not finished: it has no {SUMMARY} ({plural(len(study.members), 'member')} in {MEMBERS}); "
            "the command that started it resumes it"
        )
    if not study.members:
        raise UserError(f"{study.path} has a {SUMMARY}, but no member in {MEMBERS}")


def _write(results: Results, folder: Path, title: str, absent: Sequence[str] = ()) -> Path:
    return pages.write(
        page(results, title, absent), folder, pictures=PICTURES, files={CSV: tables.networks_csv(results.networks)}
    )


def page(results: Results, title: str, absent: Sequence[str] = ()) -> Page:
    """The page over finished studies; `absent` names data sets that are not on it, each with the reason."""
    studies = results.studies
    ended = [summary(study).status for study in studies if summary(study).status != "completed"]
    note = Note(f"{SELECTION[results.selection]} All are mean ± standard deviation over seeds.")
    return Page(
        title=title,
        status=ended[0] if ended else "completed",
        status_text="not completed" if ended else "completed",
        warnings=[
            f"Some of the planned networks are missing: {study_name(study)} ({study.path}) was "
            f"{tables.STATUSES[summary(study).status]}. Everything below is about the networks that were trained."
            for study in studies
            if summary(study).status != "completed"
        ]
        + [f"Not run: {one}." for one in absent],
        tiles=answers.tiles(results),
        sections=[
            Section("", [*answers.opening(results), note]),
            *_answer_sections(results),
        ],
        evidence=[
            Section("Families", [" ".join(sentences.certificate(one)) for one in results.certificates]),
            *_curve_sections(results),
            _claims(results),
            Section("Networks", _networks(results)),
            Section("Training", _training(studies)),
            Section("Conditions", [tables.conditions(studies)]),
            *([settings_section(studies[0].config)] if len(studies) == 1 else []),
            Section("Provenance", _provenance(studies)),
        ],
        wide=True,
    )


def _answer_sections(results: Results) -> list[Section]:
    """Parameters over required accuracy, and all candidates."""
    required = (
        "The smallest network that reaches each accuracy, and the sizes that the data leave possible. The accuracy "
        "stated is that over fresh seeds, where there are any."
    )
    every = (
        "A size is as good as the best of its networks, whatever their family, shape and hyperparameters: the line is "
        "the best with at most that many parameters, judged by the seeds that networks are chosen by. Its first step "
        "always answers the commonest class, which takes no parameters."
    )
    stairs, envelope = answers.stairs_pictures(results), answers.envelope_pictures(results)
    sections = []
    if stairs:
        picture = Picture("staircase.png", stairs, "Parameters over required accuracy, with the interval as a band")
        sections.append(
            Section("Parameters over required accuracy", [required, picture, *answers.stairs_table(results)])
        )
    if all(summary(study).winner is None for study in results.studies):  # else the winner is what to use
        sections.append(guidance.section(results))
    picture = Picture("envelope.png", envelope, "Accuracy of every network over parameters, with the best of each size")
    sections.append(Section("Every network, and the best of each size", [every, picture]))
    return sections


def _curve_sections(results: Results) -> list[Section]:
    size = (
        f"Each mark is a network, the mean over its seeds. {regimes.definition(results.limits)} {BANDS} "
        f"{sentences.DEFINITION} Accuracies count as the same up to a tolerance of {points(results.limits.tolerance)}."
    )
    like = "The same accuracies together: families on one data set, then one family on several data sets."
    epochs = (
        "From each regime, the networks whose sizes are nearest to a sixth, a half and five sixths of its range (on a "
        f"logarithmic scale). {convergence.DEFINITION}"
    )
    pruned = (
        f"Weights are set to zero in the trained networks, without any training afterwards. {plateaus.DEFINITION} A "
        f"panel shows at most {resilience.LINES} networks, spread evenly over size; of equal shapes where there are "
        "any. Networks most of whose seeds learned nothing are left out."
    )
    quantized = "The weights of the trained networks are rounded to few bits, without any training afterwards."
    ends = "Where the plateaus end, for every network that was measured."
    shown = (
        (
            "Accuracy over parameters", size, "accuracy.png", accuracy.pictures(results),
            "Accuracy and training accuracy over learnable parameters with regimes, target and minimal size",
        ),
        (
            "Families and data sets at similar size", like, "families.png", families.pictures(results),
            "Accuracy over learnable parameters, a colour for each family on a data set",
        ),
        (
            "Learning curves by regime", epochs, "learning.png", learning.pictures(results),
            "Training loss and accuracy over epochs of networks of each regime",
        ),
        (
            "Pruning", pruned, "pruning.png", resilience.curve_pictures(results, "pruning"),
            "Accuracy over sparsity, a panel for each depth, a line for each network",
        ),
        (
            "Quantization", quantized, "quantization.png", resilience.curve_pictures(results, "quantization"),
            "Accuracy over bits per weight, a panel for each depth, a line for each network",
        ),
        (
            "Redundancy and minimal bits over parameters", ends, "resilience.png", resilience.end_pictures(results),
            "Redundancy and minimal bits over learnable parameters by depth",
        ),
    )  # fmt: skip
    sections = [Section(name, [text, Picture(file, images, alt)]) for name, text, file, images, alt in shown if images]
    absent = {"learning.png": "learning curves", "pruning.png": "pruning", "quantization.png": "quantization"}
    missing = [absent[file] for _, _, file, images, _ in shown if not images and file in absent]
    if missing:
        sections.append(Section("Not in these records", [f"Nothing was recorded about {', '.join(missing)}."]))
    return sections


def _claims(results: Results) -> Section:
    text = (
        "What Zheng et al. (Systematic Characterization of Minimal Deep Learning Architectures, arXiv 2601.17987) "
        "claim, tested on these records alone. Of the paper only the abstract was at hand: the thresholds are minjax's."
    )
    return Section("The claims", [text, *guidance.claims_by_dataset(results), tables.claims(results.findings.claims)])


def _networks(results: Results) -> list[Block]:
    several, number = len(results.groups()) > 1, len(results.networks)
    table = tables.networks_table(results.networks, several=several)
    blocks: list[Block] = [
        Fold(f"{plural(number, 'network')}, the smallest first", table, open=number <= OPEN_ROWS, first=MOST_ROWS),
        Note(f"The same as data, accuracies as fractions: {CSV}."),
    ]
    lost = tables.lost(results.networks)
    if lost.rows:
        total = len(lost.rows)
        more = f" The first {tables.LOST} are listed." if total > tables.LOST else ""
        caption = f"Members that did not complete: {count(total)}"
        blocks += [
            Table(lost.header, lost.rows[: tables.LOST], lost.align, caption=caption),
            Note(
                "A member that diverged learned nothing: it counts as having ended at chance. One that failed says "
                f"nothing about its network and is left out.{more}"
            ),
        ]
    return blocks


def _training(studies: Sequence[Study]) -> list[Block]:
    text = "The settings that were used, with the defaults of the optimizer filled in."
    return [text, *(tables.training(study, study_name(study) if len(studies) > 1 else "") for study in studies)]


def _provenance(studies: Sequence[Study]) -> list[Block]:
    found: list[Block] = []
    for study in studies:
        caption = f"{study_name(study)}, {study.path}" if len(studies) > 1 else ""
        status = tables.STATUSES[summary(study).status]
        found.append(provenance_table(study.path, status, summary(study), caption=caption))
    return [*found, Note(f"Every trained member as data: {MEMBERS} in the directory of the study.")]
