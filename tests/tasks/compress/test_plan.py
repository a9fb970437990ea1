"""The versions that a configuration asks for."""

from __future__ import annotations

from collections import Counter
from typing import Any

from minjax.records.compression import Version
from minjax.tasks.compress.plan import plan

LEAVES = ["conv1/kernel", "conv2/kernel"]


def asked(**changes: Any) -> dict[str, Any]:
    """A configuration with a little of everything; `changes` are fields of any block."""
    blocks: dict[str, dict[str, Any]] = {
        "prune": {"methods": ["global_l1", "l1_structured"], "amounts": 3, "exclude": [], "without_first": True},
        "quantize": {"bits": [8, 4], "schemes": ["bfloat16", "symmetric_channel_minmax"], "activation_bits": None},
        "compress": {
            **{"batch_norm": ["re-estimated", "trained"], "joint_method": "global_l1", "joint_bits": [4]},
            **{"sensitivity_amounts": [0.5], "sensitivity_bits": [2]},
        },
    }
    return {name: {key: changes.get(key, value) for key, value in block.items()} for name, block in blocks.items()}


def test_the_dense_network_comes_first_and_every_curve_is_there():
    versions = plan(asked(), LEAVES, "conv1/kernel", True)
    assert versions[0] == Version(curve="dense")
    assert len(set(versions)) == len(versions)
    assert Counter(v.curve for v in versions) == {
        "dense": 1,
        "pruning": 2 * 2 * 3 + 2 * 3,  # structured pruning again without the first convolution
        "quantization": 2 * (1 + 1 + 2),
        "joint": 2 * 3,
        "sensitivity": 2 * 2,
    }
    assert {v.scheme for v in versions if v.curve == "joint"} == {None, "symmetric_channel_minmax"}
    assert {v.method for v in versions if v.curve == "sensitivity"} == {"l1", None}  # one leaf is pruned on its own


def test_what_a_network_does_not_have_is_not_measured():
    versions = plan(asked(activation_bits=8), LEAVES, None, False)
    assert {v.batch_norm for v in versions} == {"trained"}
    assert not any(v.exclude for v in versions)
    with_activations = [v for v in versions if v.activation_bits]
    assert [v.scheme for v in with_activations] == [None, "bfloat16"]


def test_nothing_asked_for_leaves_the_dense_network():
    none = asked(amounts=0, bits=[], sensitivity_amounts=[], sensitivity_bits=[])
    assert plan(none, LEAVES, "conv1/kernel", True) == [Version(curve="dense")]
    formats = plan(asked(schemes=["bfloat16"]), LEAVES, "conv1/kernel", True)
    assert not any(v.curve == "joint" for v in formats)
    assert not any(v.curve == "sensitivity" and v.bits for v in formats)
