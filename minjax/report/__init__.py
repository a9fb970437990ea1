"""Reports: pictures, tables and one self-contained page, made from records alone (no model, no device).

`run.write(run_dir)` reports on one run, `compare.write(run_dirs, out_dir)` on several beside paper 1's figures,
`compression.write(directory)` on a compression, `study.write(directory)` on a study and `study.write_together(...)` on
several. Import these where a report is written: they bring matplotlib and scikit-learn, which take a second.
"""
