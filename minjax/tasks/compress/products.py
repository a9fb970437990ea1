"""What is written beside the curves: packed files, verified by reading them back, and physically smaller networks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minjax import compress, models, tree
from minjax.compress import macs
from minjax.curves.latency import latencies
from minjax.curves.versions import parse_scheme
from minjax.data.augment import preprocess
from minjax.records.compression import PackedFile, ShrunkNetwork
from minjax.tasks.assembly import about
from minjax.tasks.compress.plan import DEFAULT_SCHEME, integer_scheme
from minjax.tasks.compress.trained import Trained
from minjax.train.evaluate import evaluate

LOGIT_IMAGES = 500  # test images on which the logits of a shrunk network and of the masked one are compared


def packed(trained: Trained, config: dict[str, Any], include: Any, directory: Path) -> list[PackedFile]:
    """Write packed files of the dense and of the pruned network, and verify each on the whole test split.

    Args:
        trained: the network.
        config: from `settings.settle`.
        include: patterns of the leaves that are pruned and quantized.
        directory: the work directory; files go into its folder `packed`.
    """
    asked = config["compress"]
    wanted: list[tuple[float, int | None]] = [(0.0, bits) for bits in asked["pack_bits"]]
    if asked["pack_bits"] and asked["pack_amount"]:
        wanted += [(asked["pack_amount"], bits) for bits in (None, *asked["pack_bits"])]
    return [_pack(trained, config, include, directory, amount, bits) for amount, bits in wanted]


def _pack(
    trained: Trained, config: dict[str, Any], include: Any, directory: Path, amount: float, bits: int | None
) -> PackedFile:
    scheme_name = integer_scheme(config["quantize"]) or DEFAULT_SCHEME
    scheme = parse_scheme(scheme_name)
    assert isinstance(scheme, compress.Scheme)
    how = {"symmetric": scheme.symmetric, "per_channel": scheme.per_channel, "clip": scheme.clip, "include": include}
    method, masks = config["compress"]["pack_method"], None
    if amount:
        masks = compress.masks(
            trained.params,
            method,
            None if compress.method(method).group else amount,
            key=jax.random.key(config["seed"]),
            include=include,
            exclude=config["prune"]["exclude"],
        )
    path = directory / "packed" / _file_name(method, amount, bits)
    variables = {"params": trained.params, **trained.model_state}
    written = compress.save_packed(
        path, variables, bits=bits, masks=masks, about=about(trained.config, trained.parts.dataset), **how
    )
    expected = trained.params
    if bits is not None:
        expected = compress.fake_quantize(expected, bits, masks=masks, **how)
    elif masks is not None:
        expected = compress.apply_masks(expected, masks)
    read_back, _ = compress.load_packed(path, max_elements=max(2**24, tree.count(variables)))
    found, wanted = (_evaluate(trained, v) for v in (read_back, {"params": expected, **trained.model_state}))
    return PackedFile(
        file=str(path.relative_to(directory)),
        method=method if amount else None,
        amount=amount,
        bits=bits,
        scheme=None if bits is None else scheme_name,
        bytes_measured=path.stat().st_size,
        bytes_theoretical=written.bytes_theoretical,
        bytes_entropy=written.bytes_entropy,
        share=written.share,
        same_predictions=bool((found["predicted"] == wanted["predicted"]).all()),
        accuracy=found["accuracy"],
    )


def _file_name(method: str, amount: float, bits: int | None) -> str:
    """`4bit.mjx`, `l1-0.5-float32.mjx`."""
    pruned = f"{method.replace(':', 'of')}-{amount:g}-" if amount else ""
    return f"{pruned}{'float32' if bits is None else f'{bits}bit'}.mjx"


def _evaluate(trained: Trained, variables: Any) -> dict[str, Any]:
    test, engine = trained.parts.dataset.test, trained.parts.engine
    return evaluate(trained.parts.model.apply, variables, test.images, test.labels, engine.inputs)


def shrunk(trained: Trained, config: dict[str, Any], include: Any) -> list[ShrunkNetwork]:
    """Remove the channels that structured pruning leaves unused, at each of `compress.shrink_amounts`.

    The small network's logits are compared with those of the masked one, and the latencies of both are measured.
    """
    asked = config["compress"]
    return [_shrink(trained, config, include, amount) for amount in asked["shrink_amounts"] if asked["shrink_method"]]


def _shrink(trained: Trained, config: dict[str, Any], include: Any, amount: float) -> ShrunkNetwork:
    asked, parts = config["compress"], trained.parts
    masks = compress.masks(
        trained.params,
        asked["shrink_method"],
        amount,
        key=jax.random.key(config["seed"]),
        include=include,
        exclude=config["prune"]["exclude"],
        axis=asked["shrink_axis"],
    )
    dense = {"params": trained.params, **trained.model_state}
    masked = {**dense, "params": compress.apply_masks(trained.params, masks)}
    model, variables, shrinkage = compress.shrink(parts.model, dense, masks)
    networks = [(parts.model, masked), (model, variables)]
    inputs = parts.engine.inputs
    images = preprocess(
        jnp.asarray(parts.dataset.test.images[:LOGIT_IMAGES]), mean=inputs.mean, std=inputs.std, dtype=inputs.dtype
    )
    before, after = (np.asarray(jax.jit(partial(m.apply, train=False))(v, images)) for m, v in networks)
    batch = images[: asked["latency_batch"]]
    latency = latencies(networks, batch)
    multiply_adds = [
        macs.multiply_adds(partial(m.apply, train=False), v, parts.dataset.image_shape).total for m, v in networks
    ]
    return ShrunkNetwork(
        method=asked["shrink_method"],
        axis=asked["shrink_axis"],
        amount=amount,
        params_before=shrinkage.params_before,
        params_after=shrinkage.params_after,
        multiply_adds_before=multiply_adds[0],
        multiply_adds_after=multiply_adds[1],
        latency_before_ms=latency[0],
        latency_after_ms=latency[1],
        batch=len(batch),
        largest_difference=float(np.abs(before - after).max()),
        images=len(images),
        layers=models.shrunk_fields(model),
        kept=list(shrinkage.kept),
    )
