"""Every field of the configuration, declared once: default, kind, meaning and role; and what follows from the role.

`FIELDS` is the table of them all. `configs/base.py` builds the configuration from it, `python -m minjax.config` prints
it, and `minjax.config.roles` answers what a directory compares, what identifies a point and what a report groups by.
To add a field, add a line to its section: run, dataset, model, optimizer, compression, study or deployment.
"""

from minjax.config.field import Field, Role
from minjax.config.table import FIELDS, OPEN, SECTIONS_OF, check, defaults, plain

__all__ = ["FIELDS", "OPEN", "SECTIONS_OF", "Field", "Role", "check", "defaults", "plain"]
