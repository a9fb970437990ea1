"""Reports: pictures, tables and one self-contained page, made from the records of runs alone (no model, no device).

`run.write(run_dir)` reports on one run, `compare.write(run_dirs, out_dir)` on several beside paper 1's figures,
`compression.write(directory)` on a compression run, `study.write(directory)` on a study and `study.write_together(...)`
on several. Importing this package costs nothing to speak of: matplotlib, scikit-learn and Jinja are imported by these
functions when they are called, because training imports this room and its start-up time matters.
"""

from minjax.report import compare, compression, run, study

__all__ = ["compare", "compression", "run", "study"]
