"""How well networks classify the split that files are chosen on, and the test split, image by image."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from msgspec.structs import replace

from minjax.data import Split
from minjax.deploy.network import Network
from minjax.findings.candidates import balanced_accuracy
from minjax.findings.intervals import Estimate, balanced_loss, paired_loss, share
from minjax.records.compressed import ClassAccuracy, Metric, Scored
from minjax.records.compressed import Split as Name
from minjax.records.run import PREDICTIONS, read_predictions
from minjax.tasks.compress.trained import Trained
from minjax.train.evaluate import run_batches, summarize

BATCH = 500


@partial(jax.jit, static_argnames=("model", "inputs", "batch_size"))
def _evaluate(variables: Any, images: jax.Array, labels: jax.Array, *, model: Any, inputs: Any, batch_size: int) -> Any:
    """Classes int32 [N] and the summed loss; a network of the same layers is not compiled again."""
    size = len(labels)
    return run_batches(
        variables,
        jnp.zeros(size, jnp.int32),
        jnp.zeros(()),
        images,
        labels,
        jnp.int32(0),
        jnp.int32(-(-size // batch_size)),
        apply=model.apply,
        inputs=inputs,
        batch_size=batch_size,
    )


class Judge:
    """Classifies the images of a run's splits.

    Attributes:
        selection: the split that files are chosen on: validation, or test where the run has no other.
    """

    def __init__(self, trained: Trained, metric: Metric = "accuracy"):
        """Nothing is evaluated yet.

        Args:
            trained: the run.
            metric: what networks are compared by.
        """
        self._trained, self._metric = trained, metric
        dataset = trained.parts.dataset
        self.selection: Name = "test" if dataset.validation is None else "validation"
        self._placed: dict[str, tuple[jax.Array, jax.Array]] = {}
        self._dense: dict[str, np.ndarray] = {}

    def split(self, name: Name) -> Split:
        """The images and labels of a split, on the host."""
        dataset = self._trained.parts.dataset
        found = dataset.test if name == "test" else dataset.validation
        assert found is not None
        return found

    def evaluate(self, model: Any, variables: Any, name: Name) -> dict[str, Any]:
        """A network on a split: `loss`, `accuracy`, and `predicted`, int32 [N]."""
        if name not in self._placed:
            split = self.split(name)
            self._placed[name] = jax.device_put((split.images, split.labels))
        images, labels = self._placed[name]
        inputs, batch = self._trained.parts.engine.inputs, min(BATCH, len(labels))
        found, loss = _evaluate(variables, images, labels, model=model, inputs=inputs, batch_size=batch)
        return summarize(found, loss, labels)

    def correct(self, network: Network, name: Name) -> np.ndarray:
        """Whether a network read back from the disk classifies each image of a split rightly, bool [N]."""
        predicted: np.ndarray = self.evaluate(network.model, network.variables, name)["predicted"]
        return predicted == self.split(name).labels

    def dense(self, name: Name) -> np.ndarray:
        """The same of the network before compression; on the test split as the run recorded it."""
        if name not in self._dense:
            trained, labels = self._trained, self.split(name).labels
            path = trained.directory / PREDICTIONS
            known = read_predictions(path) if name == "test" and path.exists() else None
            if known is not None and np.array_equal(known.labels, labels):
                predicted = known.predicted
            else:
                variables = {"params": trained.params, **trained.model_state}
                predicted = self.evaluate(trained.parts.model, variables, name)["predicted"]
            self._dense[name] = predicted == labels
        return self._dense[name]

    def scored(self, correct: np.ndarray, name: Name) -> Scored:
        """The accuracy of a network that classifies these images of a split rightly (bool [N]), with its interval."""
        return replace(scored(correct), balanced=self.balanced(correct, name))

    def balanced(self, correct: np.ndarray, name: Name) -> float | None:
        """The same as balanced accuracy; None where networks are not compared by it."""
        if self._metric == "accuracy":
            return None
        return balanced_accuracy(correct, np.asarray(self.split(name).labels))

    def loss(self, correct: np.ndarray) -> tuple[Estimate, float | None]:
        """What a network loses against the dense one on the split that files are chosen on, by what networks are
        compared by; and for balanced accuracy the standard error, else None."""
        dense = self.dense(self.selection)
        lost, gained = dense & ~correct, correct & ~dense
        if self._metric == "accuracy":
            return paired_loss(int(lost.sum()), int(gained.sum()), len(dense)), None
        labels = np.asarray(self.split(self.selection).labels)
        counts = np.bincount(labels)
        return balanced_loss(np.bincount(labels, lost), np.bincount(labels, gained), counts)

    def classes(self, correct: np.ndarray, name: Name) -> list[ClassAccuracy]:
        """Per class, the accuracies of the dense network and of one that classifies these images rightly."""
        labels, dense = self.split(name).labels, self.dense(name)
        found = []
        for label, class_name in enumerate(self._trained.parts.dataset.class_names):
            own = labels == label
            images = int(own.sum())
            means = [float(right[own].mean()) if images else None for right in (dense, correct)]
            found.append(ClassAccuracy(name=str(class_name), images=images, dense=means[0], compressed=means[1]))
        return found


def scored(correct: np.ndarray) -> Scored:
    """The accuracy of bool [N] with its interval."""
    found = share(int(correct.sum()), len(correct))
    return Scored(accuracy=found.value, interval=found.interval, images=len(correct))
