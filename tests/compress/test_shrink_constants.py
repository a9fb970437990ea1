"""Shrinking channels that are constant: what becomes a bias, and what padding with zeros keeps."""

from __future__ import annotations

import numpy as np
import pytest

from minjax.compress.shrinking import shrink
from tests.compress.shrinking_cases import check_same, drawn, masked, no_masks, prune


def separable(padding: str):
    """Stem of five channels, of which 0, 1 and 2 are the constants 0.5, 2.0 and 0, then a separable convolution."""
    model, variables = drawn("cnn", channels=(5, 3), padding=padding, separable=True)
    variables["params"]["conv1"]["bias"][:] = [0.5, 2.0, -1.0, 1.0, 1.0]
    masks = no_masks(variables)
    prune(masks, "conv1", outputs=[0, 1, 2])
    return model, variables, masks


def test_a_constant_goes_through_a_depthwise_convolution_into_a_bias():
    model, variables, masks = separable("VALID")
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert smaller.channels == (2, 3)
    assert (report.removed, report.merged, report.kept) == ({"conv1": 3}, {}, ())
    params = variables["params"]
    sums = params["depthwise2"]["kernel"][:, :, 0, :2].sum((0, 1)) * [0.5, 2.0]
    added = sums @ params["conv2"]["kernel"][0, 0, :2]
    np.testing.assert_allclose(arrays["params"]["conv2"]["bias"], params["conv2"]["bias"] + added, rtol=1e-4)
    np.testing.assert_array_equal(arrays["params"]["depthwise2"]["kernel"], params["depthwise2"]["kernel"][..., 3:])


def test_a_depthwise_convolution_that_pads_keeps_constants_but_zero():
    model, variables, masks = separable("SAME")
    smaller, _, report = check_same(model, variables, masks, 8)
    assert smaller.channels == (4, 3)
    assert (report.removed, report.merged) == ({"conv1": 1}, {})
    assert report.kept == (
        "conv1: 2 of 4 outputs are zero and stay: depthwise2 pads with zeros, so a constant does not stay one",
    )


def test_a_constant_that_is_no_number_stays():
    model, variables = drawn("dnn", size=2, widths=(4,))
    variables["params"]["hidden1"]["bias"][:2] = [np.nan, np.inf]
    masks = no_masks(variables)
    prune(masks, "hidden1", outputs=[0, 1])
    smaller, arrays, _ = shrink(model, variables, masks)
    assert smaller is model
    assert np.isfinite(arrays["params"]["head"]["bias"]).all()


def cnn_with_constants(padding: str, **fields):
    """Two convolutions; of the first one's five channels 0, 1 and 2 are the constants 0.5, 2.0 and 0."""
    model, variables = drawn("cnn", channels=(5, 3), padding=padding, **fields)
    norm = variables["params"].get("norm1")
    if norm is not None:
        variables["batch_stats"]["norm1"]["mean"][:3] = 0.0
    (variables["params"]["conv1"] if norm is None else norm)["bias"][:] = [0.5, 2.0, -1.0, 1.0, 1.0]
    masks = no_masks(variables)
    prune(masks, "conv1", outputs=[0, 1, 2])
    return model, variables, masks


@pytest.mark.parametrize("batch_norm", [False, True])
def test_without_padding_a_constant_becomes_a_bias(batch_norm):
    model, variables, masks = cnn_with_constants("VALID", batch_norm=batch_norm)
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert smaller.channels == (2, 3)
    assert (report.removed, report.merged, report.kept) == ({"conv1": 3}, {}, ())
    kernel = variables["params"]["conv2"]["kernel"]
    added = 0.5 * kernel[:, :, 0].sum((0, 1)) + 2.0 * kernel[:, :, 1].sum((0, 1))
    if batch_norm:  # the convolution has no bias, so what is subtracted after it is less
        expected = variables["batch_stats"]["norm2"]["mean"] - added
        np.testing.assert_allclose(arrays["batch_stats"]["norm2"]["mean"], expected, rtol=1e-5)
        assert arrays["batch_stats"]["norm1"]["mean"].shape == (2,)
        np.testing.assert_array_equal(arrays["params"]["norm2"]["bias"], variables["params"]["norm2"]["bias"])
    else:
        np.testing.assert_allclose(
            arrays["params"]["conv2"]["bias"], variables["params"]["conv2"]["bias"] + added, rtol=1e-5
        )


@pytest.mark.parametrize("fields", [{"batch_norm": True}, {"pool": True}], ids=str)
def test_under_padding_one_constant_channel_stays_for_all(fields):
    model, variables, masks = cnn_with_constants("SAME", **fields)
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert smaller.channels == (3, 3)
    assert (report.removed, report.merged) == ({"conv1": 2}, {"conv1": 1})
    assert report.kept == (
        "conv1: 1 of 3 channels stays in place of 2: a constant (2) is no bias for conv2, which pads it with zeros",
    )
    # The larger constant stays, here the second of the five, with a quarter of the weights on the other.
    kernel = variables["params"]["conv2"]["kernel"]
    expected = kernel[:, :, 1] + 0.25 * kernel[:, :, 0]
    np.testing.assert_allclose(arrays["params"]["conv2"]["kernel"][:, :, 0], expected, rtol=1e-4, atol=1e-6)
    assert not arrays["params"]["conv1"]["kernel"][..., 0].any()


def test_a_single_constant_under_padding_stays_as_it_is():
    model, variables, masks = cnn_with_constants("SAME")
    variables["params"]["conv1"]["bias"][0] = -0.5
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert smaller.channels == (3, 3)
    assert (report.removed, report.merged) == ({"conv1": 2}, {})
    assert report.kept == (
        "conv1: 1 of 3 channels stays: a constant (2) is no bias for conv2, which pads it with zeros",
    )
    expected = masked(variables, masks)["params"]["conv2"]["kernel"][:, :, [1, 3, 4]]
    np.testing.assert_array_equal(arrays["params"]["conv2"]["kernel"], expected)


def test_a_kernel_of_one_pixel_has_no_border():
    model, variables, masks = cnn_with_constants("SAME", kernel_size=1)
    smaller, _, report = check_same(model, variables, masks, 8)
    assert smaller.channels == (2, 3)
    assert report.kept == ()
