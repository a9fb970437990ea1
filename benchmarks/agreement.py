"""Does minjax train as PyTorch does? The same network with the same settings in both, five seeds each.

    pip install -e ".[bench]"
    python benchmarks/agreement.py --images=DIR     # DIR/train/<class>/* and DIR/test/<class>/*, such as CIFAR-10
    python benchmarks/agreement.py --epochs=2       # digits: a trial of the benchmark, in a few minutes
    python benchmarks/agreement_table.py            # docs/agreement.md from the records

Both sides have paper 1's settings (`configs/paper/`) with batches of 128: its initialisation, normalisation, optimizers
with their own learning rates and weight decays, crops from images padded by 4, mirroring, an incomplete last batch, a
constant learning rate over the first 100 epochs. They share the images (the training set's stratified part of
--limit), the threads and the process. What they draw (initial weights, order, crops) differs, as it does between seeds.
PyTorch's networks are those of `torch_models.py`, its loop and AdaBound are in `torch_training.py`.

A record for each framework, optimizer and seed is written when its last epoch is over: its settings, its conditions,
and for each epoch the training loss and accuracy (means over the epoch, augmented, batch norm in training mode) and the
test accuracy after it. A run that was ended goes on with the same command and repeats only what was being trained. By
the speeds in docs/benchmarks.md (ResNet18_S, batches of 128, two CPU cores) 4 epochs of 10,000 images should take 2 to
3 minutes for a seed of minjax's and less than 2 for one of PyTorch's: about 70 minutes for all 30.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pages
from agreement_table import RECORDS, SIDES

from minjax.errors import UserError, unknown

OPTIMIZERS = ("sgdm", "adam", "adabound")
NETWORKS = ("resnet18_s", "resnet18", "vgg16_s", "vit_s")
SEED = 42  # the first one


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line.

    Raises:
      UserError: an unknown optimizer, or a number out of range.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="", help="a folder of images with train/ and test/; default: digits")
    parser.add_argument("--network", choices=NETWORKS, default=NETWORKS[0])
    parser.add_argument("--optimizers", default=",".join(OPTIMIZERS), help="separated by commas; default: all")
    parser.add_argument("--seeds", type=int, default=5, help="of each framework (default 5)")
    parser.add_argument(
        "--epochs", type=int, default=4, help="default 4; below 100, where the schedule's first step is"
    )
    parser.add_argument("--limit", type=int, default=10_000, help="images to train on (default 10,000); 0: all")
    parser.add_argument("--batch", type=int, default=128, help="images per step (default 128)")
    parser.add_argument("--records", type=Path, default=RECORDS, help="default: benchmarks/records/agreement")
    flags = parser.parse_args(arguments)
    flags.optimizers = [name for name in flags.optimizers.split(",") if name]
    for name in flags.optimizers:
        if name not in OPTIMIZERS:
            raise unknown("optimizer", name, OPTIMIZERS)
    for name, least in (("seeds", 2), ("epochs", 1), ("limit", 0), ("batch", 1)):
        if getattr(flags, name) < least:
            raise UserError(f"--{name} must be at least {least}, not {getattr(flags, name)}")
    return flags


def configuration(flags: argparse.Namespace, optimizer: str) -> dict[str, Any]:
    """The resolved configuration of both sides.

    Raises:
      UserError: the learning rate would not be constant.
    """
    from minjax import presets
    from minjax.config.resolving import resolve

    config = presets.load(presets.find(f"paper/{flags.network}"))
    config.optimizer.name, config.batch_size, config.epochs, config.seed = optimizer, flags.batch, flags.epochs, SEED
    if flags.epochs >= min(config.optimizer.milestones):
        raise UserError(f"--epochs must be below {min(config.optimizer.milestones)}, not {flags.epochs}")
    config.dataset.limit_train = flags.limit or None
    if flags.images:
        config.dataset.name, config.dataset.path = "folder", flags.images
    else:
        config.dataset.name, config.dataset.normalize = "digits", "train"  # grey, which the paper's constants are not
        config.dataset.limit_train = min(flags.limit or 1000, 1000)
        config.dataset.crop_padding = 1
    return resolve(config)


class Minjax:
    """minjax's side: its own training programs, compiled once for all seeds."""

    def __init__(self, config: dict[str, Any], dataset: Any):
        import jax

        from minjax.tasks.assembly import build_model, build_optimizer, inputs_of
        from minjax.train import state as train_state
        from minjax.train.engine import Engine, steps_per_epoch

        self._epochs, size = config["epochs"], config["batch_size"]
        model = build_model(config, dataset.num_classes)
        optimizer, _ = build_optimizer(config, steps_per_epoch(len(dataset.train), size, drop_last=False))
        self._initial = jax.jit(lambda seed: train_state.init(model, optimizer, dataset.image_shape, seed))
        shapes = jax.eval_shape(self._initial, 0)
        self.num_params = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes.params))
        inputs = inputs_of(config, dataset)
        self._engine = Engine(model, optimizer, dataset.train, inputs, batch_size=size, drop_last=False)
        self._test = self._engine.place_split(dataset.test)

    def run(self, seed: int) -> Iterator[dict[str, float]]:
        """Train from the beginning; yields the figures of each epoch."""
        from minjax.train.epoch import Totals

        engine = self._engine
        state = engine.place(self._initial(seed))
        for epoch in range(1, self._epochs + 1):
            compiling, started = engine.compile_seconds, time.perf_counter()
            state, totals = engine.run(state, engine.place(Totals.zero()), epoch, 0, engine.steps_per_epoch)
            sums = engine.fetch(totals)
            seconds = time.perf_counter() - started - (engine.compile_seconds - compiling)
            yield {
                "train_loss": float(sums.loss) / int(sums.images),
                "train_accuracy": int(sums.correct) / int(sums.images),
                "test_accuracy": engine.evaluate(state, self._test)["accuracy"],
                "seconds": seconds,
            }


