"""Which packages are installed: minjax, and the folder configs/ as minjax.configs. All else is in pyproject.toml."""

from setuptools import find_namespace_packages, setup

presets = find_namespace_packages(include=["configs*"])

setup(
    packages=[*find_namespace_packages(include=["minjax*"]), *(f"minjax.{name}" for name in presets)],
    package_dir={"minjax.configs": "configs"},
)
