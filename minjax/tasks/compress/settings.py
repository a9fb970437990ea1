"""The configuration of task=compress, checked before anything is read or written."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from minjax import tree
from minjax.compress import rounds
from minjax.compress.methods import method
from minjax.config import SECTIONS_OF, check, plain
from minjax.config.resolving import resolve
from minjax.config.table import TRAINING
from minjax.errors import UserError
from minjax.records.record import read_config
from minjax.tasks.assembly import build_model, load_data
from minjax.tasks.compress.trained import check as check_run
from minjax.tasks.compress.trained import directory_of


def settle(config: ConfigDict) -> dict[str, Any]:
    """The resolved configuration: what is asked of compression, and of the training before it where no run is given.

    Raises:
        UserError: an unknown name, a number out of range.
    """
    asked = plain(config.to_dict())
    own = [section for section in SECTIONS_OF["compress"] if section not in TRAINING]
    check(asked, ("", *own))
    _check_together(asked)
    if asked["run"]:
        asked["run"] = str(directory_of(asked["run"]))
    return {
        **{key: asked[key] for key in ("task", "name", "seed", "run", *own)},
        "training": None if asked["run"] else resolve(config) | {"task": "train"},
    }


def of_network(settled: dict[str, Any]) -> dict[str, Any]:
    """The same configuration with that of the run whose network is compressed: another one is another compression.

    Raises:
        UserError: `run` names no finished training run.
    """
    check_run(Path(settled["run"]))
    return {**settled, "training": read_config(settled["run"])}


def check_patterns(settled: dict[str, Any]) -> None:
    """Check that prune.include and prune.exclude match parameters of the network that is to be compressed.

    Only shapes are computed; the data are read where the network is yet to be trained.

    Raises:
        UserError: a pattern matches nothing; the parameters that there are are listed.
    """
    include, exclude = (tuple(settled["prune"][field]) for field in ("include", "exclude"))
    if not include and not exclude:
        return
    config = settled["training"]
    if settled["run"]:
        shape, classes = config["data"]["image_shape"], config["data"]["classes"]
    else:
        dataset = load_data(config)
        shape, classes = dataset.image_shape, dataset.num_classes
    model = build_model(config | {"parallel": "auto", "sync_batch_norm": True}, classes)
    variables = jax.eval_shape(partial(model.init, train=False), jax.random.key(0), jnp.zeros((1, *shape)))
    tree.select(variables["params"], include or ("*",), exclude)


def check_target(settled: dict[str, Any]) -> None:
    """Check that the accuracy asked for needs a network; the data are read for that.

    Raises:
        UserError: it needs none.
    """
    asked = settled["compress"]
    if asked["target_accuracy"] is not None and asked["recommend"]:
        balanced = asked["metric"] == "balanced_accuracy"
        load_data(settled["training"]).check_target(
            "compress.target_accuracy", asked["target_accuracy"], balanced=balanced
        )


def _check_together(asked: dict[str, Any]) -> None:
    prune, quantize = asked["prune"], asked["quantize"]
    for name in prune["methods"]:
        if method(name).group:
            raise UserError(
                f"prune.methods names {name!r}, which prunes one amount only and has no curve; give it as "
                "prune.round_method or compress.pack_method"
            )
    for name in (prune["round_method"], asked["compress"]["pack_method"]):
        method(name)  # N:M with N above M
    rounds(prune["schedule"], prune["round_amount"], prune["rounds"])
    if quantize["bits"] and not quantize["schemes"]:
        raise UserError("quantize.bits without quantize.schemes: name at least one scheme, or leave bits empty")