def side_builders() -> dict[str, Callable[..., Any]]:
    """By framework: (resolved configuration, data set) -> its side."""
    from torch_training import Side

    return {"minjax": Minjax, "PyTorch": Side}


def prepare() -> dict[str, Any]:
    """Give both frameworks the same CPU cores; returns the conditions that all records share.

    Raises:
      UserError: PyTorch is missing.
    """
    os.environ["JAX_PLATFORMS"] = "cpu"
    try:
        import torch
    except ImportError as error:
        raise UserError('the comparison needs PyTorch: pip install -e ".[bench]"') from error
    from minjax.records.record import builtins
    from minjax.tasks.provenance import provenance, usable_cpus

    threads = usable_cpus() or 1
    torch.set_num_threads(threads)
    conditions = builtins(provenance(" ".join(["python benchmarks/agreement.py", *sys.argv[1:]])))
    conditions["versions"]["torch"] = torch.__version__
    return conditions | {"threads": threads, "date": datetime.date.today().isoformat()}


def settings_of(config: dict[str, Any], dataset: Any) -> dict[str, Any]:
    """What decides the figures of a run apart from framework and seed, as its record states it."""
    from minjax.tasks.assembly import describe

    data = {key: value for key, value in describe(dataset).items() if key != "classes"}
    keep = ("name", "learning_rate", "momentum", "weight_decay", "b1", "b2", "eps", "final_lr", "gamma")
    return {
        "network": config["model"]["name"],
        "batch": config["batch_size"],
        "epochs": config["epochs"],
        "optimizer": {key: config["optimizer"][key] for key in keep if key in config["optimizer"]},
        "data": {**data, "crop_padding": config["dataset"]["crop_padding"]},
    }


def recorded(path: Path, settings: dict[str, Any]) -> bool:
    """Whether a record is there.

    Raises:
      UserError: it is of other settings, for example of another folder with the same name.
    """
    if not path.exists():
        return False
    found = json.loads(path.read_text())["settings"]
    settings = json.loads(json.dumps(settings))  # tuples as lists
    for key, value in settings.items():
        if found.get(key) != value:
            raise UserError(f"{path} is of other settings: {key} is {found.get(key)}, not {value}; use other --records")
    return True


