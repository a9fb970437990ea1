"""A finished compression that several tests read."""

from __future__ import annotations

import pytest

from tests.conftest import minjax
from tests.tasks.compress.commands import MODEL, PRESET, SMALL


@pytest.fixture(scope="package")
def run(tmp_path_factory):
    """A finished compression, with the training before it: its directory and the process."""
    directory = tmp_path_factory.mktemp("compress") / "run"
    result = minjax(*MODEL, *SMALL, f"--workdir={directory}", preset=PRESET)
    assert result.returncode == 0, result.stderr
    return directory, result
