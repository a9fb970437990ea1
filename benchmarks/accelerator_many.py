"""Parts of `benchmarks/accelerator.py` where one program holds many networks: populations, the versions of a curve."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.accelerator_parts import Line, Task, attempt, augmentation, type_of
from benchmarks.sides import LEARNING_RATE, WEIGHT_DECAY


def populations(task: Task) -> Iterator[Line]:
    """Populations of several sizes in both forms of their convolutions, beside members one after the other."""
    from minjax.models.grouped import FORMS, members_as

    network, scale = task.network, task.scale
    yield attempt({"form": "one after the other", "members": 4}, lambda: population(task, 4, together=False))
    for members in scale.members:
        for form in FORMS[:1] if network.model == "dnn" else FORMS:

            def together(members: int = members, form: str = form) -> Line:
                with members_as(form):
                    return population(task, members, together=True)

            yield attempt({"form": "together" if network.model == "dnn" else form, "members": members}, together)


def population(task: Task, members: int, *, together: bool) -> Line:
    """Train a population twice, the second time with everything compiled; its steps, of all members, in a second."""
    import jax
    import numpy as np

    from minjax import models, optim
    from minjax.data import Split
    from minjax.train import state as states
    from minjax.train.epoch import Input
    from minjax.train.member import Partition
    from minjax.train.population import Population

    network, (trained, held) = task.network, task.scale.member_images
    dtype = type_of(network)
    channels = network.image[2]
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (trained + held, *network.image), dtype=np.uint8)
    split = Split(pixels, draw.integers(0, 10, len(pixels), dtype=np.int32))
    model = models.build(network.model, 10, dtype=dtype, **network.fields)
    optimizer = lambda traits: optim.build("sgdm", traits["rate"], weight_decay=WEIGHT_DECAY)  # noqa: E731
    several = Population(
        model.apply,
        optimizer,
        lambda seed, traits: states.init(model, optimizer(traits), network.image, seed),
        split,
        Input(mean=(0.5,) * channels, std=(0.25,) * channels, augment=augmentation(network), dtype=dtype),
        images=(trained, held),
        epochs=1,
        batch_size=network.batch,
        capacity=members,
        together=together,
        devices=1,
    )
    order = np.arange(trained + held, dtype=np.int32)
    own = Partition(order[:trained], order[trained:], np.full(channels, 0.5), np.full(channels, 0.25))
    parts = jax.tree.map(lambda x: np.stack([np.asarray(x, x.dtype)] * members), own)
    traits = {"rate": np.full(members, LEARNING_RATE, np.float32)}
    seconds = [
        sum(part.seconds for part in several.train(np.arange(members), traits, parts, stop=lambda: False))
        for _ in range(2)
    ]
    steps = members * several.steps
    peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return {
        "dtype": dtype,
        "steps": steps,
        "compile_seconds": round(several.program.compile_seconds, 2),
        "seconds": seconds[1],
        "steps_per_second": round(steps / seconds[1], 1),
        "peak_bytes_so_far": peak,
    }


def curves(task: Task) -> Iterator[Line]:
    """A pruning curve of one network in one program, compiled and again."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh

    from minjax import compress, models
    from minjax.curves.driver import Driver
    from minjax.curves.program import Block, Members
    from minjax.data import Split
    from minjax.train.epoch import Input
    from minjax.train.population import AXIS

    network, scale = task.network, task.scale
    channels = network.image[2]
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (scale.test_images, *network.image), dtype=np.uint8)
    split = Split(pixels, draw.integers(0, 10, len(pixels), dtype=np.int32))
    model = models.build(network.model, 10, **network.fields)
    zeros = jnp.zeros((1, *network.image))
    variables = jax.jit(lambda: model.init({"params": jax.random.key(0)}, zeros, train=False))()
    params = variables["params"]
    statistics = {name: tree for name, tree in variables.items() if name != "params"}
    driver = Driver(
        model.apply,
        Mesh(np.array(jax.local_devices()[:1]), (AXIS,)),
        split,
        Input(mean=(0.5,) * channels, std=(0.25,) * channels),
        schemes=(compress.Scheme(),),
        rank=lambda params, ranks: ranks,
        batch_size=500,
        details=True,
    )
    for method in ("global_l1", "l1"):
        started = time.perf_counter()
        amounts = np.linspace(0, 1, scale.versions)
        counted = [compress.counts(params, method, float(amount)) for amount in amounts]
        counts = np.array([[one[name] for name in sorted(one)] for one in counted], np.int32)[None]
        several = Members(params, statistics, compress.ranks(params, method))
        none = jnp.zeros(counts.shape[1:], jnp.int32)
        block = Block(none, none[:, 0], jnp.zeros(len(none), bool), none[:, 0])
        pairs = [(0, scale.versions)]
        spent = [
            one.seconds
            for one in driver.run(jax.tree.map(lambda x: x[None], several), counts, block, pairs, lambda: False)
        ]
        yield {
            "method": method,
            "versions": scale.versions,
            "images": scale.test_images,
            "seconds": sum(spent),
            "compile_seconds": driver.program.compile_seconds,
            "in_all_seconds": time.perf_counter() - started,
        }
