"""Logits of tiny networks with fixed weights, checked where the reference vectors are not at hand.

The numbers (`benchmarks/recorded_vectors.py`) were written down when `test_reference.py` passed. If one changes on
purpose, check that `test_reference.py` still passes and take the new number from the failure's message.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.recorded_vectors import LOGITS, logits


@pytest.mark.parametrize("name", LOGITS)
def test_logits_of_tiny_networks(name):
    np.testing.assert_allclose(logits(name), LOGITS[name], rtol=1e-4, atol=1e-4)
