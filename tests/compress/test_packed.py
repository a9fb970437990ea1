"""Packed files: what comes back, to the bit, and what every byte is."""

from __future__ import annotations

import tracemalloc
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minjax import models, tree
from minjax.compress import sizes
from minjax.compress.packed import load_packed, packed_bytes, save_packed
from minjax.compress.quantize import fake_quantize
from tests.compress import packed_mutations
from tests.compress.documented_reader import read_as_documented

quick = settings(max_examples=60, deadline=None, derandomize=True)
GOLDEN = Path(__file__).parents[1] / "data" / "packed_v1.mjx"


def network(seed: int = 0) -> dict:
    """Three kernels, some biases, statistics."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    return {
        "params": {
            "conv": {"kernel": draw(3, 3, 4, 8), "bias": draw(8)},
            "stage1": {"conv": {"kernel": draw(1, 1, 8, 5)}},
            "head": {"kernel": draw(5, 3), "bias": draw(3)},
        },
        "batch_stats": {"norm": {"mean": draw(8), "var": draw(8) ** 2}},
    }


def random_masks(variables: dict, amount: float, seed: int = 0) -> dict:
    """Convolution kernels pruned at random."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: (rng.random(x.shape) >= amount) | (x.ndim < 4), variables["params"])


def assert_same_bits(found, expected):
    found, expected = tree.leaves(found), tree.leaves(expected)
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].shape == array.shape, name
        assert found[name].dtype == array.dtype, name
        assert np.asarray(found[name]).tobytes() == np.asarray(array).tobytes(), name


