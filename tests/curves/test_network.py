"""Every version is what pruning, quantizing and evaluating by hand gives; all of them in one program."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import compress, tree
from minjax.curves import activations, versions
from minjax.curves.batch_norm import reestimate
from minjax.curves.network import NetworkCurves
from minjax.data import Split
from minjax.data.augment import preprocess
from minjax.errors import UserError
from minjax.findings.candidates import balanced_accuracy
from minjax.records.compression import Version
from minjax.train.evaluate import evaluate
from tests.curves.conftest import INPUTS

SCHEMES = ("symmetric_channel_minmax", "asymmetric_tensor_minmax", "symmetric_channel_mse", "bfloat16", "float8_e4m3")
KEY = jax.random.key(3)


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def curves(network):
    model, params, model_state, test, calibration = network
    return NetworkCurves(
        model, params, model_state, INPUTS, test, calibration, schemes=SCHEMES, key=KEY, batch_size=50,
        activation_bits=True,
    )  # fmt: skip


def by_hand(network, version: Version) -> dict:
    model, params, model_state, test, calibration = network
    mine = lambda name: version.layer in (None, name)  # noqa: E731
    masks = jax.tree.map(lambda x: jnp.ones(x.shape, bool), params)
    if version.method:
        pruned = compress.masks(params, version.method, version.amount, key=KEY, exclude=version.exclude)
        masks = jax.tree_util.tree_map_with_path(
            lambda path, one, all_: one if mine(tree.path_name(path)) else all_, pruned, masks
        )
    used = compress.apply_masks(params, masks)
    if version.bits:
        include = None if version.layer is None else version.layer
        how = versions.parse_scheme(version.scheme)
        if isinstance(how, compress.Scheme):
            used = compress.fake_quantize(
                params, version.bits, symmetric=how.symmetric, per_channel=how.per_channel, clip=how.clip,
                include=include, masks=masks,
            )  # fmt: skip
        else:
            used = compress.to_format(used, how, include=include)
    state = model_state
    if version.batch_norm == "re-estimated":
        state = reestimate(model.apply, used, model_state, jnp.asarray(calibration), INPUTS, 100)
    apply = model.apply
    if version.activation_bits:
        x = preprocess(jnp.asarray(calibration), mean=INPUTS.mean, std=INPUTS.std, dtype="float32")
        ranges = activations.observe(model.apply, {"params": params, **model_state}, x)
        apply = activations.quantized(model.apply, ranges, jnp.int32(version.activation_bits))
    return evaluate(apply, {"params": used, **state}, test.images, test.labels, INPUTS) | {"used": used, "masks": masks}


VERSIONS = [
    Version(curve="pruning"),
    Version(curve="pruning", method="l1", amount=0.5),
    Version(curve="pruning", method="global_l1", amount=0.35, batch_norm="re-estimated"),
    Version(curve="pruning", method="random", amount=0.4),
    Version(curve="pruning", method="l1_structured", amount=0.35),
    Version(curve="pruning", method="l1_structured", amount=0.35, exclude=("conv1/kernel",)),
    Version(curve="quantization", bits=3, scheme=SCHEMES[0]),
    Version(curve="quantization", bits=1, scheme=SCHEMES[0], batch_norm="re-estimated"),
    Version(curve="quantization", bits=4, scheme=SCHEMES[1]),
    Version(curve="quantization", bits=4, scheme=SCHEMES[2]),
    Version(curve="quantization", bits=16, scheme="bfloat16"),
    Version(curve="quantization", bits=8, scheme="float8_e4m3"),
    Version(curve="quantization", bits=4, scheme=SCHEMES[0], activation_bits=3),
    Version(curve="joint", method="global_l1", amount=0.6, bits=4, scheme=SCHEMES[0]),
    Version(curve="joint", method="global_l1", amount=0.6, bits=4, scheme=SCHEMES[1]),
    Version(curve="joint", method="global_l1", amount=0.6, bits=1, scheme=SCHEMES[0]),
    Version(curve="pruning", method="global_l1", amount=0.5, exclude=("conv1/kernel",)),
    Version(curve="sensitivity", method="l1", amount=0.5, layer="conv2/kernel"),
    Version(curve="sensitivity", bits=2, scheme=SCHEMES[0], layer="conv2/kernel"),
]


@pytest.mark.slow
def test_versions_are_what_one_gets_by_hand_and_one_program_measures_them_all(network, curves):
    lines = [line for batch in curves.measure(VERSIONS, stop=never) for line in batch]
    assert [line.version for line in lines] == VERSIONS
    assert curves.program.compilations == 1
    accuracies = set()
    for version, line in zip(VERSIONS, lines, strict=True):
        hand = by_hand(network, version)
        assert line.accuracy == pytest.approx(hand["accuracy"], abs=1.1 / 230), version
        assert line.loss == pytest.approx(hand["loss"], rel=2e-3), version
        assert line.nonzero == sum(int(jnp.count_nonzero(x)) for x in jax.tree.leaves(hand["used"])), version
        pruned = sum(int((~m).sum()) for m in jax.tree.leaves(hand["masks"]))
        assert line.sparsity == pytest.approx(pruned / curves.num_prunable)
        accuracies.add(round(line.loss, 4))
    assert len(accuracies) > 12  # the versions do differ
    grid = versions.joint("l1", versions.amounts(21), [None, 8, 4], SCHEMES[0])
    assert len([line for batch in curves.measure(grid, stop=never) for line in batch]) == 63
    assert curves.program.compilations == 1


def test_other_weights_with_their_masks(network, curves):
    params = jax.tree.map(lambda x: 0.5 * x, network[1])
    masks = compress.masks(params, "l1", 0.25)
    pruned = compress.apply_masks(params, masks)
    ((line,),) = curves.measure([Version(curve="rounds")], stop=never, params=pruned, masks=masks)
    test = network[3]
    hand = evaluate(network[0].apply, {"params": pruned, **network[2]}, test.images, test.labels, INPUTS)
    assert line.loss == pytest.approx(hand["loss"], rel=1e-4)
    assert line.sparsity == pytest.approx(0.25, abs=0.01)
    assert curves.program.compilations <= 1


def test_balanced_accuracy_is_the_mean_over_classes(network):
    model, params, model_state, test, calibration = network
    rare = Split(*(np.concatenate([x[test.labels != 3], x[test.labels == 3][:5]]) for x in (test.images, test.labels)))
    measured = NetworkCurves(
        model,
        params,
        model_state,
        INPUTS,
        rare,
        calibration,
        schemes=SCHEMES[:1],
        key=KEY,
        batch_size=50,
        balanced=True,
    )
    ((line,),) = measured.measure([Version(curve="candidate")], stop=never)
    found = evaluate(model.apply, {"params": params, **model_state}, rare.images, rare.labels, INPUTS)
    right = found["predicted"] == rare.labels
    assert line.accuracy == pytest.approx(right.mean())
    assert line.balanced == line.score == pytest.approx(balanced_accuracy(right, rare.labels))
    assert abs(line.balanced - line.accuracy) > 0.005
    shares = [(right[rare.labels == label].mean(), (rare.labels == label).sum()) for label in range(4)]
    variances = [max(share * (1 - share), 0.25 / n) / n for share, n in shares]
    assert line.error == pytest.approx(np.sqrt(sum(variances)) / 4)


def test_stop_between_dispatches(curves):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 2

    lines = [line for batch in curves.measure(VERSIONS * 3, stop=stop) for line in batch]
    assert 0 < len(lines) < len(VERSIONS) * 3


def test_an_unknown_scheme_is_refused(network):
    model, params, model_state, test, calibration = network
    with pytest.raises(UserError, match=r"unknown quantization scheme 'int8'.*bfloat16"):
        NetworkCurves(model, params, model_state, INPUTS, test, calibration, schemes=["int8"], key=KEY)
