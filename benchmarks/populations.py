"""A study's training compared with the same networks trained one at a time, by minjax and by PyTorch, in one run.

    pip install -e ".[bench]"
    python benchmarks/populations.py                       # 20 of the 114 networks of configs/studies/digits_dnn.py
    python benchmarks/populations.py --points=6 --seeds=2  # a quick look

The networks are evenly spread over size, with the smallest and the largest among them. The three sides share the data
(digits: 1,150 images to train on, 287 to validate on), the batch size, the epochs, the optimizer and the evaluation
after each epoch:

- *population*: the study's own programs, with padded widths and all seeds of the chosen networks; compilation counts
  by the share of the study's networks that were chosen, since the study compiles once for all of them;
- *one at a time*: the program of task=train for each network, one seed measured and multiplied by the number of seeds,
  compilation once per network (without the persistent cache);
- *PyTorch*: a loop over the same data in memory, one seed measured and multiplied by the number of seeds.

Writes the record and the page made from it.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import itertools
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import pages

from minjax.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
SIDES = ("population", "one at a time", "PyTorch")


def load_study(flags: argparse.Namespace):
    """The plan of the preset, as task=study makes it, with as many seeds as asked for."""
    from minjax.tasks.study import settings
    from minjax.tasks.study.plan import Plan

    specification = importlib.util.spec_from_file_location("preset", ROOT / "configs" / "studies" / "digits_dnn.py")
    module = importlib.util.module_from_spec(specification)
    sys.path.insert(0, str(ROOT))
    specification.loader.exec_module(module)
    config = module.get_config()
    config.epochs = flags.epochs
    config.study.curves = "none"
    config.study.seeds = flags.seeds
    return Plan(settings.settle(config))


def own_data(study: Any, flags: argparse.Namespace) -> Any:
    """The data as the member with the first seed divides them."""
    from minjax.tasks.assembly import load_data

    return load_data({**study.config, "seed": flags.seed})


def choose(study: Any, count: int) -> list[Any]:
    """`count` of the study's networks, evenly spread over size."""
    networks = sorted(study.networks, key=lambda point: (point.num_params, point.name))
    indices = sorted({round(i * (len(networks) - 1) / (count - 1)) for i in range(count)})
    return [networks[index] for index in indices]


def population_side(study: Any, chosen: list[Any], flags: argparse.Namespace) -> dict[str, Any]:
    """Train all seeds of the chosen networks with the programs of the whole study."""
    from minjax.studies.points import Member
    from minjax.tasks.study.program import Program

    ids = {point.id for point in chosen}
    train = compiling = 0.0
    programs, finals = 0, {}
    for group in study.groups:
        members = [Member(p, flags.seed + s) for p in group.points if p.id in ids for s in range(flags.seeds)]
        if not members:
            continue
        program = Program(group, study.dataset, study.partitions, study.study, len(members))
        programs += 1
        for records in program.train(members):
            train += sum(record.seconds.train for record in records)
            for record in records:
                if record.seed == flags.seed:
                    finals[record.point] = round(record.final.accuracy * study.partitions.sizes["validation"])
        compiling += program.compile_seconds
        print(f"population: {group.config['model']['widths']}: {len(members)} members", flush=True)
    share = len(chosen) / len({point.id for point in study.points})
    share *= len(study.groups) / programs  # programs that no chosen network is in cost something too
    return {"train": train, "compile": compiling * share, "programs": len(study.groups), "correct": finals}


def alone_side(study: Any, chosen: list[Any], flags: argparse.Namespace) -> dict[str, Any]:
    """Train one seed of each with the engine of task=train."""
    import jax

    from minjax.tasks.assembly import build_model, build_optimizer, inputs_of
    from minjax.train import state as train_state
    from minjax.train.engine import Engine, steps_per_epoch
    from minjax.train.epoch import Totals

    train = compiling = 0.0
    finals = {}
    data = own_data(study, flags)
    for point in chosen:
        config = point.config
        model = build_model(config, data.num_classes)
        optimizer, _ = build_optimizer(config, steps_per_epoch(len(data.train), config["batch_size"], True))
        started = time.perf_counter()
        initial = jax.jit(lambda seed: train_state.init(model, optimizer, data.image_shape, seed))  # noqa: B023
        engine = Engine(model, optimizer, data.train, inputs_of(config, data), batch_size=config["batch_size"])
        state, test = engine.place(initial(flags.seed)), engine.place_split(data.validation)
        jax.block_until_ready(state)
        beginning = time.perf_counter() - started
        started = time.perf_counter()
        for epoch in range(1, config["epochs"] + 1):
            state, totals = engine.run(state, engine.place(Totals.zero()), epoch, 0, engine.steps_per_epoch)
            engine.fetch(totals)
            result = engine.evaluate(state, test)
        train += time.perf_counter() - started - engine.compile_seconds
        compiling += beginning + engine.compile_seconds
        finals[point.id] = round(result["accuracy"] * len(data.validation))
    print(f"one at a time: {len(chosen)} networks", flush=True)
    return {"train": train * flags.seeds, "compile": compiling, "programs": len(chosen), "correct": finals}