SCHEMES = [
    {},
    {"per_channel": False},
    {"symmetric": False},
    {"clip": "percentile"},
    {"symmetric": False, "clip": "mse", "per_channel": False},
    {"include": "*/kernel", "exclude": "stage1/*"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("packed")


@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_what_comes_back_is_what_fake_quantization_gives(folder, scheme):
    """Pruned not at all, little, half, and nearly all: to the bit, by both readers."""
    variables = network()
    fake = jax.jit(lambda params, bits, masks: fake_quantize(params, bits, masks=masks, **scheme))
    for bits in range(1, 17) if not scheme else (1, 2, 7, 12):
        masks = random_masks(variables, [0, 0.02, 0.5, 0.95][bits % 4], bits)
        packed = save_packed(folder / "a.mjx", variables, bits=bits, masks=masks, **scheme)
        loaded, about = load_packed(folder / "a.mjx")
        expected = jax.tree.map(lambda x, mask: np.where(mask, x, 0), variables["params"], masks)
        expected = {**variables, "params": fake(expected, bits, masks)}
        assert about is None
        assert_same_bits(loaded, expected)
        content = (folder / "a.mjx").read_bytes()
        assert_same_bits(read_as_documented(content)[0], tree.leaves(expected))

        layout = sizes.layout(
            variables["params"],
            variables["batch_stats"],
            **{key: value for key, value in scheme.items() if key in ("include", "exclude")},
        )
        kept = [mask.sum() for mask in jax.tree.leaves(masks)]
        ranges = {key: value for key, value in scheme.items() if key in ("symmetric", "per_channel")}
        assert packed.bytes_theoretical == layout.theoretical_bytes(kept, bits, **ranges)
        assert packed.bytes_theoretical == sum(leaf.bytes for leaf in packed.leaves)
        assert packed.bytes_entropy <= packed.bytes_theoretical < packed.bytes_measured == len(content)


@pytest.mark.parametrize("bits", [None, 1, 3, 8, 16])
@pytest.mark.parametrize("scheme", SCHEMES, ids=str)
def test_the_size_is_known_from_the_shapes(folder, scheme, bits):
    variables, about = network(), {"mean": [0.4914008984375], "classes": ["cat", "dog"]}
    shapes = jax.eval_shape(lambda: variables)
    written = save_packed(folder / "b.mjx", variables, bits=bits, about=about, **scheme)
    scheme = {key: value for key, value in scheme.items() if key != "clip"}
    assert packed_bytes(shapes, bits=bits, about=about, **scheme) == written.bytes_measured
    assert written.bytes_measured == (folder / "b.mjx").stat().st_size


@quick
@given(amount=st.floats(0, 1), seed=st.integers(0, 99), bits=st.sampled_from([None, 1, 2, 7]))
def test_any_mask_comes_back(folder, amount, seed, bits):
    variables = network(seed)
    masks = random_masks(variables, amount, seed)
    masks["conv"]["bias"] = np.arange(8) > amount * 8
    packed = save_packed(folder / "b.mjx", variables, bits=bits, masks=masks)
    loaded, _ = load_packed(folder / "b.mjx")
    for name, x in tree.leaves(loaded["params"]).items():
        assert not x[~tree.leaves(masks)[name]].any()
    assert_same_bits(read_as_documented((folder / "b.mjx").read_bytes())[0], tree.leaves(loaded))
    kept = {f"params/{name}": mask.sum() for name, mask in tree.leaves(masks).items()}
    assert all(leaf.kept == kept[leaf.name] for leaf in packed.leaves if leaf.name in kept)
    assert packed.bytes_entropy <= packed.bytes_theoretical
    if bits is None:
        expected = jax.tree.map(lambda x, mask: np.where(mask, x, np.float32(0)), variables["params"], masks)
        assert_same_bits(loaded["params"], expected)


def test_every_way_of_writing_a_mask_is_used(folder):
    variables = network()
    used = {}
    for amount in (0.003, 0.1, 0.5, 0.95):
        packed = save_packed(folder / "c.mjx", variables, bits=8, masks=random_masks(variables, amount))
        used[amount] = {leaf.name: leaf.mask for leaf in packed.leaves}["params/conv/kernel"]
    assert used == {0.003: "none", 0.1: "pruned", 0.5: "bitmask", 0.95: "kept"}


def test_types_scalars_and_empty_arrays(folder):
    arrays = {
        "half": jnp.arange(6, dtype=jnp.float16).reshape(2, 3) / 7,
        "brain": jnp.arange(6, dtype=jnp.bfloat16) / 7,
        "steps": jnp.int32(-3),
        "scale": jnp.float32(-0.0),
        "none": jnp.zeros((0, 3)),
    }
    save_packed(folder / "d.mjx", {"params": {"a": arrays}, "cache": {"b": {"c": arrays["steps"]}}})
    assert_same_bits(
        load_packed(folder / "d.mjx")[0], {"params": {"a": arrays}, "cache": {"b": {"c": arrays["steps"]}}}
    )
    params = {"a": {"brain": arrays["brain"], "scale": jnp.float32(0.3)}}
    save_packed(folder / "d.mjx", {"params": params}, bits=5, include="*")
    expected = jax.jit(partial(fake_quantize, bits=5, include="*"))(params)
    assert_same_bits(load_packed(folder / "d.mjx")[0]["params"], expected)


@pytest.mark.parametrize("bits", [None, 1, 16])
@pytest.mark.parametrize("amount", [0, 0.5, 0.97])
def test_loading_takes_the_memory_of_the_arrays_and_little_more(folder, bits, amount):
    kernel = np.random.default_rng(0).normal(size=(1, 1, 2**11, 2**9)).astype(np.float32)
    masks = {"kernel": np.random.default_rng(1).random(kernel.shape) >= amount}
    save_packed(folder / "g.mjx", {"params": {"kernel": kernel}}, bits=bits, masks=masks, symmetric=False)
    tracemalloc.start()
    try:
        loaded, _ = load_packed(folder / "g.mjx")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The array, a byte for each weight, the stored mask, and some 60 bytes for each of the 2^16 decoded at once.
    assert peak < kernel.nbytes * (1 + 1 / 4 + 1 / 32) + 60 * 2**16
    assert loaded["params"]["kernel"].nbytes == kernel.nbytes


def test_about_comes_back(folder):
    about = {"model": "resnet18_s", "fields": {"width": 16}, "classes": ["Katze", "猫"], "mean": [0.1, None, True]}
    save_packed(folder / "e.mjx", network(), about=about)
    assert load_packed(folder / "e.mjx")[1] == about
    with pytest.raises(ValueError, match="JSON"):
        save_packed(folder / "e.mjx", network(), about=float("nan"))
    assert load_packed(folder / "e.mjx")[1] == about


def golden_network() -> tuple[dict, dict]:
    """Numbers that quantize without rounding errors, and masks for every way of writing one."""
    kernel = np.array([[-7, 3], [1, 14], [0, -2], [5, 6]], np.float32).reshape(2, 2, 1, 2)
    params = {
        "conv": {"kernel": kernel, "bias": np.array([0.5, -1], np.float32)},
        "head": {"bias": np.arange(40, dtype=np.float32), "kernel": np.arange(1, 9, dtype=np.float32).reshape(4, 2)},
    }
    masks = {
        "conv": {"kernel": np.array([1, 1, 0, 1, 0, 1, 1, 1], bool).reshape(2, 2, 1, 2), "bias": np.ones(2, bool)},
        "head": {"bias": np.arange(40) == 37, "kernel": np.array([[1, 0], [0, 1], [0, 0], [0, 0]], bool)},
    }
    return {"params": params, "batch_stats": {"norm": {"mean": np.array([0.25], np.float32)}}}, masks


def parts(content: bytes) -> tuple[bytes, object, bytes]:
    """Magic and version, the header as JSON (zlib's output differs between its versions), the payload."""
    return content[:12], *packed_mutations.parts(content)


def test_golden_file(folder):
    """A change of any byte here is a new version of the format: keep reading the old file, and add a new one."""
    variables, masks = golden_network()
    save_packed(folder / "golden.mjx", variables, bits=4, masks=masks, about={"model": "golden"})
    start, header, payload = parts((folder / "golden.mjx").read_bytes())
    assert start == b"minjaxpk\x01\x00\x00\x00"
    assert header == {
        "about": {"model": "golden"},
        "leaves": [
            {"name": "batch_stats/norm/mean", "shape": [1], "offset": 0},
            {"name": "params/conv/bias", "shape": [2], "offset": 4},
            {
                "name": "params/conv/kernel",
                "shape": [2, 2, 1, 2],
                "offset": 12,
                "encoding": "symmetric",
                "bits": 4,
                "scales": 2,
                "kept": 6,
            },
            {"name": "params/head/bias", "shape": [40], "offset": 24, "kept": 1, "mask": "kept", "low": 3},
            {"name": "params/head/kernel", "shape": [4, 2], "offset": 30, "kept": 2, "mask": "bitmask"},
        ],
    }
    assert payload == bytes.fromhex(
        "0000803e 0000003f 000080bf"  # 0.25; 0.5 and -1
        "90e767ac 0000803f 00000040"  # (-7, 2), (0, 7), (0, -1), (5, 3), plus 7, in 4 bits; scales 1 and 2
        "05 10 00001442"  # 37 = 4 * 8 + 5: 5 in 3 bits, a one at bit 4; 37.0
        "09 0000803f 00008040"  # bits 0 and 3; 1 and 4
    )
    assert parts(GOLDEN.read_bytes()) == (start, header, payload)
    loaded, about = load_packed(GOLDEN)
    assert about == {"model": "golden"}
    expected = jax.tree.map(lambda x, mask: np.where(mask, x, np.float32(0)), variables["params"], masks)
    expected["conv"]["kernel"][0, 0, 0, 1] = 4  # 3 is halfway between 2 and 4; halves go to the even integer
    assert_same_bits(loaded, {**variables, "params": expected})


def test_resnet18_s_at_8_bits_is_a_quarter(folder):
    shapes = models.parameter_shapes("resnet18_s", 10, (32, 32, 3))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: rng.uniform(-0.1, 0.1, leaf.shape).astype(np.float32), shapes)
    layout = sizes.layout(variables["params"], variables["batch_stats"])
    dense = save_packed(folder / "dense.mjx", variables)
    assert dense.bytes_theoretical == layout.dense_bytes() == 4 * (701_466 + 2_400)
    eight = save_packed(folder / "8.mjx", variables, bits=8)
    assert eight.bytes_unquantized == dense.bytes_measured
    assert eight.share < 0.27
    half = save_packed(folder / "half.mjx", variables, bits=8, masks=random_masks(variables, 0.5))
    assert half.share < 0.17
    for packed in (dense, eight, half):
        assert packed.bytes_measured - packed.bytes_theoretical < 1500
        assert packed.bytes_measured < 1.01 * packed.bytes_entropy
