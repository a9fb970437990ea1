"""The page of a set of runs (task=tables): paper 1's tables and figures, made again, from records alone."""

from minjax.report.tables.page import write

__all__ = ["write"]
