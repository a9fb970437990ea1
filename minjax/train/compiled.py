"""A compiled program that keeps count of its time."""

from __future__ import annotations

import time
from typing import Any

import jax


class Compiled:
    """A jitted function, compiled for its first arguments; later ones must have the same shapes and types.

    Attributes:
        compilations: 0 or 1.
        compile_seconds: seconds spent compiling.
        seconds: seconds spent in `timed`, without compilation.
    """

    def __init__(self, jitted: Any):
        """Wrap a function; it is compiled when it is first called.

        Args:
            jitted: what `jax.jit` or `jax.pmap` returns.
        """
        self._jitted = jitted
        self._compiled: Any = None
        self.compilations, self.compile_seconds, self.seconds = 0, 0.0, 0.0

    def __call__(self, *args: Any) -> Any:
        """Dispatch the program; its result may not be ready yet."""
        if self._compiled is None:
            started = time.perf_counter()
            self._compiled = self._jitted.lower(*args).compile()
            self.compile_seconds += time.perf_counter() - started
            self.compilations += 1
        return self._compiled(*args)

    def timed(self, *args: Any) -> tuple[Any, float]:
        """Run the program to its end; returns its result and the seconds that took, without compilation."""
        started, compiling = time.perf_counter(), self.compile_seconds
        result = jax.block_until_ready(self(*args))
        seconds = time.perf_counter() - started - (self.compile_seconds - compiling)
        self.seconds += seconds
        return result, seconds
