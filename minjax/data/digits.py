"""The embedded data set: scikit-learn's handwritten digits, 1,797 images of 8x8 pixels; needs no download."""

from __future__ import annotations

import contextlib
from importlib import metadata

import numpy as np

from minjax.data import cache
from minjax.data.dataset import Source, Split
from minjax.data.splits import stratified
from minjax.errors import UserError

TEST_IMAGES = 360  # a fifth, as sklearn's train_test_split(test_size=0.2) would take


def read() -> Source:
    """1,437 training and 360 test images of the ten digits, in grey.

    The source's pixels count the set cells of a 4x4 block, from 0 to 16. They are scaled by 255/16 and rounded half to
    even, so 16 becomes 255 and 8 becomes 128. The split is stratified and always the same.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (its test part).
    """
    place, identity = cache.directory("digits"), {"scikit-learn": metadata.version("scikit-learn")}
    source = cache.read(place, lambda stored: stored == identity)
    if source is None:
        source = _split_of_scikit_learn()
        with contextlib.suppress(UserError):  # without a cache every start takes two seconds more
            source = cache.write(place, source, identity)
    return source


def _split_of_scikit_learn() -> Source:
    from sklearn.datasets import load_digits  # takes two seconds to import, and only this data set needs it

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    whole = Split(images, bunch.target.astype(np.int32))
    chosen = stratified(whole.labels, TEST_IMAGES, seed=0, purpose="digits")
    rest = np.setdiff1d(np.arange(len(whole)), chosen)
    return Source(whole.take(rest), whole.take(chosen), tuple(str(digit) for digit in range(10)))
