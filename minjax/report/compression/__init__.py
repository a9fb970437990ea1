"""The report of a compression (task=compress), from its records alone: no model, no device."""

from minjax.report.compression.page import write

__all__ = ["write"]
