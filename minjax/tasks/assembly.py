"""Builds what a resolved configuration names: data, model, optimizer, compiled programs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import jax
import optax
from flax import linen as nn

from minjax import data, models, optim, tree
from minjax.config.kinds import MOST
from minjax.deploy import sheet
from minjax.errors import UserError
from minjax.records.run import DataSheet
from minjax.train import state as train_state
from minjax.train.engine import Engine, axis_name, choose_devices, steps_per_epoch
from minjax.train.epoch import Input
from minjax.train.footprint import check_memory, footprint
from minjax.train.together import Together

AnyEngine = TypeVar("AnyEngine", Engine, Together)


@dataclasses.dataclass(frozen=True)
class Assembly(Generic[AnyEngine]):
    """The parts of a run.

    Attributes:
        datasets: the data set of each run, on the host; runs of other seeds may divide it differently.
        model: the network.
        schedule: step -> learning rate.
        engine: the compiled programs, with the training split on the devices.
        initial: seed -> a new `TrainState`, compiled as one program.
        like: the shapes and types of that state.
        num_params: trainable parameters.
    """

    datasets: tuple[data.Dataset, ...]
    model: nn.Module
    schedule: optax.Schedule
    engine: AnyEngine
    initial: Callable[[int], train_state.TrainState]
    like: train_state.TrainState
    num_params: int

    @property
    def dataset(self) -> data.Dataset:
        """The data set of the first run."""
        return self.datasets[0]

    def sheet(self) -> DataSheet:
        """What the network asks of a device."""
        shapes = {"params": self.like.params, **self.like.model_state}
        model = self.model.clone(axis_name=None)  # no layer is to wait for other devices
        return sheet.of_shapes(model, shapes, self.dataset.image_shape)


def assemble(config: dict[str, Any]) -> Assembly[Engine]:
    """Load the data and build everything else; nothing is written.

    Raises:
        UserError: data that cannot be read, or parts that do not fit: the model and the images, the batch size and the
            devices, or everything and the memory.
    """
    dataset = load_data(config)
    built = _build(config, dataset, sharing=len(choose_devices(config["devices"])))
    engine = Engine(
        built.model,
        built.optimizer,
        dataset.train,
        inputs_of(config, dataset),
        batch_size=built.batch,
        drop_last=config["drop_last"],
        parallel=config["parallel"],
        devices=config["devices"],
    )
    return built.assembly((dataset,), engine)


def assemble_together(configs: Sequence[dict[str, Any]], population: int) -> Assembly[Together]:
    """Load the data of runs that differ in the seed alone and build what trains them together; nothing is written.

    Args:
        configs: of the runs, resolved.
        population: how many runs the program is for.

    Raises:
        UserError: as `assemble`, or the seeds divide the data into splits of different sizes.
    """
    config = configs[0]
    datasets = (load_data(config), *(read_data(one) for one in configs[1:]))
    _check_alike(datasets)
    built = _build(config, datasets[0], runs=-(-population // len(choose_devices(config["devices"]))))
    engine = Together(
        built.model,
        built.optimizer,
        [dataset.train for dataset in datasets],
        [inputs_of(config, dataset) for dataset in datasets],
        batch_size=built.batch,
        population=population,
        drop_last=config["drop_last"],
        devices=config["devices"],
    )
    return built.assembly(datasets, engine)


class _Built(NamedTuple):
    """What an engine is made of."""

    model: nn.Module
    optimizer: optax.GradientTransformation
    schedule: optax.Schedule
    initial: Callable[[int], train_state.TrainState]
    like: train_state.TrainState
    batch: int

    def assembly(self, datasets: tuple[data.Dataset, ...], engine: AnyEngine) -> Assembly[AnyEngine]:
        params = tree.count(self.like.params)
        return Assembly(datasets, self.model, self.schedule, engine, self.initial, self.like, params)


def _build(config: dict[str, Any], dataset: data.Dataset, *, sharing: int = 1, runs: int = 1) -> _Built:
    """Build the parts of runs and check that they fit.

    Args:
        config: of one of the runs.
        dataset: of that run.
        sharing: devices that a batch is divided between.
        runs: that each device trains.
    """
    model = build_model(config, dataset.num_classes)
    batch = fitting_batch(config["batch_size"], len(dataset.train), sharing)
    steps = steps_per_epoch(len(dataset.train.labels), batch, config["drop_last"])
    optimizer, schedule = build_optimizer(config, steps)
    widen = train_state.in_float64 if config["dtype"] == "float64" else (lambda state: state)
    initial = jax.jit(lambda seed: widen(train_state.init(model, optimizer, dataset.image_shape, seed)))
    like = jax.eval_shape(initial, 0)  # fails here if the model cannot take the images
    needed = footprint(
        model, like, dataset.image_shape, -(-batch // sharing), data=data_bytes(dataset), dtype=config["dtype"]
    )
    devices = choose_devices(config["devices"])
    check_memory(needed.times(runs), devices, "choose a smaller network, batch_size or data set")
    return _Built(model, optimizer, schedule, initial, like, batch)


def _check_alike(datasets: Sequence[data.Dataset]) -> None:
    """Check that each split has as many images for every seed.

    Raises:
        UserError: one has not.
    """
    sizes = [{name: len(split) for name, split in splits(one).items()} for one in datasets]
    for other in sizes[1:]:
        for name, size in sizes[0].items():
            if other[name] != size:
                raise UserError(
                    f"the seeds divide the images into parts of other sizes: {name} has {size:,} and {other[name]:,}"
                )


def fitting_batch(asked: int, images: int, devices: int = 1, steps: int = 1) -> int:
    """The images of a batch: as many as asked for, or fewer of a small set, and then a line says so.

    Args:
        asked: `batch_size`.
        images: to train on.
        devices: whose number divides the batch.
        steps: that an epoch has at least.
    """
    if asked * steps <= images:
        return asked
    batch = max(images // steps // devices * devices, 1)
    print(
        f"minjax: note: there are {images:,} images to train on, so batches have {batch:,} instead of "
        f"batch_size={asked:,}",
        file=sys.stderr,
    )
    return batch


def load_data(config: dict[str, Any]) -> data.Dataset:
    """Load the data set that a configuration names, and say what there is to say about it."""
    dataset = read_data(config)
    for note in dataset.notes:
        print(f"minjax: warning: {note}", file=sys.stderr)
    return dataset


def read_data(config: dict[str, Any]) -> data.Dataset:
    """Load the data set that a configuration names.

    A recorded configuration states what `dataset.augment=auto` meant when it was written; that is what it still means.
    """
    fields = {key: value for key, value in config["dataset"].items() if key != "crop_padding"}
    if isinstance(fields["image_size"], list):
        fields["image_size"] = tuple(fields["image_size"])
    if fields["augment"] == "auto" and "data" in config:
        fields["augment"] = config["data"]["augment"]
    return data.load(seed=config["seed"], **fields)


def splits(dataset: data.Dataset) -> dict[str, data.Split]:
    """The splits by name: train, test and, if there is one, validation."""
    every = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: split for name, split in every.items() if split is not None}


def data_bytes(dataset: data.Dataset) -> int:
    """Bytes of the images and labels of all splits."""
    return sum(split.images.nbytes + split.labels.nbytes for split in splits(dataset).values())


def describe(dataset: data.Dataset) -> dict[str, Any]:
    """What config.json says about the data: name, shapes, sizes, normalisation and fingerprint."""
    return {
        "name": dataset.name,
        "classes": dataset.num_classes,
        "image_shape": list(dataset.image_shape),
        "sizes": {name: len(split.labels) for name, split in splits(dataset).items()},
        "augment": dataset.augment,
        "mean": list(dataset.mean),
        "std": list(dataset.std),
        "fingerprint": dataset.fingerprint,
    }


def about(config: dict[str, Any], dataset: data.Dataset) -> dict[str, Any]:
    """What a packed file says about its network: enough to build it again and to feed it images.

    Args:
        config: the resolved configuration of its training.
        dataset: what it was trained on.
    """
    return {
        "model": config["model"],
        "num_classes": dataset.num_classes,
        "class_names": list(dataset.class_names),
        "image_shape": list(dataset.image_shape),
        "image_size": config["dataset"]["image_size"],
        "mean": list(dataset.mean),
        "std": list(dataset.std),
        "dtype": config["dtype"],
    }


def inputs_of(config: dict[str, Any], dataset: data.Dataset) -> Input:
    """How the images of a data set are turned into the model's input."""
    return Input(
        mean=tuple(dataset.mean),
        std=tuple(dataset.std),
        augment=dataset.augment,
        crop_padding=config["dataset"]["crop_padding"],
        dtype=config["dtype"],
    )


