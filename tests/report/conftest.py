"""The directories that the tests of reports have in common."""

from __future__ import annotations

import pytest

from tests.report import compressions, runs, studies


@pytest.fixture(scope="session", name="make_run")
def _make_run():
    """The builder of run directories."""
    return runs.make_run


@pytest.fixture(scope="session", name="compressed")
def _compressed(tmp_path_factory):
    """The directory of a compression with every kind of curve; not to be changed."""
    return compressions.make_compression(tmp_path_factory.mktemp("compression"))


@pytest.fixture(scope="session", name="studied")
def _studied(tmp_path_factory):
    """The directory of a study of small DNNs; not to be changed."""
    members = studies.dnn((1, 3, 10, 30, 100, 300, 1000), depths=(1, 2))
    return studies.make_study(tmp_path_factory.mktemp("study"), members)
