"""Bytes of a network, which are those of the packed format."""

from __future__ import annotations

from minjax import compress, models
from minjax.studies.sizes import theoretical_bytes

DATA = {"image_shape": (8, 8, 1), "num_classes": 10}


def test_bytes_are_those_of_the_packed_format():
    found = theoretical_bytes("dnn", {"widths": [8]}, **DATA, redundancy=0.6, bits=5)
    params = models.parameter_shapes("dnn", 10, (8, 8, 1), widths=(8,))["params"]
    layout = compress.sizes.layout(params, include="*kernel")
    assert found.float32 == 4 * models.param_count("dnn", 10, image_shape=(8, 8, 1), widths=(8,))
    assert found.quantized == int(layout.theoretical_bytes(bits=5))
    assert found.quantized < found.pruned < found.float32


def test_what_is_not_asked_for_is_absent():
    found = theoretical_bytes("cnn", {"channels": [2]}, **DATA)
    assert (found.quantized, found.pruned) == (None, None)