def build_model(config: dict[str, Any], num_classes: int) -> nn.Module:
    """Build the model of a resolved configuration."""
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in config["model"].items()}
    name = fields.pop("name")
    synchronised = {"axis_name": axis_name(config["parallel"]), "sync_batch_norm": config["sync_batch_norm"]}
    return models.build(name, num_classes, dtype=config["dtype"], **synchronised, **fields)


def build_optimizer(config: dict[str, Any], epoch_steps: int) -> tuple[optax.GradientTransformation, optax.Schedule]:
    """Build the optimizer of a resolved configuration and its learning-rate schedule over steps."""
    fields = config["optimizer"]
    if config["epochs"] * epoch_steps > MOST:
        raise UserError(
            f"epochs is {config['epochs']}; of {epoch_steps} steps each, a run has at most {MOST // epoch_steps}"
        )
    hyper = {key: fields[key] for key in optim.DEFAULTS[fields["name"]] if key != "learning_rate"}
    schedule = optim.schedules.build(
        fields["schedule"],
        fields["learning_rate"],
        total_steps=config["epochs"] * epoch_steps,
        warmup_steps=round(fields["warmup_epochs"] * epoch_steps),
        milestones=tuple(epoch * epoch_steps for epoch in fields["milestones"]),
        decay_factor=fields["decay_factor"],
    )
    if fields["name"] in ("adabound", "amsbound"):
        hyper["base_lr"] = fields["learning_rate"]
    transformation = optim.build(fields["name"], schedule, **hyper)
    if fields["clip_norm"] is not None:
        transformation = optax.chain(optax.clip_by_global_norm(fields["clip_norm"]), transformation)
    return transformation, schedule
