"""The paper's figures: which stands beside which run, and that they are the paper's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minjax.report import paper

DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("resnet18", "sgdm", "cifar10"), (0.894, "CIFAR-10", "Table 2", True)),
        (("resnet18_s", "adabound", "cifar100"), (0.5405, "CIFAR-100", "Table 3", True)),
        (("vit", "adam", "cifar10"), (0.5149, "CIFAR-10", "Table 4", True)),
        (("vit_s", "sgdm", "cifar100"), (0.0386, "CIFAR-100", "Table 5", True)),
        (("vit_s", "sgdm", "cifar100_lt"), (0.0386, "CIFAR-100", "Table 5", False)),
        (("resnet18", "sgdm", "CIFAR-10 (JPEG)"), (0.894, "CIFAR-10", "Table 2", False)),
        (("resnet18", "amsbound", "cifar10"), None),
        (("vgg16", "sgdm", "cifar10"), None),
        (("resnet18", "sgdm", "mnist"), None),
        (("resnet18", "sgdm", "cifar1000"), None),
        (("resnet18", "sgdm", "my-cifar10"), None),
    ],
)
def test_paper_figures(arguments, expected):
    figure = paper.figure(*arguments)
    if expected is None:
        assert figure is None
    else:
        assert (figure.accuracy, figure.dataset, figure.table, figure.same_dataset) == (
            pytest.approx(expected[0]),
            *expected[1:],
        )


def test_a_folder_called_cifar10_is_still_a_folder():
    assert not paper.figure("resnet18", "sgdm", "cifar10", is_folder=True).same_dataset


def test_package_data_is_the_papers():
    assert paper.tables() == json.loads((DATA / "paper_tables.json").read_text())
    counts = json.loads((DATA / "param_counts.json").read_text())
    for model in paper.PARAMETERS:
        for classes in (10, 100):
            assert paper.parameters(model, classes) == counts[model][str(classes)]
    assert paper.parameters("vit", 7) is None
