"""The rules of the house: rooms and the one way between them, read from the import statements, names and lengths.

A rule returns its violations, each of which names the module and what is wrong with it: the answer is in the failure.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
BESIDE = ("tests", "benchmarks", "configs", "launch")  # what is no room, but is kept to the same names and lengths
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
def code(directory: str) -> Code:
    """What is in this directory of the checkout: `code("minjax")` is the package."""
    sources, packages = {}, set()
    for path in sorted((CHECKOUT / directory).rglob("*.py")):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
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
