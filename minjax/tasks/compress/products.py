"""What is written beside the curves: packed files, checked by loading them, and physically smaller networks."""

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
from minjax.tasks.compress.plan import integer_scheme
from minjax.tasks.compress.trained import Trained
from minjax.train.evaluate import evaluate

LOGIT_IMAGES = 500  # test images on which a shrunk network is compared with the masked one


def packed(trained: Trained, config: dict[str, Any], include: Any, directory: Path) -> list[dict[str, Any]]:
    """Write the files of `pack_bits`, dense and pruned; each is loaded and predicts the whole test split again."""
    asked = config["compress"]
    scheme_name = integer_scheme(config["quantize"]) or "symmetric_channel_minmax"
    scheme = parse_scheme(scheme_name)
    assert isinstance(scheme, compress.Scheme)
    wanted: list[tuple[float, int | None]] = [(0.0, bits) for bits in asked["pack_bits"]]
    if asked["pack_bits"] and asked["pack_amount"]:
        wanted += [(asked["pack_amount"], None), *((asked["pack_amount"], bits) for bits in asked["pack_bits"])]
    lines = []
    for amount, bits in wanted:
        masks = None
        if amount:
            masks = compress.masks(
                trained.params,
                asked["pack_method"],
                None if compress.method(asked["pack_method"]).group else amount,
                key=jax.random.key(config["seed"]),
                include=include,
                exclude=config["prune"]["exclude"],
            )
        parts = [f"{asked['pack_method'].replace(':', 'of')}-{amount:g}"] if amount else []
        parts += ["float32" if bits is None else f"{bits}bit"]
        path = directory / "packed" / f"{'-'.join(parts)}.mjx"
        lines.append(_pack(trained, path, masks, bits, scheme, include))
        lines[-1] |= {
            "file": str(path.relative_to(directory)),
            "method": asked["pack_method"] if amount else None,
            "amount": amount,
            "bits": bits,
            "scheme": None if bits is None else scheme_name,
        }
    return lines


def _pack(
    trained: Trained, path: Path, masks: Any, bits: int | None, scheme: compress.Scheme, include: Any
) -> dict[str, Any]:
    how = {"symmetric": scheme.symmetric, "per_channel": scheme.per_channel, "clip": scheme.clip, "include": include}
    variables = {"params": trained.params, **trained.model_state}
    written = compress.save_packed(path, variables, bits=bits, masks=masks, about=about(trained), **how)
    expected = trained.params
    if bits is not None:
        expected = compress.fake_quantize(expected, bits, masks=masks, **how)
    elif masks is not None:
        expected = compress.apply_masks(expected, masks)
    loaded, _ = compress.load_packed(path, max_elements=max(2**24, tree.count(variables)))
    ours, theirs = (_evaluate(trained, v) for v in (loaded, {"params": expected, **trained.model_state}))
    return {
        "bytes_measured": path.stat().st_size,
        "bytes_theoretical": written.bytes_theoretical,
        "bytes_entropy": written.bytes_entropy,
        "same_predictions": bool((ours["predicted"] == theirs["predicted"]).all()),
        "accuracy": ours["accuracy"],
        "share": written.share,
    }


def about(trained: Trained) -> dict[str, Any]:
    """What a packed file says of its network: enough to build it again and to feed it."""
    parts = trained.parts
    return {
        "model": trained.config["model"],
        "num_classes": parts.dataset.num_classes,
        "class_names": list(parts.dataset.class_names),
        "image_shape": list(parts.dataset.image_shape),
        "mean": list(parts.dataset.mean),
        "std": list(parts.dataset.std),
    }


def _evaluate(trained: Trained, variables: Any) -> dict[str, Any]:
    test, engine = trained.parts.dataset.test, trained.parts.engine
    return evaluate(trained.parts.model.apply, variables, test.images, test.labels, engine.inputs)


def shrunk(trained: Trained, config: dict[str, Any], include: Any) -> list[dict[str, Any]]:
    """Take out what structured pruning left unused, at each of `shrink_amounts`; logits compared, latency measured."""
    asked = config["compress"]
    return [_shrink(trained, config, include, amount) for amount in asked["shrink_amounts"] if asked["shrink_method"]]


def _shrink(trained: Trained, config: dict[str, Any], include: Any, amount: float) -> dict[str, Any]:
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
    inputs = parts.engine.inputs
    images = preprocess(
        jnp.asarray(parts.dataset.test.images[:LOGIT_IMAGES]), mean=inputs.mean, std=inputs.std, dtype=inputs.dtype
    )
    before, after = (
        np.asarray(jax.jit(partial(m.apply, train=False))(v, images))
        for m, v in ((parts.model, masked), (model, variables))
    )
    few = images[: asked["latency_batch"]]
    first, second = latencies([(parts.model, masked), (model, variables)], few)
    shape = parts.dataset.image_shape
    counted = [
        macs.multiply_adds(partial(m.apply, train=False), v, shape).total
        for m, v in ((parts.model, masked), (model, variables))
    ]
    return {
        "method": asked["shrink_method"],
        "axis": asked["shrink_axis"],
        "amount": amount,
        "params_before": shrinkage.params_before,
        "params_after": shrinkage.params_after,
        "multiply_adds_before": counted[0],
        "multiply_adds_after": counted[1],
        "latency_before_ms": first,
        "latency_after_ms": second,
        "batch": len(few),
        "largest_difference": float(np.abs(before - after).max()),
        "images": len(images),
        "layers": models.shrunk_fields(model),
        "kept": list(shrinkage.kept),
    }
