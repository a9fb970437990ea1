"""What is on the disk."""

from minjax.records.files import *  # noqa: F403
