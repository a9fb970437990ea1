"""The two sides of a comparison of training speed: minjax's own loop, and a loop in PyTorch.

A step is forward, backward and an SGD-with-momentum update on synthetic images. minjax also shuffles, augments and
normalises uint8 images on the device; PyTorch takes float images that are ready on the device, in channels_last.
"""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks.networks import Network
from minjax.errors import UserError

LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 1e-3
Run = Callable[[int], None]  # takes this many steps and returns when the device has finished them


def torch_settings() -> int:
    """PyTorch's fastest ordinary settings, for all CPUs that this process may use; returns how many."""
    import torch

    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")  # TF32 on a GPU, as in JAX
    torch.backends.cudnn.benchmark = True
    return threads


class Training:
    """A network in training by minjax on synthetic data on one device: whole epochs in a dispatch, the data on it.

    Attributes:
        engine: its programs.
        steps: in an epoch.
        seconds: spent setting up, compiling and taking the first step.
    """

    def __init__(self, network: Network, *, dtype: str = "float32", augment: str = "none", images: int | None = None):
        """Compile the training program and take its first step.

        Args:
          network: what is trained.
          dtype: type of the computation.
          augment: how images are augmented on the device.
          images: in an epoch; None: 50 MB of them, but 4 to 256 steps.
        """
        import jax
        import numpy as np

        from minjax import models, optim
        from minjax.data import Split
        from minjax.train import state as train_state
        from minjax.train.engine import Engine
        from minjax.train.epoch import Input

        started = time.perf_counter()
        height, width, channels = network.image
        self.steps = max(4, min(256, 50_000_000 // (network.batch * height * width * channels)))
        if images is not None:
            self.steps = images // network.batch
        draw = np.random.default_rng(0)
        pixels = draw.integers(0, 256, (self.steps * network.batch, *network.image), dtype=np.uint8)
        labels = draw.integers(0, 10, len(pixels), dtype=np.int32)
        self._model = models.build(network.model, 10, dtype=dtype, **network.fields)
        self._optimizer = optim.build("sgdm", LEARNING_RATE, weight_decay=WEIGHT_DECAY, momentum=MOMENTUM)
        inputs = Input(mean=(0.5,) * channels, std=(0.25,) * channels, augment=augment, dtype=dtype)
        split = Split(pixels, labels)
        self.engine = Engine(self._model, self._optimizer, split, inputs, batch_size=network.batch, devices=1)
        self._start = jax.jit(lambda: train_state.init(self._model, self._optimizer, network.image, 0))
        self.restart()
        self.run(1)
        self.seconds = time.perf_counter() - started

    def restart(self) -> None:
        """Begin again from the seed."""
        from minjax.train.epoch import Totals

        self._carry = [self.engine.place(self._start()), self.engine.place(Totals.zero())]

    def run(self, count: int) -> None:
        """Take this many steps; returns when the device has finished them."""
        import jax

        while count > 0:
            now = min(count, self.steps)
            self._carry[:] = self.engine.run(*self._carry, 1, 0, now)
            count -= now
        jax.block_until_ready(self._carry)

    def digest(self) -> str:
        """A checksum of every bit of the state."""
        import jax

        leaves = jax.tree.leaves(self.engine.fetch(self._carry))
        return hashlib.sha256(b"".join(leaf.tobytes() for leaf in leaves)).hexdigest()


def torch_side(network: Network, device: str, *, mode: str | None = None, dtype: str = "float32") -> tuple[Run, float]:
    """Warm up PyTorch's training loop on synthetic data; returns it and the seconds that took.

    Args:
        network: what is trained.
        device: "cpu" or "gpu".
        mode: of torch.compile; None: eagerly.
        dtype: "float32", or "bfloat16" by autocast.
    """
    import torch

    from benchmarks import torch_models

    started = time.perf_counter()
    torch.manual_seed(0)
    place = "cuda" if device == "gpu" else "cpu"
    layout = torch.channels_last
    model: Any = network.torch(torch_models).to(place, memory_format=layout)
    check_parameters(network, sum(p.numel() for p in model.parameters()))
    height, width, channels = network.image
    images = [
        torch.randn(network.batch, channels, height, width, device=place).to(memory_format=layout) for _ in range(4)
    ]
    labels = [torch.randint(0, 10, (network.batch,), device=place) for _ in range(4)]
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, fused=True)
    if mode is not None:
        model = torch.compile(model, mode=mode)

    def run(count: int) -> None:
        for i in range(count):
            if mode == "reduce-overhead":  # CUDA graphs write every step's results to the same memory
                torch.compiler.cudagraph_mark_step_begin()
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(place, torch.bfloat16, enabled=dtype == "bfloat16"):
                logits = model(images[i % 4])
            torch.nn.functional.cross_entropy(logits.float(), labels[i % 4]).backward()
            optimizer.step()
        if place == "cuda":
            torch.cuda.synchronize()

    run(2 if mode is None else 4)  # CUDA graphs are recorded in the first steps
    return run, time.perf_counter() - started


def check_parameters(network: Network, count: int) -> None:
    """Check that both sides are the same network.

    Raises:
        UserError: the parameter counts differ.
    """
    import jax

    from minjax import models

    model = models.build(network.model, 10, **network.fields)
    images = jax.ShapeDtypeStruct((1, *network.image), "float32")
    shapes = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), images)["params"]
    ours = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    if ours != count:
        raise UserError(f"{network.model} has {ours} parameters in minjax and {count} in PyTorch: not the same network")


def steps_for(run: Run, seconds: float) -> int:
    """How many steps take about `seconds`; tries more and more of them, so that one-off costs weigh little."""
    count = 1
    while True:
        started = time.perf_counter()
        run(count)
        spent = time.perf_counter() - started
        if spent > seconds / 4:
            return max(1, round(seconds * count / spent))
        count *= 4


def speed(run: Run, steps: int, batch: int) -> float:
    """Images per second over this many steps."""
    started = time.perf_counter()
    run(steps)
    return steps * batch / (time.perf_counter() - started)
