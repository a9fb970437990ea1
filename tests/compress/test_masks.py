"""Masks against PyTorch's own, and the properties that every method must have."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.recorded_vectors import DATA, LAYERS, MASKS
from minjax import compress
from minjax.compress import METHODS, Method
from minjax.errors import UserError

VECTORS = np.load(DATA / "pruning_masks.npz")
AMOUNTS = np.linspace(0, 1, 21)
PARAMS = {
    "stem": {"kernel": jnp.asarray(np.random.default_rng(0).normal(size=(3, 3, 3, 8)), jnp.float32)},
    "conv": {
        "kernel": jnp.asarray(np.random.default_rng(1).normal(size=(3, 3, 8, 12)), jnp.float32),
        "bias": jnp.ones(12),
    },
    "head": {"kernel": jnp.asarray(np.random.default_rng(2).normal(size=(12, 10)), jnp.float32), "bias": jnp.ones(10)},
}
KEY = jax.random.key(0)
CONVS = ("stem", "conv")
ALL = sorted(METHODS)


def zeros(tree) -> int:
    return sum(int((~np.asarray(leaf)).sum()) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("reference", MASKS)
def test_masks_are_those_of_pytorch(reference):
    method, axis = MASKS[reference]
    params = {f"conv{i}": {"kernel": VECTORS[f"weight_{i}"].transpose(2, 3, 1, 0)} for i in LAYERS}
    for place, amount in enumerate(VECTORS["amounts"]):
        ours = compress.masks(params, method, float(amount), axis=axis)
        for i in LAYERS:
            theirs = VECTORS[f"{reference}_{place:02d}_{i}"].astype(bool)
            np.testing.assert_array_equal(np.asarray(ours[f"conv{i}"]["kernel"]).transpose(3, 2, 0, 1), theirs)


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("axis", ["in", "out"])
def test_exact_counts_and_nested_along_the_amounts(method, axis):
    how = METHODS[method]
    before = None
    for amount in AMOUNTS[::4]:
        masks = compress.masks(PARAMS, method, float(amount), key=KEY, axis=axis)
        assert jax.tree.map(jnp.shape, masks) == jax.tree.map(jnp.shape, PARAMS)
        assert all(leaf.dtype == bool for leaf in jax.tree.leaves(masks))
        assert masks["conv"]["bias"].all()
        assert masks["head"]["kernel"].all()
        sizes = {name: PARAMS[name]["kernel"].shape for name in CONVS}
        if how.unit == "channel":
            place = -2 if axis == "in" else -1
            gone = {n: (~np.asarray(masks[n]["kernel"])).all(axis=tuple(set(range(4)) - {4 + place})) for n in CONVS}
            # A channel is pruned whole or not at all.
            assert zeros(masks) == sum(gone[n].sum() * np.prod(sizes[n]) // sizes[n][place] for n in CONVS)
            pruned, units = {n: int(gone[n].sum()) for n in CONVS}, {n: sizes[n][place] for n in CONVS}
        else:
            pruned = {n: zeros(masks[n]["kernel"]) for n in CONVS}
            units = {n: int(np.prod(sizes[n])) for n in CONVS}
        if how.selection == "global":
            assert sum(pruned.values()) == round(amount * sum(units.values()))
        elif how.selection == "channel":
            per_output = (~np.asarray(masks["conv"]["kernel"])).reshape(-1, 12).sum(0)
            assert set(per_output) == {round(amount * 72)}
        else:
            assert pruned == {n: round(amount * units[n]) for n in CONVS}
        if before is not None:
            assert all(not (a & ~b).any() for a, b in zip(jax.tree.leaves(masks), jax.tree.leaves(before), strict=True))
        before = masks


def test_equal_scores_go_by_index():
    params = {"kernel": jnp.ones((1, 1, 4, 4))}
    kept = compress.masks(params, "l1", 0.25)["kernel"].reshape(-1)
    assert kept.tolist() == [False] * 4 + [True] * 12


def test_halves_are_rounded_to_even():
    params = {"kernel": jnp.arange(1.0, 6.0).reshape(1, 1, 5, 1)}
    assert zeros(compress.masks(params, "l1", 0.5)) == 2  # round(2.5)
    assert zeros(compress.masks(params, "l1", 0.3)) == 2  # round(1.5)


@settings(deadline=None, max_examples=25)
@given(
    method=st.sampled_from([m for m in ALL if m not in ("l1_per_channel",)]),
    first=st.floats(0, 0.9),
    second=st.floats(0, 1),
)
def test_rounds_never_revive(method, first, second):
    before = compress.masks(PARAMS, method, first, key=jax.random.key(1))
    changed = jax.tree.map(lambda x: -x[..., ::-1], PARAMS)  # trained meanwhile
    after = compress.masks(changed, method, second, key=jax.random.key(2), within=before)
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(before), strict=True):
        assert not (a & ~b).any()
    expected = zeros(compress.masks(changed, method, max(first, second), key=KEY))
    assert zeros(after) == expected or METHODS[method].unit == "channel"


@pytest.mark.parametrize("method", ["l1", "global_l1", "random", "l1_structured"])
def test_two_rounds_of_p_leave_one_minus_p_squared(method):
    amounts = compress.rounds("geometric", 1 - 0.8**2, 2)
    first = compress.masks(PARAMS, method, amounts[0], key=jax.random.key(1), axis="out")
    second = compress.masks(PARAMS, method, amounts[1], key=jax.random.key(2), axis="out", within=first)
    n = sum(PARAMS[name]["kernel"].size for name in CONVS)
    slack = 0.13 if method == "l1_structured" else 1 / 100  # of 8 and 12 channels
    assert zeros(first) / n == pytest.approx(0.2, abs=slack)
    assert zeros(second) / n == pytest.approx(0.36, abs=slack)


@pytest.mark.parametrize(("name", "kept"), [("2:4", 2), ("1:4", 1), ("1:2", 1), ("3:4", 3)])
def test_n_of_m(name, kept):
    of = int(name[-1])
    masks = compress.masks(PARAMS, name, None, exclude="stem/*")
    kernel, mask = np.asarray(PARAMS["conv"]["kernel"]), np.asarray(masks["conv"]["kernel"])
    by_group = np.moveaxis(mask, 2, 3).reshape(-1, of)
    assert (by_group.sum(1) == kept).all()
    sizes = np.moveaxis(np.abs(kernel), 2, 3).reshape(-1, of)
    assert (np.where(by_group, sizes, np.inf).min(1) >= np.where(by_group, 0, sizes).max(1)).all()
    same = compress.masks(PARAMS, name, 1 - kept / of, exclude="stem/*")
    assert (np.asarray(same["conv"]["kernel"]) == mask).all()


def test_random_masks_follow_the_key_and_the_leaf():
    one = compress.masks(PARAMS, "random", 0.5, key=KEY)
    again = compress.masks(PARAMS, "random", 0.5, key=KEY, exclude="stem/*")
    other = compress.masks(PARAMS, "random", 0.5, key=jax.random.key(9))
    assert (one["conv"]["kernel"] == again["conv"]["kernel"]).all()
    assert (one["conv"]["kernel"] != other["conv"]["kernel"]).any()


def test_blocks_of_channels_go_together():
    masks = compress.masks(PARAMS, "l1_structured", 0.5, axis="out", block=4, include="conv/kernel")
    columns = np.asarray(masks["conv"]["kernel"]).any(axis=(0, 1, 2)).reshape(3, 4)
    assert ((columns.sum(1) == 0) | (columns.sum(1) == 4)).all()
    assert (columns.sum(1) == 0).sum() == round(0.5 * 3)
    nested = compress.masks(PARAMS, "l1_structured", 0.7, axis="out", block=4, include="conv/kernel", within=masks)
    assert not (np.asarray(nested["conv"]["kernel"]) & ~np.asarray(masks["conv"]["kernel"])).any()


def test_apply_masks():
    masks = compress.masks(PARAMS, "l1", 0.5)
    pruned = compress.apply_masks(PARAMS, masks)
    assert (pruned["conv"]["kernel"] == PARAMS["conv"]["kernel"] * masks["conv"]["kernel"]).all()
    assert (pruned["head"]["kernel"] == PARAMS["head"]["kernel"]).all()


def test_a_curve_is_ranks_and_counts():
    for method in ALL:
        ranks = compress.ranks(PARAMS, method, key=KEY)
        for amount in (0.0, 0.15, 0.5, 1.0):
            counts = compress.counts(PARAMS, method, amount)
            masks = compress.masks(PARAMS, method, amount, key=KEY)
            for name in CONVS:
                leaf = f"{name}/kernel"
                assert ((ranks[leaf] >= counts[leaf]) == masks[name]["kernel"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("l3", 0.5), "unknown pruning method 'l3'.*l1_structured"),
        (("5:4", None), "N must be from 1 to M"),
        (("l1", 1.5), "amount is 1.5; it must be a fraction from 0 to 1"),
        (("l1", -0.1), "amount is -0.1"),
        (("l1", float("nan")), "amount is nan"),
        (("l1", None), "amount is None"),
        (("2:4", 0.3), "2:4 prunes exactly 0.5, but amount is 0.3"),
        (("2:4", None), "cannot prune stem/kernel, which has 3 inputs: 4 must divide them"),
        (("random", 0.5), "needs a key"),
    ],
)
def test_mistakes(arguments, message):
    with pytest.raises(UserError, match=message):
        compress.masks(PARAMS, *arguments)


def test_mistakes_in_what_is_pruned():
    with pytest.raises(UserError, match=r"'conv9\*' matches no parameter; there are: .*stem/kernel"):
        compress.masks(PARAMS, "l1", 0.5, include="conv9*")
    with pytest.raises(UserError, match="no convolution kernel"):
        compress.masks({"head": PARAMS["head"]}, "l1", 0.5)
    with pytest.raises(UserError, match="unknown axis 'side'"):
        compress.masks(PARAMS, "l1_structured", 0.5, axis="side")
    with pytest.raises(UserError, match="head/bias has one dimension"):
        compress.masks(PARAMS, "l1_structured", 0.5, include="head/*")
    with pytest.raises(UserError, match="cannot be divided into blocks of 5"):
        compress.masks(PARAMS, "l1_structured", 0.5, block=5)
    with pytest.raises(UserError, match="unknown pruning score"):
        Method("taylor")


def test_schedules():
    assert compress.rounds("linear", 0.8, 4) == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert compress.rounds("cubic", 0.8, 4) == pytest.approx([0.8 * (1 - 0.75**3), 0.7, 0.7875, 0.8])
    assert compress.rounds("geometric", 0.488, 3) == pytest.approx([0.2, 0.36, 0.488])
    with pytest.raises(UserError, match="unknown pruning schedule 'exponential'"):
        compress.rounds("exponential", 0.5, 2)
    with pytest.raises(UserError, match="amount is 1; for a geometric schedule it must be at least 0 and below 1"):
        compress.rounds("geometric", 1, 2)
    with pytest.raises(UserError, match="0 rounds"):
        compress.rounds("linear", 0.5, 0)


@pytest.mark.parametrize("axis", ["in", "out"])
@pytest.mark.parametrize("method", [name for name in ALL if METHODS[name].unit == "channel"])
def test_a_depthwise_kernel_has_its_channels_on_the_last_axis_for_both_sides(method, axis):
    kernel = jnp.asarray(np.random.default_rng(3).normal(size=(3, 3, 1, 8)), jnp.float32)
    masks = compress.masks({"depthwise2": {"kernel": kernel}}, method, 0.5, key=KEY, axis=axis)
    kept = np.asarray(masks["depthwise2"]["kernel"])
    assert kept.sum() == 4 * 9
    assert sorted(kept.reshape(9, 8).sum(0)) == [0] * 4 + [9] * 4
    other = compress.masks({"conv2": {"kernel": kernel}}, method, 0.6, key=KEY, axis="in")  # one input: all or nothing
    assert not np.asarray(other["conv2"]["kernel"]).any()
