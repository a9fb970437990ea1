"""Shrinking what several layers share: the streams of a residual network, the heads of a transformer."""

from __future__ import annotations

import numpy as np

from tests.compress.shrinking_cases import check_same, drawn, masked, no_masks, prune

RESNET = {"width": 4}
STAGE1 = ["stage1_block1/conv1", "stage1_block2/conv1", "stage2_block1/conv1", "stage2_block1/shortcut_conv"]


def test_a_channel_of_a_stream_goes_if_no_layer_reads_it():
    model, variables = drawn("resnet18_s", **RESNET)
    masks = no_masks(variables)
    for layer in STAGE1:
        prune(masks, layer, inputs=1)
    for layer in STAGE1[:-1]:
        prune(masks, layer, inputs=3)
    prune(masks, "stage3_block1/conv2", inputs=[2, 5, 6])  # inside a block: its first convolution loses these outputs
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert smaller.layer_sizes() == {
        "stream_channels": (3, 8, 16, 32),
        "inner_channels": (4, 4, 8, 8, 13, 16, 32, 32),
    }
    assert report.removed == {"stage1 stream": 1, "stage3_block1/conv1": 3}
    assert report.kept == tuple(
        f"{layer}: 1 of 3 inputs are zero and stay: other layers write or read the stage1 stream"
        for layer in STAGE1[:-1]
    )
    assert arrays["params"]["conv"]["kernel"].shape == (3, 3, 3, 3)
    assert arrays["batch_stats"]["stage1_block2"]["norm2"]["var"].shape == (3,)


def test_a_channel_of_a_stream_that_is_constant_goes_if_every_reader_can_do_without():
    model, variables = drawn("resnet18_s", **RESNET)
    masks = no_masks(variables)
    params, stats = variables["params"], variables["batch_stats"]
    norms = [
        (params["norm"], stats["norm"]),
        *((params[f"stage1_block{i}"]["norm2"], stats[f"stage1_block{i}"]["norm2"]) for i in (1, 2)),
    ]
    for layer in ("conv", "stage1_block1/conv2", "stage1_block2/conv2"):
        prune(masks, layer, outputs=[0, 1, 2])
    for (norm, running), bias in zip(norms, ([-1, -1, 1], [-1, -1, 1], [-1, 1, 1]), strict=True):
        running["mean"][:3] = 0.0
        norm["bias"][:3] = bias
    # Channel 0 is zero all along; 1 is zero before both blocks and then 1, before a padded convolution; 2 never zero.
    smaller, _, report = check_same(model, variables, masks, 8)
    assert smaller.layer_sizes()["stream_channels"] == (3, 8, 16, 32)
    assert report.removed["stage1 stream"] == 1
    assert report.merged.get("stage1 stream") is None
    stays = "2 of 3 outputs are zero and stay: other layers write or read the stage1 stream"
    assert [line for line in report.kept if "stream" in line] == [
        f"{layer}: {stays}" for layer in ("conv", "stage1_block1/conv2", "stage1_block2/conv2")
    ]
    # Once no padded convolution reads them, the 1x1 convolution beside takes both as a bias: 1, and 1 + 1 + 1.
    for layer in STAGE1[:-1]:
        prune(masks, layer, inputs=[1, 2])
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert smaller.layer_sizes()["stream_channels"] == (1, 8, 16, 32)
    kernel = params["stage2_block1"]["shortcut_conv"]["kernel"][0, 0]
    expected = stats["stage2_block1"]["shortcut_norm"]["mean"] - kernel[1] - 3 * kernel[2]
    np.testing.assert_allclose(arrays["batch_stats"]["stage2_block1"]["shortcut_norm"]["mean"], expected, rtol=1e-4)


def test_heads_go_as_a_whole():
    model, variables = drawn("vit_s", dim=12, depth=2, heads=3, mlp_dim=5)
    masks = no_masks(variables)
    prune(masks, "block1/attention/qkv", outputs=slice(24 + 4, 24 + 8))  # the values of head 1
    prune(masks, "block1/attention/qkv", outputs=slice(8, 12))  # the queries of head 2: it averages, and stays
    prune(masks, "block2/attention/out", inputs=slice(0, 4))  # nobody reads head 0,
    prune(masks, "block2/attention/out", inputs=slice(4, 7))  # nor most of head 1
    prune(masks, "block2/hidden", outputs=[0, 3])  # gelu(bias) goes on in the next bias
    prune(masks, "head", inputs=4)
    prune(masks, "embedding", outputs=0)
    smaller, arrays, report = check_same(model, variables, masks, 8)
    assert smaller.layer_sizes() == {"block_heads": (2, 2), "mlp_dims": (5, 3, 4)}
    assert report.removed == {"block1/attention": 1, "block2/attention": 1, "block2/hidden": 2, "hidden": 1}
    qkv = masked(variables, masks)["params"]["block1"]["attention"]["qkv"]["kernel"]
    expected = qkv.reshape(12, 3, 3, 4)[:, :, [0, 2]].reshape(12, 24)
    np.testing.assert_array_equal(arrays["params"]["block1"]["attention"]["qkv"]["kernel"], expected)
    assert report.kept == (
        "embedding: 1 of 12 outputs are zero and stay: layer norm takes its statistics over all numbers of a token",
        "block1/attention/qkv: 4 of 24 outputs are zero and stay: only heads whose values are all zero can be removed",
    )
