"""What the tests of tasks share: pages without pictures, and processes that do not outlive a test."""

from __future__ import annotations

import pytest

from tests.report.reading import undrawn
from tests.tasks.two_processes import several


@pytest.fixture(autouse=True, scope="module")
def _undrawn():
    """Pictures take seconds; they have tests of their own, and processes that a test starts draw them."""
    with undrawn():
        yield


@pytest.fixture
def start():
    """`several`, whose processes do not outlive the test."""
    started = []

    def begin(*arguments, **keywords):
        started.extend(new := several(*arguments, **keywords))
        return new

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
