"""Training a pruned and quantized network: zeros stay zero, weights are rounded in every step, in one compiled program.

Gradients pass straight through the rounding. The bits travel in the state beside batch norm's statistics, and the masks
in the optimizer's state, so that networks of any amount and any bits share the program.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from minjax import compress, optim, tree
from minjax.records.compression import Version
from minjax.tasks.assembly import build_optimizer
from minjax.tasks.compress.networks import Networks
from minjax.tasks.compress.tuning import Stopped
from minjax.train.engine import Engine
from minjax.train.epoch import Totals
from minjax.train.pace import Pace
from minjax.train.state import TrainState

MACS = 6e11  # multiply-adds of one retraining, by default: some 15 s on two cores
EPOCHS, FEWEST = 3, 20  # epochs where that many cost less, and steps of a network so large that MACS would not do
_BITS = "bits"  # the collection of the state that holds them


class Retrainer:
    """Trains versions of a network for a few steps each.

    Attributes:
        steps: gradient steps of each retraining.
        batch: images of a step.
    """

    def __init__(self, networks: Networks, config: dict[str, Any]):
        """Nothing is compiled yet.

        Args:
            networks: the versions of the network.
            config: from `settings.settle`.
        """
        self._networks, trained = networks, networks.trained
        asked, parts = config["compress"], trained.parts
        epoch, self.batch = parts.engine.steps_per_epoch, int(trained.config["batch_size"])
        if asked["retrain_epochs"] is not None:
            self.steps = max(1, round(asked["retrain_epochs"] * epoch))
        else:
            affordable = int(MACS / (3 * max(networks.multiply_adds.total, 1) * self.batch))
            self.steps = min(EPOCHS * epoch, max(FEWEST, affordable))
        settings = copy.deepcopy(trained.config)
        rate = asked["retrain_learning_rate"]
        rate = settings["optimizer"]["learning_rate"] / 10 if rate is None else rate
        settings["optimizer"] |= {"learning_rate": rate, "schedule": "cosine", "warmup_epochs": 0.0}
        optimizer, _ = build_optimizer(settings | {"epochs": 1}, self.steps)
        self._kept = jax.tree.map(lambda x: np.ones(np.shape(x), bool), trained.params)
        hold = tree.select(trained.params, networks.include)
        self._optimizer = optax.chain(optimizer, optim.keep_zeros(self._kept, hold=hold))
        self._engine = Engine(
            _Rounded(parts.model, networks.rounded),  # type: ignore[arg-type]
            self._optimizer,
            parts.engine.train,
            parts.engine.inputs,
            batch_size=self.batch,
            drop_last=trained.config["drop_last"],
        )

    def train(self, version: Version, stop: Callable[[], bool], tick: Callable[[int, float], None]) -> dict[str, Any]:
        """Train a version, beginning with the weights of the run.

        Args:
            version: how it is pruned and quantized.
            stop: asked between dispatches.
            tick: called after each dispatch with the steps that it took and the accuracy in training so far.

        Returns:
            `params`, `model_state` and `masks` on the host, and `status`: "completed" or "diverged".

        Raises:
            Stopped: told to stop; the next run trains it again.
        """
        engine = self._engine
        masks = self._kept if version.method is None else self._networks.masks(version)
        state, totals = engine.place((self._start(masks, version.bits), jax.tree.map(np.asarray, Totals.zero())))
        done, pace, status = 0, Pace(), "completed"
        while done < self.steps and status == "completed":
            if stop():
                raise Stopped
            epoch, first = divmod(done, engine.steps_per_epoch)
            count = pace.steps(min(self.steps - done, engine.steps_per_epoch - first))
            started, compiling = time.perf_counter(), engine.compile_seconds
            state, totals = engine.run(state, totals, epoch + 1, first, count)
            found = engine.fetch(totals)  # waits for the dispatch
            pace.note(count, time.perf_counter() - started - (engine.compile_seconds - compiling))
            done += count
            status = "completed" if found.bad_step < 0 else "diverged"
            tick(count, int(found.correct) / max(int(found.images), 1))
        final = engine.fetch(state)
        model_state = {name: leaf for name, leaf in final.model_state.items() if name != _BITS}
        return {"params": final.params, "model_state": model_state, "masks": masks, "status": status}

    def _start(self, masks: Any, bits: int | None) -> TrainState:
        """The weights of the run, pruned, with a new optimizer."""
        trained = self._networks.trained
        params = jax.device_get(compress.apply_masks(trained.params, masks))
        opt_state = optim.with_masks(self._optimizer.init(params), masks)
        return TrainState(
            step=jnp.int32(0),
            params=params,
            model_state={**trained.model_state, _BITS: {_BITS: np.int32(bits or 0)}},
            opt_state=jax.device_get(opt_state),
            key=jax.random.key_data(jax.random.key(self._networks.seed)),
        )


class _Rounded:
    """A model whose weights are rounded to the bits that its state holds; 0: they are not.

    Args:
        model: the module.
        rounded: (params, traced bits) -> params.
    """

    def __init__(self, model: Any, rounded: Callable[[Any, jax.Array], Any]):
        self._model, self._rounded = model, rounded

    def apply(self, variables: Any, images: jax.Array, *, train: bool, rngs: Any, mutable: list[str]) -> Any:
        """As the model's, in training."""
        bits = variables[_BITS][_BITS]
        state = {name: value for name, value in variables.items() if name not in ("params", _BITS)}

        def used(params: Any) -> Any:
            rounded = self._rounded(params, jnp.maximum(bits, 2))
            return jax.tree.map(lambda x, y: jnp.where(bits > 0, y, x), params, rounded)

        params = compress.straight_through(used)(variables["params"])
        own = [name for name in mutable if name != _BITS]
        logits, new = self._model.apply({"params": params, **state}, images, train=train, rngs=rngs, mutable=own)
        return logits, {**new, _BITS: variables[_BITS]}
