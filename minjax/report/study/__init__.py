"""The report of a study (task=study), or of several together, from their records alone: no model, no device."""

from minjax.report.study.page import read_finished, write, write_together
from minjax.report.study.results import common_limits, questions

__all__ = ["common_limits", "questions", "read_finished", "write", "write_together"]
