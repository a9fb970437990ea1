"""A finished study on one screen."""

from __future__ import annotations

import shlex

import pytest

from minjax.commands import expand
from minjax.findings.screen import screen
from minjax.records.compressed import ChosenFile, Scored
from minjax.records.winner import Finalist, OverSeeds, Winner
from tests.findings.synthetic import changed, member
from tests.report.studies import summary_of

CONFIG = {"dataset": {"name": "digits", "path": ""}}


def scored(accuracy, images=400):
    return Scored(accuracy=accuracy, interval=(accuracy - 0.01, accuracy + 0.01), images=images)


def finalist(name, size, *roles):
    about = {
        "learning_rate": 0.1,
        "epochs": 30,
        "seed": 3,
        "validation": scored(0.95),
        "test": scored(0.94),
        "bytes": 2 * size,
    }
    return Finalist(roles=roles, point=name, name=name, num_params=size, **about)


FILE = ChosenFile(
    path="recommended.mjx", bytes=1234, method="global_l1", amount=0.5, bits=4, scheme="symmetric_channel_minmax",
    retrained=True, shrunk=False, keeps=True, selection="validation", validation=scored(0.945), test=scored(0.935),
    loss=0.005, loss_interval=(0.0, 0.01), classes=[], sheet=None, command="",
)  # fmt: skip


@pytest.fixture(name="summary")
def _summary():
    accuracies = {"a": (100, 0.5), "b": (1000, 0.95), "c": (5000, 0.955)}
    members = [
        member(name, size, seed, accuracy + 0.001 * seed)
        for name, (size, accuracy) in accuracies.items()
        for seed in range(5)
    ]
    others = finalist("a", 100, "smaller", "same_size"), finalist("c", 5000, "best")
    winner = Winner(
        path="winner", point="b", name="b", family="dnn", num_params=1000, learning_rate=0.1, epochs=30, seed=3,
        fresh=False, over_seeds=OverSeeds(accuracy=0.952, interval=(0.95, 0.954), seeds=5, fresh=False),
        validation=scored(0.953), test=scored(0.94), member_accuracy=0.953, bits=8, bytes=2000,
        packed="winner/compressed/recommended.mjx", macs=990, peak_ram_bytes=80, compressed=FILE,
        command="python -m minjax.main --config=configs/dnn.py",
        finalists=(finalist("b", 1000, "winner"), *others), notes=("a note",),
    )  # fmt: skip
    return changed(summary_of(members), winner=winner)


def test_balanced_accuracy_stands_beside_the_share_of_images(summary):
    winner = summary.winner
    balanced = changed(
        winner, validation=changed(winner.validation, balanced=0.91), test=changed(winner.test, balanced=0.9)
    )
    text = "\n".join(screen(changed(summary, winner=balanced), "runs/a", CONFIG))
    assert "95.30 % (91.00 % balanced) of its validation images correctly, and 94.00 % (90.00 % balanced) of" in text


def test_it_says_which_network_to_use_and_what_that_costs(summary):
    lines = screen(summary, "runs/a study", CONFIG)
    text = "\n".join(lines)
    assert "Use b, 1,000 parameters: the smallest network that is as good as the best found" in text
    assert "Over 5 seeds its validation accuracy is 95.20 % (95 % interval of the mean 95.00 to 95.40 %)" in text
    assert "95.30 % of its validation images correctly, and 94.00 % of the 400 test images" in text
    assert "It takes 2,000 bytes packed at 8 bits, 990 multiply-adds per image, and 80 bytes of RAM" in text
    assert "Compressed (50 % pruned, 4 bits, trained again), it takes 1,234 bytes and classifies 94.50 %" in text
    assert "Note: a note." in text
    row, again = [line for line in lines if line.startswith(("best smaller network", "as small, not pruned"))]
    assert row.split()[-10:] == again.split()[-10:]
    assert row.split()[-8:] == ["95.00", "%", "94.00", "%", "93.00", "to", "95.00", "%"]
    assert len(lines) < 40
    heading, row = lines[:2]
    assert heading.startswith("family")
    assert row.startswith("→ dnn")
    assert row.endswith("95.70 %")


def test_its_commands_can_be_copied(summary):
    text = "\n".join(screen(summary, "runs/a study", {"dataset": {"name": "folder", "path": "my images"}}))
    commands = [line.partition("python -m minjax ")[2] for line in text.splitlines() if "python -m minjax " in line]
    assert len(commands) == 3
    for command in commands:
        name, *arguments = shlex.split(command)
        (run,) = [flag for flag in expand(name, arguments) if flag.startswith("--config.run=")]
        assert run.removeprefix("--config.run=").startswith("runs/a study")
    assert "--config.predict.images=my images" in expand(*_split(commands[0]))
    assert "minjax predict" in "\n".join(screen(changed(summary, command="minjax find-min digits"), "a", CONFIG))


def _split(command):
    name, *arguments = shlex.split(command)
    return name, arguments


def test_where_no_network_is_enough_it_says_so_and_names_the_best(summary):
    found = summary.findings
    missed = changed(found.minimal, question="target", level=0.99, num_params=None, winner=None)
    findings = changed(found, minimal=missed)
    text = "\n".join(screen(changed(summary, findings=findings), "a", CONFIG))
    assert "No network of the grid reaches 99 %; the best has" in text
    assert "For the best found, use" in text
