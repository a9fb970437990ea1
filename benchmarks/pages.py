"""What the commands that make a page of docs/ from records share: their flags, tables, conditions and errors."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from minjax.errors import UserError
from minjax.records.files import write_text

ROOT = Path(__file__).resolve().parent.parent


def parser(description: str | None, records: Path, page: str) -> argparse.ArgumentParser:
    """A command line with `--records`, where the records are, and `--out`, the page.

    Args:
        description: the command's.
        records: the folder by default.
        page: the page's name in docs/.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--records", type=Path, default=records, help=f"default: {_short(records)}")
    made.add_argument("--out", type=Path, default=ROOT / "docs" / page, help=f"the page; default: docs/{page}")
    return made


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], align: str = "---") -> str:
    """A table in Markdown.

    Args:
        columns: the headings.
        rows: of as many cells.
        align: of all columns but the first: `---` as text, `---:` as numbers.
    """
    rules = ["---", *[align] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (columns, rules, *rows))


def versions(conditions: Mapping[str, Any], packages: Iterable[str] = ("python", "jax", "flax", "torch")) -> str:
    """The versions and the commit that measured, as a phrase."""
    parts = [f"{name} {conditions['versions'][name]}" for name in packages if name in conditions["versions"]]
    return f"{', '.join(parts)}; commit {(conditions['git_commit'] or 'unknown')[:12]}"


def write(path: Path, parts: Iterable[str]) -> None:
    """Write a page of parts, with an empty line between two of them, and say where it is."""
    write_text(path, "\n\n".join(part.strip("\n") for part in parts) + "\n")
    print(f"written: {_short(path)}")


def run(main: Callable[[], Any], name: str) -> None:
    """Run a command: a mistake of the user's is one line and exit code 1, Ctrl-C no traceback."""
    with contextlib.suppress(KeyboardInterrupt):
        try:
            main()
        except UserError as error:
            sys.exit(f"{name}: {error}")


def _short(path: Path) -> Path:
    """The path as seen from the checkout, where it is inside."""
    path = path.resolve()
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
