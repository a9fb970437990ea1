"""The paper's figures: which stands beside which run, and that they are the paper's."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from minjax import models
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


def test_the_papers_tables_by_data_set():
    assert paper.tables_of("CIFAR-10 (JPEG)") == ("Table 2", "Table 4")
    assert paper.tables_of("cifar100") == ("Table 3", "Table 5")
    assert paper.tables_of("digits") == ()
    assert paper.dataset("Table 5") == "CIFAR-100"
    assert paper.accuracies("Table 3")["resnet18_s"] == pytest.approx(
        {"sgdm": 0.01, "adam": 0.4331, "adabound": 0.5405}
    )
    assert [name for table in paper.CURVES for name in paper.accuracies(table)] == [
        *("resnet18", "resnet18_s", "resnet18", "resnet18_s", "vit", "vit_s", "vit", "vit_s"),
    ]


def test_only_the_papers_own_data_are_its_own():
    assert paper.is_papers("cifar10")
    assert not paper.is_papers("cifar10", is_folder=True)
    assert not paper.is_papers("cifar10-jpeg")


def test_what_the_paper_prunes_are_the_convolutions_of_its_resnet18():
    module = models.build("resnet18", 10)
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False))["params"]
    kernels = [leaf for leaf in jax.tree.leaves(shapes) if leaf.ndim == 4]
    assert sum(leaf.size for leaf in kernels) == paper.PRUNABLE