def place(flags: argparse.Namespace, settings: dict[str, Any]) -> Path:
    """The folder of the records of these settings."""
    data = settings["data"]
    images = data["sizes"]["train"]
    return flags.records / f"{data['name']}-{images}-{flags.network}-b{flags.batch}-e{flags.epochs}"


def check_images(flags: argparse.Namespace, dataset: Any) -> None:
    """Check that the network takes the images, and that there are enough.

    Raises:
      UserError: it does not, or there are not.
    """
    shape = "x".join(map(str, dataset.image_shape))
    if shape != "32x32x3" and not flags.network.startswith("resnet"):
        raise UserError(f"{flags.network} takes images of 32x32x3; those of {dataset.name} are {shape}")
    if flags.batch > len(dataset.train):
        raise UserError(f"--batch={flags.batch} is more than the {len(dataset.train):,} images to train on")


def measure(flags: argparse.Namespace, conditions: dict[str, Any]) -> list[Path]:
    """Train what has no record yet, seed after seed, so that an early end leaves whole seeds; returns all records."""
    from minjax.records import write_text
    from minjax.tasks.assembly import load_data
    from minjax.tasks.console import Progress

    configs = {optimizer: configuration(flags, optimizer) for optimizer in flags.optimizers}
    dataset = load_data(next(iter(configs.values())))
    check_images(flags, dataset)
    settings = {optimizer: settings_of(config, dataset) for optimizer, config in configs.items()}
    tasks = []
    for seed in range(SEED, SEED + flags.seeds):
        for optimizer in flags.optimizers:
            folder = place(flags, settings[optimizer])
            tasks += [(side, optimizer, seed, folder / f"{side}-{optimizer}-s{seed}.json") for side in SIDES]
    missing = [task for task in tasks if not recorded(task[-1], settings[task[1]])]
    print(f"{len(tasks)} runs, {len(missing)} of them to be trained", flush=True)
    builders, sides = side_builders(), {}
    with Progress(flags.epochs * len(missing), unit="epochs") as progress:
        for framework, optimizer, seed, path in missing:
            if (framework, optimizer) not in sides:
                sides[framework, optimizer] = builders[framework](configs[optimizer], dataset)
            check_same({side: sides[side, optimizer] for side in SIDES if (side, optimizer) in sides})
            epochs = []
            for figures in sides[framework, optimizer].run(seed):
                epochs.append(figures)
                progress.advance(1, status=f"{framework}, {optimizer}, seed {seed}")
            record = {"framework": framework, "seed": seed, "settings": settings[optimizer], "conditions": conditions}
            write_text(path, json.dumps({**record, "epochs": [finite(one) for one in epochs]}, indent=1) + "\n")
            last = epochs[-1]
            progress.say(
                f"{framework:8s} {optimizer:8s} seed {seed}: {100 * last['train_accuracy']:.2f} % training and "
                f"{100 * last['test_accuracy']:.2f} % test accuracy in epoch {len(epochs)}"
            )
    return [task[-1] for task in tasks]


def check_same(sides: dict[str, Any]) -> None:
    """Check that both sides train the same network.

    Raises:
      UserError: their numbers of parameters differ.
    """
    counts = {framework: side.num_params for framework, side in sides.items()}
    if len(set(counts.values())) > 1:
        raise UserError(f"not the same network: {counts} parameters")


def finite(figures: dict[str, float]) -> dict[str, float | None]:
    """The figures of an epoch, None for a loss that is not finite."""
    return {key: value if math.isfinite(value) else None for key, value in figures.items()}


def main(arguments: list[str] | None = None) -> None:
    flags = parse(arguments)
    paths = measure(flags, prepare())
    print(f"recorded: {paths[0].parent}; the page: python benchmarks/agreement_table.py")


if __name__ == "__main__":
    pages.run(main, "agreement")
