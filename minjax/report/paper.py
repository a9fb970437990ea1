"""Paper 1's figures (Tables 2 to 7), to compare measured ones with.

Source: Folea, "Benchmark of neural network models with reduced number of parameters for image classification".
Its figure is the largest test accuracy over the epochs of one run with one seed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

MODELS = ("resnet18", "resnet18_s", "vgg16", "vgg16_s", "vit", "vit_s")  # in the paper's order
OPTIMIZERS = ("sgdm", "adam", "adabound")
NETWORK_NAMES = {
    "resnet18": "ResNet18",
    "resnet18_s": "ResNet18_S",
    "vgg16": "VGG16",
    "vgg16_s": "VGG16_S",
    "vit": "ViT",
    "vit_s": "ViT_S",
}
OPTIMIZER_NAMES = {"sgdm": "SGDM", "adam": "Adam", "adabound": "AdaBound"}
METHODS = {"l1": "l1_unstructured", "l1_structured": "l1_structured", "global_l1": "global_unstructured"}
METHOD_NAMES = {"l1": "L1 unstructured", "l1_structured": "L1 structured", "global_l1": "global unstructured"}

# Trainable parameters of the paper's networks, for (10, 100) classes; counted, see PARAMETERS_NOTE for ViT_S.
PARAMETERS = {
    "resnet18": (11_173_962, 11_220_132),
    "resnet18_s": (701_466, 713_076),
    "vit": (9_786_378, 9_832_548),
    "vit_s": (840_010, 851_620),
}
PRUNABLE = 11_159_232  # weights of ResNet18's convolutions, which are all that the paper prunes
PARAMETERS_NOTE = (
    "Paper 1 prints 827,338 parameters for ViT_S: its counting tool leaves out the class token and the position "
    "embedding (12,672); the network has 840,010 for 10 classes."
)
CONVENTION = (
    "Paper 1's figure is the largest test accuracy over the epochs of one run with one seed, which selects the epoch "
    "on the test split: compare it with the maximum, not with the final accuracy. The paper's code trains with batch "
    "size 8 for 200 epochs by default; its captions say 1000 and 100."
)
DISAGREEMENT = (
    "For ResNet18 with AdaBound on CIFAR-10, paper 1 has three figures: 94.13 % (Table 2), 94.78 % (its public log) "
    "and 95.0 % (the baseline of its pruning tables)."
)
_CIFAR = re.compile(r"cifar[-_ ]?(100|10)(?!\d)", re.IGNORECASE)
_TABLES = {"10": ("Table 2", "Table 4"), "100": ("Table 3", "Table 5")}
# The paper's figures of learning curves, by table: (all optimizers together, each optimizer alone).
CURVES = {
    "Table 2": ("Figure 8", "Figure 9"),
    "Table 3": ("Figure 10", "Figure 11"),
    "Table 4": ("Figure 14", "Figure 13"),
    "Table 5": ("Figure 15", "Figure 16"),
}


@dataclass(frozen=True)
class Figure:
    """A figure of the paper.

    Attributes:
        accuracy: maximum test accuracy, a fraction.
        dataset: what the paper trained on, "CIFAR-10" or "CIFAR-100".
        table: where it stands, e.g. "Table 2".
        same_dataset: False where the run's data only resembles the paper's.
    """

    accuracy: float
    dataset: str
    table: str
    same_dataset: bool


@cache
def tables() -> dict[str, Any]:
    """`paper_tables.json`: accuracies in percent, as the paper prints them."""
    return json.loads(resources.files("minjax.report").joinpath("paper_tables.json").read_text())


def figure(model: str, optimizer: str, dataset: str, *, is_folder: bool = False) -> Figure | None:
    """The paper's figure for this network and optimizer on this data, None if it has none.

    The data set is matched by its display name. Exactly `cifar10` or `cifar100` is the paper's own. A folder, or a
    longer name (`cifar10-jpeg`), is other data: the figure comes with ``same_dataset=False`` and must be shown as one
    for CIFAR-10.
    """
    match = _CIFAR.match(dataset)
    if not match:
        return None
    classes = match[1]
    for table in _TABLES[classes]:
        rows = accuracies(table)
        if optimizer in rows.get(model, {}):
            same = is_papers(dataset, is_folder=is_folder)
            return Figure(rows[model][optimizer], f"CIFAR-{classes}", table, same)
    return None


def is_papers(dataset: str, *, is_folder: bool = False) -> bool:
    """Whether a data set is one of the paper's own: exactly `cifar10` or `cifar100`, and no folder."""
    match = _CIFAR.fullmatch(dataset)
    return match is not None and not is_folder


def dataset(table: str) -> str:
    """What "Table 2" is about: "CIFAR-10" or "CIFAR-100"."""
    return next(f"CIFAR-{classes}" for classes, names in _TABLES.items() if table in names)


def tables_of(dataset: str) -> tuple[str, ...]:
    """The paper's tables that a data set belongs beside, by its display name: ("Table 2", "Table 4"), or none."""
    match = _CIFAR.match(dataset)
    return _TABLES[match[1]] if match else ()


def accuracies(table: str) -> dict[str, dict[str, float]]:
    """Network -> optimizer -> maximum test accuracy, a fraction: the rows of "Table 2" to "Table 5"."""
    classes = next(classes for classes, names in _TABLES.items() if table in names)
    rows = tables()[f"{table.replace(' ', '').lower()}_cifar{classes}"]
    return {model: {name: value / 100 for name, value in row.items()} for model, row in rows.items()}


def cifar_classes(dataset: str) -> int | None:
    """10 or 100 where the name begins with that of a CIFAR set (`cifar10-jpeg` is 10), else None."""
    match = _CIFAR.match(dataset)
    return int(match[1]) if match else None


def pruning() -> tuple[list[float], dict[str, list[float]]]:
    """Tables 6 and 7: the amounts pruned of ResNet18 on CIFAR-10, and by method the test accuracy at each, fractions.

    One shot, no fine-tuning, batch-norm statistics untouched; methods l1_unstructured, l1_structured and
    global_unstructured.
    """
    table = tables()["tables6_7_pruning_resnet18_cifar10_200_epochs"]
    methods = ("l1_unstructured", "l1_structured", "global_unstructured")
    return table["amounts"], {method: [value / 100 for value in table[method]] for method in methods}


def parameters(model: str, num_classes: int) -> int | None:
    """Parameters of the paper's network of that name, None where the paper has no such network or head."""
    counts = dict(zip((10, 100), PARAMETERS.get(model, ()), strict=False))
    return counts.get(num_classes)