def torch_side(study: Any, chosen: list[Any], flags: argparse.Namespace) -> dict[str, Any]:
    """Train one seed of each in a PyTorch loop."""
    import numpy as np
    import torch

    data = own_data(study, flags)
    mean, std = np.array(data.mean), np.array(data.std)

    def ready(split):
        images = (np.asarray(split.images, np.float32) / 255 - mean) / std
        return torch.tensor(images.reshape(len(images), -1), dtype=torch.float32), torch.tensor(split.labels).long()

    (images, labels), (test, test_labels) = ready(data.train), ready(data.validation)
    train, finals = 0.0, {}
    for point in chosen:
        config = point.config
        torch.manual_seed(flags.seed)
        sizes = [images.shape[1], *config["model"]["widths"]]
        layers: list[torch.nn.Module] = []
        for a, b in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], data.num_classes))
        if sum(p.numel() for p in model.parameters()) != point.num_params:
            raise UserError(f"{point.name} is not the same network in PyTorch")
        hyper, batch = config["optimizer"], config["batch_size"]
        optimizer = torch.optim.SGD(
            model.parameters(),
            hyper["learning_rate"],
            hyper["momentum"],
            weight_decay=hyper["weight_decay"],
            fused=True,
        )
        steps = len(images) // batch
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config["epochs"] * steps)
        started = time.perf_counter()
        for _ in range(config["epochs"]):
            order = torch.randperm(len(images))
            for step in range(steps):
                few = order[step * batch : (step + 1) * batch]
                optimizer.zero_grad(set_to_none=True)
                torch.nn.functional.cross_entropy(model(images[few]), labels[few]).backward()
                optimizer.step()
                schedule.step()
            with torch.no_grad():
                correct = int((model(test).argmax(1) == test_labels).sum())
        train += time.perf_counter() - started
        finals[point.id] = correct
    print(f"PyTorch: {len(chosen)} networks", flush=True)
    return {"train": train * flags.seeds, "compile": 0.0, "programs": 0, "correct": finals}


def page(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    conditions, sides = record["conditions"], record["sides"]
    versions = ", ".join(f"{name} {conditions['versions'][name]}" for name in ("python", "jax", "flax", "torch"))
    lines = [
        "# A study's training beside one network at a time",
        "",
        "Generated by `python benchmarks/populations.py`, which says what the sides are, from its record.",
        "",
        f"{conditions['device']}, {conditions['threads']} threads; {versions}; commit "
        f"{(conditions['git_commit'] or 'unknown')[:12]}; {conditions['date']}. {record['networks']} of the "
        f"{record['of']} networks of configs/studies/digits_dnn.py, {record['seeds']} seeds, {record['epochs']} "
        "epochs.",
        "",
        "| side | training, s | compilation, s | together, s | times the population's |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    whole = sides["population"]["train"] + sides["population"]["compile"]
    for name, side in sides.items():
        total = side["train"] + side["compile"]
        lines.append(
            f"| {name} | {side['train']:.1f} | {side['compile']:.1f} | {total:.1f} | {total / whole:.2f} "
            f"(training alone {side['train'] / sides['population']['train']:.2f}) |"
        )
    means = ", ".join(f"{name} {100 * side['mean_accuracy']:.1f} %" for name, side in sides.items())
    lines += ["", f"Mean validation accuracy of the first seed over the networks: {means}.", ""]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=42, help="the first one")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "populations.md")
    flags = parser.parse_args(arguments)
    if flags.points < 2 or flags.seeds < 2:
        raise UserError("--points and --seeds must be at least 2")
    from minjax.records import write_text
    from minjax.records.record import builtins
    from minjax.tasks.provenance import provenance

    conditions = builtins(provenance(" ".join(["python benchmarks/populations.py", *sys.argv[1:]])))
    conditions |= {"threads": len(os.sched_getaffinity(0)), "date": datetime.date.today().isoformat()}
    study = load_study(flags)
    chosen = choose(study, flags.points)
    run = dict(zip(SIDES, (population_side, alone_side, torch_side), strict=True))
    if flags.no_torch:
        del run["PyTorch"]
    else:
        try:
            import torch
        except ImportError as error:
            raise UserError('the comparison needs PyTorch: pip install -e ".[bench]"') from error
        torch.set_num_threads(conditions["threads"])
        conditions["versions"]["torch"] = torch.__version__
    conditions["versions"].setdefault("torch", "not run")
    sides = {}
    for name, side in run.items():
        sides[name] = result = side(study, chosen, flags)
        correct = result.pop("correct")
        result["mean_accuracy"] = sum(correct.values()) / len(correct) / study.partitions.sizes["validation"]
    record = {
        "conditions": conditions,
        "networks": len(chosen),
        "of": len({point.id for point in study.points}),
        "names": [point.name for point in chosen],
        "seeds": flags.seeds,
        "epochs": flags.epochs,
        "sides": sides,
    }
    machine = re.sub(r"[^a-z0-9]+", "-", str(conditions["device"]).lower()).strip("-")
    out = flags.out or ROOT / "benchmarks" / "records" / "studies" / f"populations-{machine}-{conditions['date']}.json"
    write_text(out, json.dumps(record, indent=2) + "\n")
    write_text(flags.page, page(record))
    print(page(record))
    print(f"written: {out}, {flags.page}")


if __name__ == "__main__":
    pages.run(main, "populations")
