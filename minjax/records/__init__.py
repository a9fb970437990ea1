"""What is on the disk: a typed record for every line and file that a run, a compression and a study leave.

`record` says what all records have in common, `run`, `compression` and `study` (with `finding`) have the records of
each kind of directory and read one back, `files` writes atomically. No JAX.
"""

from minjax.records.files import *  # noqa: F403
