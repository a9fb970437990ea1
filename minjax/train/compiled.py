"""A compiled program and what it took."""

from __future__ import annotations

import time
from typing import Any

import jax


class Compiled:
    """A jitted function, compiled for the first arguments it is called with; others must have their shapes and types.

    Attributes:
        compilations: 0 or 1.
        compile_seconds: spent compiling so far.
        seconds: spent in `timed` so far.
    """

    def __init__(self, jitted: Any):
        """Nothing is compiled yet.

        Args:
            jitted: what `jax.jit` or `jax.pmap` returns.
        """
        self._jitted = jitted
        self._compiled: Any = None
        self.compilations, self.compile_seconds, self.seconds = 0, 0.0, 0.0

    def __call__(self, *args: Any) -> Any:
        """Dispatch it; the result may not be ready yet."""
        if self._compiled is None:
            started = time.perf_counter()
            self._compiled = self._jitted.lower(*args).compile()
            self.compile_seconds += time.perf_counter() - started
            self.compilations += 1
        return self._compiled(*args)

    def timed(self, *args: Any) -> tuple[Any, float]:
        """Run it to its end: the result and the seconds that took, compilation apart."""
        started, compiling = time.perf_counter(), self.compile_seconds
        result = jax.block_until_ready(self(*args))
        seconds = time.perf_counter() - started - (self.compile_seconds - compiling)
        self.seconds += seconds
        return result, seconds
