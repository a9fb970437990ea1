"""Each exported file read back and run by the runtimes that will run it, beside its network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from minjax.data import Split
from minjax.deploy.formats.format import Checker, Format, Runtime, Source, batched
from minjax.deploy.network import Network
from minjax.errors import UserError
from minjax.records.export import Check

LARGEST_DIFFERENCE = 1e-4  # of the largest logit, for a file that computes in float32
SLOW_SECONDS = 120.0  # for a runtime that is too slow for a large split
FIRST_IMAGES = 20  # on which its speed is measured


@dataclass(frozen=True, eq=False)
class Reference:
    """The test split and what the network itself says of it.

    Attributes:
        test: the split.
        logits: float32 [N, classes], by JAX in float32.
    """

    test: Split
    logits: np.ndarray

    @property
    def accuracy(self) -> float:
        """Of the network on the split."""
        return float(np.mean(self.logits.argmax(-1) == self.test.labels))


def reference(network: Network, test: Split) -> Reference:
    """Run the network over the test split."""
    return Reference(test, batched(jax.jit(network.logits))(np.asarray(test.images)))


def check(
    kind: Format, checker: Checker, path: Path, source: Source, expected: Reference, max_accuracy_drop: float
) -> Check:
    """Run a file in one runtime and compare.

    Args:
        kind: of the file.
        checker: the runtime.
        path: of the file.
        source: what it was written from.
        expected: what the network says of the test split.
        max_accuracy_drop: by which an int8 file may be worse; a fraction.

    Returns:
        The comparison; "not verified" where the runtime is not installed, "failed" with a reason where the file cannot
        be run or disagrees with the network.
    """
    lacks = checker.lacks(source.graph)
    if lacks is not None:
        return Check(runtime=checker.name, status="not verified", reason=f"{checker.name} cannot run it: {lacks}")
    if checker.package is not None and not checker.package.installed:
        reason = f"{checker.name} is not installed: {checker.package.command}"
        return Check(runtime=checker.name, status="not verified", reason=reason)
    try:
        runtime = checker.load(path, source)
        count = _images(runtime, expected.test)
        logits = runtime.logits(np.asarray(expected.test.images[:count]))
    except UserError:
        raise
    except Exception as error:  # whatever a runtime makes of a file that it does not like
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return Check(runtime=checker.name, status="failed", reason=reason)
    return _compared(kind, runtime, logits, expected, max_accuracy_drop)


def _images(runtime: Runtime, test: Split) -> int:
    """How many test images: all of them, or of a slow runtime as many as take `SLOW_SECONDS`."""
    if not runtime.slow or len(test) <= FIRST_IMAGES:
        return len(test)
    started = time.perf_counter()
    runtime.logits(np.asarray(test.images[:FIRST_IMAGES]))
    seconds = (time.perf_counter() - started) / FIRST_IMAGES
    return max(FIRST_IMAGES, min(len(test), int(SLOW_SECONDS / max(seconds, 1e-9))))


def _compared(kind: Format, runtime: Runtime, logits: np.ndarray, expected: Reference, most: float) -> Check:
    count = len(logits)
    wanted, labels = expected.logits[:count], expected.test.labels[:count]
    difference = float(np.abs(logits - wanted).max() / np.abs(wanted).max())
    chosen, original = logits.argmax(-1), wanted.argmax(-1)
    accuracy, before = float(np.mean(chosen == labels)), float(np.mean(original == labels))
    reason = None
    if not np.isfinite(logits).all():
        reason = "it gives logits that are NaN or infinite"
    elif kind.kind == "float" and difference > LARGEST_DIFFERENCE:
        reason = (
            f"its logits differ by {difference:.1e} of the largest one; at most {LARGEST_DIFFERENCE:.0e} is allowed"
        )
    elif kind.kind == "int8" and before - accuracy > most + 1e-9:
        reason = (
            f"its accuracy is {100 * accuracy:.2f} %, the network's {100 * before:.2f} %: it drops by "
            f"{100 * (before - accuracy):.2f} points, and export.max_accuracy_drop allows {100 * most:.2f}"
        )
    return Check(
        runtime=runtime.name,
        version=runtime.version,
        status="verified" if reason is None else "failed",
        reason=reason,
        images=count,
        accuracy=accuracy,
        original_accuracy=before,
        agreement=float(np.mean(chosen == original)),
        largest_difference=difference if np.isfinite(difference) else None,
        arena_bytes=runtime.arena_bytes,
        object_bytes=runtime.object_bytes,
        operators=runtime.operators,
    )
