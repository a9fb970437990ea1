"""Networks without the channels that structured pruning empties, each written as a run that everything else takes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from msgspec.structs import asdict, replace

from minjax import models, tree
from minjax.compress import macs
from minjax.curves.latency import latencies
from minjax.data.augment import preprocess
from minjax.deploy import sheet
from minjax.records import record as records
from minjax.records.compressed import ShrunkNetwork, Split
from minjax.records.compression import REESTIMATED, TRAINED, Version
from minjax.records.files import disk_errors
from minjax.records.record import Provenance
from minjax.records.run import PREDICTIONS, SUMMARY, BestValidation, Final, Predictions, write_predictions
from minjax.tasks.assembly import build_optimizer
from minjax.tasks.compress.judging import Judge, scored
from minjax.tasks.compress.networks import Built, Networks
from minjax.train.checkpoint import Checkpoints
from minjax.train.epoch import Totals
from minjax.train.evaluate import evaluate
from minjax.train.metadata import Position
from minjax.train.state import TrainState

FOLDER = "shrunk"
LOGIT_IMAGES = 500  # test images on which the logits of a shrunk network and of the masked one are compared


def write(
    networks: Networks, judge: Judge, config: dict[str, Any], directory: Path, origin: Provenance
) -> list[ShrunkNetwork]:
    """Remove channels at each of `compress.shrink_amounts`, and write each network as a run.

    The first layer keeps its inputs, which are the image's. Batch norm's statistics are re-estimated; no weight is
    trained. The small network's logits are compared with those of the masked one.

    Args:
        networks: the versions of the network.
        judge: measures them.
        config: from `settings.settle`.
        directory: the work directory; runs go into its folder `shrunk`.
        origin: what the runs say of where they come from.
    """
    asked, found = config["compress"], list[ShrunkNetwork]()
    if not asked["shrink_method"] or not networks.prunes(asked["shrink_method"]):
        return found
    for amount in asked["shrink_amounts"]:
        version = Version(
            curve="candidate",
            method=asked["shrink_method"],
            amount=amount,
            exclude=networks.exclude(asked["shrink_method"]),
            batch_norm=REESTIMATED if networks.trained.model_state else TRAINED,
        )
        found.append(_shrunk(networks, judge, version, asked, directory, origin))
    return found


def _shrunk(
    networks: Networks, judge: Judge, version: Version, asked: dict[str, Any], directory: Path, origin: Provenance
) -> ShrunkNetwork:
    parts, axis = networks.trained.parts, asked["shrink_axis"]
    (masked, _), small = networks.masked(version, axis), networks.build(version, axis)
    assert small.shrinkage is not None
    dense = (parts.model, masked)
    shape, images = parts.dataset.image_shape, _pixels(networks, LOGIT_IMAGES)
    pair = [dense, (small.model, small.variables)]
    before, after = (np.asarray(jax.jit(partial(m.apply, train=False))(v, images)) for m, v in pair)
    batch = images[: asked["latency_batch"]]
    latency = latencies(pair, batch) if asked["latency_batch"] else [None, None]
    multiply_adds = [macs.multiply_adds(partial(m.apply, train=False), v, shape).total for m, v in pair]
    path = directory / FOLDER / f"{version.method}-{version.amount:g}"
    results = {name: judge.evaluate(small.model, small.variables, name) for name in {judge.selection, "test"}}
    _write_run(networks, small, results, path, origin)
    scores = {name: scored(found["predicted"] == judge.split(name).labels) for name, found in results.items()}
    return ShrunkNetwork(
        path=str(path.relative_to(directory)),
        method=str(version.method),
        axis=axis,
        amount=version.amount or 0.0,
        params_before=small.shrinkage.params_before,
        params_after=small.shrinkage.params_after,
        multiply_adds_before=multiply_adds[0],
        multiply_adds_after=multiply_adds[1],
        validation=scores.get("validation"),
        test=scores["test"],
        latency_before=latency[0],
        latency_after=latency[1],
        batch=len(batch) or None,
        largest_difference=float(np.abs(before - after).max()),
        images=len(images),
        layers=models.shrunk_fields(small.model),
        kept=list(small.shrinkage.kept),
    )


def _pixels(networks: Networks, count: int) -> jax.Array:
    """The first test images as the network's input."""
    parts = networks.trained.parts
    inputs = parts.engine.inputs
    pixels = jnp.asarray(parts.dataset.test.images[:count])
    return preprocess(pixels, mean=inputs.mean, std=inputs.std, dtype=inputs.dtype)


def _write_run(
    networks: Networks, small: Built, results: Mapping[Split, dict[str, Any]], path: Path, origin: Provenance
) -> None:
    """A run directory of a shrunk network: what `minjax.load`, another compression or an export need, and its result.

    It was not trained: its training loss and accuracy are those on the images that statistics are re-estimated on.
    """
    trained, tested = networks.trained, results["test"]
    dataset, calibration = trained.parts.dataset, networks.calibration_split
    config = {**trained.config, "model": {**trained.config["model"], "shrunk": models.shrunk_fields(small.model)}}
    with disk_errors(path):
        shutil.rmtree(path, ignore_errors=True)
    records.write_config(path, config)
    _save(networks, small, config, path)
    predictions = Predictions(dataset.test.labels, tested["predicted"], tuple(dataset.class_names))
    write_predictions(path / PREDICTIONS, predictions)
    learned = evaluate(
        small.model.apply, small.variables, calibration.images, calibration.labels, trained.parts.engine.inputs
    )
    validated = None
    if "validation" in results:
        validated = BestValidation(
            epoch=max(trained.summary.epochs, 1),
            validation_accuracy=results["validation"]["accuracy"],
            test_accuracy=tested["accuracy"],
        )
    result = replace(
        trained.summary,
        num_params=tree.count(small.variables["params"]),
        final=Final(
            train_loss=_finite(learned["loss"]),
            train_accuracy=learned["accuracy"],
            test_loss=_finite(tested["loss"]),
            test_accuracy=tested["accuracy"],
        ),
        best_validation=validated,
        max_test_accuracy=None,
        sheet=sheet.of_shapes(small.model, small.variables, dataset.image_shape),
        **asdict(origin),
    )
    records.write(path / SUMMARY, result)


def _finite(loss: float) -> float | None:
    return loss if np.isfinite(loss) else None  # JSON has no infinity


def _save(networks: Networks, small: Built, config: dict[str, Any], path: Path) -> None:
    """The checkpoint, at the step at which the run ended."""
    step, size = networks.trained.summary.steps, networks.trained.parts.engine.steps_per_epoch
    optimizer, _ = build_optimizer(config, size)
    variables = dict(small.variables)
    params = variables.pop("params")
    state = TrainState(
        step=jnp.int32(step),
        params=params,
        model_state=variables,
        opt_state=jax.device_get(optimizer.init(params)),
        key=jax.random.key_data(jax.random.key(config["seed"])),
    )
    checkpoints = Checkpoints(path / "checkpoints")
    try:
        arrays = {"state": state, "totals": jax.tree.map(np.asarray, Totals.zero())}
        checkpoints.save(step, arrays, Position(step // size + 1, step % size))
    finally:
        checkpoints.close()
