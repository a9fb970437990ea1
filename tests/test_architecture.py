"""minjax keeps the rules of tests/architecture.py, and each rule is shown to bite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.architecture import (
    BESIDE,
    LINES,
    RULES,
    Code,
    code,
    cycles,
    long_files,
    report_imports,
    sideways_imports,
    slow_imports,
    unknown_rooms,
    upward_imports,
    vague_names,
)


@pytest.mark.parametrize("rule", RULES)
def test_minjax_keeps(rule: Callable[[Code], list[str]]):
    assert rule(code("minjax")) == []


@pytest.mark.parametrize("directory", BESIDE)
@pytest.mark.parametrize("rule", [vague_names, long_files])
def test_what_is_beside_it_keeps(directory, rule):
    assert rule(code(directory)) == []


def test_all_was_found():
    minjax = code("minjax")
    assert {"minjax", "minjax.errors", "minjax.optim", "minjax.optim.adam"} <= set(minjax.sources)
    assert "minjax.errors" in {i.name for i in minjax.imports["minjax.tree"]}
    assert {"tests", "tests.conftest", "tests.tasks.study.test_kills"} <= set(code("tests").sources)
    assert all(code(directory).sources for directory in BESIDE)


HOUSE = {
    "minjax": "",
    "minjax.errors": "import difflib",
    "minjax.tree": "import jax\nfrom minjax.errors import UserError",
    "minjax.records": "from minjax.errors import UserError",
    "minjax.data": "from minjax.data.dataset import Dataset",
    "minjax.data.dataset": "from minjax.errors import UserError",
    "minjax.models": "def build():\n    import jax",
    "minjax.train": "from minjax.train.step import step\nfrom minjax import models",
    "minjax.train.step": "import jax\nfrom . import loop",
    "minjax.train.loop": "import minjax.data",
    "minjax.report": "from minjax import records\nfrom .figures import draw",
    "minjax.report.figures": "import matplotlib",
    "minjax.tasks": "def board():\n    import tensorflow\nfrom minjax import train, report",
    "minjax.main": "from minjax import tasks\nimport typing\nif typing.TYPE_CHECKING:\n    import tensorflow",
}


def house(**changes: str) -> Code:
    """A small house that keeps every rule, with some modules replaced or added (data__x is minjax.data.x)."""
    sources = {**HOUSE, **{f"minjax.{name.replace('__', '.')}": source for name, source in changes.items()}}
    packages = {name for name in sources if any(other.startswith(f"{name}.") for other in sources)}
    return Code(sources, frozenset(packages))


@pytest.mark.parametrize("rule", RULES)
def test_a_house_in_order_passes(rule):
    assert rule(house()) == []


@pytest.mark.parametrize(
    ("rule", "changes", "message"),
    [
        (unknown_rooms, {"cellar": ""}, "minjax.cellar is in no room"),
        (upward_imports, {"errors": "from minjax import records"}, "minjax.errors, line 1, imports minjax.records"),
        (upward_imports, {"errors": "import minjax.tree"}, "minjax.errors, line 1, imports minjax.tree"),
        (upward_imports, {"data__dataset": "from ..models import build"}, "minjax.data.dataset, line 1, imports"),
        (upward_imports, {"models": "def f():\n    from minjax import train"}, "minjax.models, line 2, imports"),
        (upward_imports, {"train__loop": "try:\n    x = 1\nexcept E:\n    import minjax.report"}, "minjax.train.loop"),
        (upward_imports, {"records": "from minjax.tree import leaves"}, "minjax.records, line 1, imports minjax.tree"),
        (
            upward_imports,
            {"optim": "", "compress": "if x:\n    pass\nelse:\n    import minjax.optim"},
            "minjax.compress",
        ),
        (
            upward_imports,
            {"config": "from minjax.config import resolving", "config__resolving": ""},
            "minjax.config.resolving",
        ),
        (upward_imports, {"config__resolving": "import minjax.train"}, "minjax.config.resolving, line 1, imports"),
        (
            sideways_imports,
            {
                "report__study": "",
                "report__study__page": "def draw():\n    from minjax.report.compression.frame import axes",
                "report__compression": "",
                "report__compression__frame": "import matplotlib",
            },
            "minjax.report.study.page, line 2, imports minjax.report.compression.frame, of another room inside report",
        ),
        (
            sideways_imports,
            {"tasks__a": "", "tasks__a__x": "", "tasks__b": "from minjax.tasks import a", "tasks__b__y": ""},
            "minjax.tasks.b, line 1",
        ),
        (report_imports, {"report__figures": "def draw():\n    import jax.numpy"}, "figures needs jax.numpy"),
        (report_imports, {"report__figures": "from flax import linen"}, "figures needs flax"),
        (report_imports, {"report__figures": "from minjax.models import build"}, "figures needs minjax.models"),
        (report_imports, {"report__figures": "from minjax.train import loop"}, "needs jax through minjax.train.step"),
        (report_imports, {"records": "import jax"}, "minjax.report needs jax through minjax.records"),
        (report_imports, {"findings": "from minjax import models"}, "minjax.findings needs minjax.models"),
        (report_imports, {"report": "def f():\n    from minjax.train.step import step"}, "needs minjax.train.step"),
        (cycles, {"data__a": "from minjax.data import b", "data__b": "import minjax.data.a"}, "minjax.data.a -> "),
        (cycles, {"train__loop": "def f():\n    from minjax.train.step import step"}, "minjax.train.loop -> "),
        (
            cycles,
            {"data__dataset": "from minjax.data import load"},
            "minjax.data -> minjax.data.dataset -> minjax.data",
        ),
        (slow_imports, {"data": "import tensorflow as tf"}, "minjax.data, line 1, imports tensorflow"),
        (slow_imports, {"data": "try:\n    import tensorflow_datasets\nexcept ImportError:\n    pass"}, "line 2"),
        (slow_imports, {"main": "class A:\n    from tensorflow import io"}, "minjax.main, line 2"),
        (slow_imports, {"train": "with x:\n    from clu import metric_writers"}, "imports clu.metric_writers"),
        (vague_names, {"train__utils": ""}, "minjax.train.utils"),
        (vague_names, {"data__image_utils": ""}, "minjax.data.image_utils"),
        (long_files, {"data": "x = 1\n" * LINES}, "minjax.data has 300 lines"),
    ],
)
def test_a_violation_is_found(rule, changes, message):
    violations = rule(house(**changes))
    assert violations
    assert message in "\n".join(violations)
