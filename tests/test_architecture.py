"""The rooms and the one way between them, read from the import statements; each rule is shown to bite.

What a violation says names the module and what it imports, so that the answer is in the failure.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "minjax"
LINES = 300  # a file of so many lines or more is to be split

# Lower rooms first. A module imports only from lower rows and from its own room: rooms of one row never import one
# another, apart from the top of the package, where errors is below all. A module named here has a place of its own.
ROWS = (
    ("errors",),
    ("presets",),
    ("records", "config", "interruption", "memory", "noise", "tree", "wiring"),
    ("data", "models", "optim", "compress"),
    ("config.resolving", "command_line", "commands"),
    ("usage",),
    ("train", "processes"),
    ("curves",),
    ("findings",),
    ("report",),
    ("studies", "interop"),
    ("deploy",),
    ("tasks",),
    ("main", "migration"),
    ("__main__",),
)
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}

# A report is made from records and findings, on a machine that has neither the model nor a device.
FROM_RECORDS = ("records", "findings", "report")
NOT_IN_A_REPORT = ("jax", "flax", "optax", "orbax", "minjax.models", "minjax.tree", "minjax.train.step")
# Seconds of importing that a run without TensorBoard does not need; import them in the function that does.
SLOW = ("tensorflow", "tensorflow_datasets", "tensorboard", "clu.metric_writers")


@dataclass(frozen=True)
class Import:
    """One imported module: its full name, its line, and whether importing the importer imports it too."""

    name: str
    line: int
    eager: bool


def statements(body: list[ast.stmt], eager: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """All statements, those in functions and under TYPE_CHECKING as not eager."""
    for statement in body:
        yield statement, eager
        function = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        checking = isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)
        for field in ("body", "orelse", "finalbody"):
            inner_eager = eager and not function and not (checking and field == "body")
            yield from statements(getattr(statement, field, []), inner_eager)
        for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
            yield from statements(part.body, eager)


def imports(module: str, source: str, is_package: bool) -> list[Import]:
    """Every import statement of a module, relative ones resolved; `from a import b` counts as a.b."""
    found = []
    for statement, eager in statements(ast.parse(source).body, eager=True):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module or ""
            if statement.level:
                parts = module.split(".")
                parts = parts[: len(parts) - statement.level + is_package]
                base = ".".join([*parts, *filter(None, [base])])
            names = [f"{base}.{alias.name}" for alias in statement.names]
        else:
            continue
        found += [Import(name, statement.lineno, eager) for name in names]
    return found


@dataclass(frozen=True)
class Code:
    """Modules by full name, with their sources; `packages` are those that are an __init__.py."""

    sources: Mapping[str, str]
    packages: frozenset[str]

    @functools.cached_property
    def imports(self) -> dict[str, list[Import]]:
        """Module -> what it imports; a name of the package that is no module (a function, say) is its module."""
        return {
            module: [replace(i, name=self.module_of(i.name)) for i in imports(module, source, module in self.packages)]
            for module, source in self.sources.items()
        }

    def module_of(self, name: str) -> str:
        while within(name, ["minjax"]) and name not in self.sources:
            name = name.rpartition(".")[0]
        return name

    def eagerly(self, module: str) -> set[str]:
        """The modules of the package that importing `module` runs directly: also the packages on the way."""
        targets = {i.name for i in self.imports[module] if i.eager and i.name in self.sources}
        parents = {name.rpartition(".")[0] for name in (*targets, module)}
        while parents - targets - {""}:
            targets |= parents - {""}
            parents = {name.rpartition(".")[0] for name in parents}
        return (targets & set(self.sources)) - {module}


@functools.cache
def minjax() -> Code:
    """The package as it is on the disk."""
    sources, packages = {}, set()
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
            packages.add(".".join(parts))
        sources[".".join(parts)] = path.read_text()
    return Code(sources, frozenset(packages))


def within(name: str, tops: list[str] | tuple[str, ...]) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in tops)


def room(module: str) -> str:
    """`minjax.optim.adam` -> `optim`; the package itself has none, and a module of ROWS is a room by itself."""
    own = module.removeprefix("minjax").removeprefix(".")
    return own if own in LEVEL else own.partition(".")[0]


def unknown_rooms(code: Code) -> list[str]:
    return [f"{module} is in no room of ROWS" for module in code.sources if room(module) not in {*LEVEL, ""}]


def upward_imports(code: Code) -> list[str]:
    """Imports of a higher room, or of another room of the same row; also those inside functions."""
    wrong = []
    for module, found in code.imports.items():
        own = room(module)
        for i in found:
            other = room(i.name) if within(i.name, ["minjax"]) else ""
            if other in ("", own) or other not in LEVEL:
                continue
            if own not in LEVEL or LEVEL[other] >= LEVEL[own]:  # the package itself, minjax/__init__.py, is below all
                wrong.append(f"{module}, line {i.line}, imports {i.name}")
    return wrong


def inner_room(module: str, code: Code) -> tuple[str, str]:
    """A room and the room inside it that a module is in: `minjax.report.study.page` -> (report, study); or ("", "")."""
    own = ".".join(module.split(".")[:3])
    return (room(own), own.split(".")[2]) if own in code.packages and own.count(".") == 2 else ("", "")


def sideways_imports(code: Code) -> list[str]:
    """Imports of one room inside a room by another: what two of them need belongs in the room itself."""
    wrong = []
    for module, found in code.imports.items():
        outer, inner = inner_room(module, code)
        for i in found:
            others, other = inner_room(i.name, code)
            if inner and others == outer and other != inner:
                wrong.append(f"{module}, line {i.line}, imports {i.name}, of another room inside {outer}")
    return wrong


def report_imports(code: Code) -> list[str]:
    """What a report may not need: itself at all, or through what it imports when it is imported."""
    wrong = []
    for module in (m for m in code.sources if room(m) in FROM_RECORDS):
        reached, waiting = {module}, [module]
        while waiting:
            new = code.eagerly(waiting.pop()) - reached
            reached |= new
            waiting += new
        for name in sorted(reached):
            wrong += [
                f"{module} needs {i.name}" + (f" through {name}" if name != module else "")
                for i in code.imports[name]
                if (i.eager or name == module) and within(i.name, NOT_IN_A_REPORT)
            ]
    return wrong


def cycles(code: Code) -> list[str]:
    """Modules that import one another, however many are between, counting imports in functions too."""
    graph = {module: {i.name for i in found if i.name in code.sources} for module, found in code.imports.items()}
    wrong, done = [], set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            wrong.append(" -> ".join((*path[path.index(module) :], module)))
        elif module not in done:
            for target in sorted(graph[module] - {module}):
                visit(target, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())
    return wrong


def slow_imports(code: Code) -> list[str]:
    return [
        f"{module}, line {i.line}, imports {i.name} when it is imported"
        for module, found in code.imports.items()
        for i in found
        if i.eager and within(i.name, SLOW)
    ]


def vague_names(code: Code) -> list[str]:
    vague = {"utils", "util", "helpers", "misc", "common"}
    return [
        f"{module}: what does it hold?" for module in code.sources if vague & {*module.replace("_", ".").split(".")}
    ]


def long_files(code: Code) -> list[str]:
    lengths = {module: len(source.splitlines()) for module, source in code.sources.items()}
    return [f"{module} has {length} lines" for module, length in lengths.items() if length >= LINES]


RULES = (unknown_rooms, upward_imports, sideways_imports, report_imports, cycles, slow_imports, vague_names, long_files)


@pytest.mark.parametrize("rule", RULES)
def test_minjax_keeps(rule: Callable[[Code], list[str]]):
    assert rule(minjax()) == []


def test_minjax_was_found():
    assert {"minjax", "minjax.errors", "minjax.optim", "minjax.optim.adam"} <= set(minjax().sources)
    assert "minjax.errors" in {i.name for i in minjax().imports["minjax.tree"]}


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
