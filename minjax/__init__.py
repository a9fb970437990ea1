"""minjax: the smallest image classifier that reliably learns a task, and how far it can be pruned and quantized.

    predictor = minjax.load("runs/digits-digits-sgdm-s42")
    predictor.predict("photos/")

`load`, `models`, `optim`, `compress` and `data` are imported when they are first used: `import minjax` itself is fast.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["compress", "data", "load", "models", "optim"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "load":
        return import_module("minjax.deploy").load
    if name in __all__:
        return import_module(f"minjax.{name}")
    raise AttributeError(f"module 'minjax' has no attribute {name!r}")
