"""Processes that do not outlive a test."""

from __future__ import annotations

import pytest

from tests.tasks.two_processes import several


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
