"""PyTorch's side of `agreement.py`: paper 1's training loop on images in memory, and AdaBound."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch_models import TWINS

from minjax.data import Dataset, Split

EVALUATION_BATCH = 1000


class AdaBound(torch.optim.Optimizer):
    """AdaBound (Luo et al. 2019, algorithm 2, with Adam's bias correction as in their code).

    The step size lr / (sqrt(v) + eps) of each weight is clipped to a band about final_lr that narrows with the steps
    taken. Weight decay is added to the gradient. A schedule that lowers lr lowers the band by the same factor.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float = 1e-3,
        final_lr: float = 0.1,
        gamma: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        rates = {"lr": lr, "base_lr": lr, "final_lr": final_lr, "gamma": gamma}
        super().__init__(parameters, {**rates, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Update each parameter that has a gradient."""
        for group in self.param_groups:
            (b1, b2), gamma = group["betas"], group["gamma"]
            final = group["final_lr"] * group["lr"] / group["base_lr"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state |= {"t": 0, "m": torch.zeros_like(parameter), "v": torch.zeros_like(parameter)}
                state["t"] += 1
                t, m, v = state["t"], state["m"], state["v"]
                gradient = parameter.grad.add(parameter, alpha=group["weight_decay"])
                m.lerp_(gradient, 1 - b1)
                v.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
                rate = group["lr"] * (1 - b2**t) ** 0.5 / (1 - b1**t)
                sizes = (rate / (v.sqrt() + group["eps"])).clamp_(
                    final * (1 - 1 / (gamma * t + 1)), final * (1 + 1 / (gamma * t))
                )
                parameter.addcmul_(sizes, m, value=-1)


def optimizer_of(parameters: Iterable[nn.Parameter], hyper: dict[str, Any]) -> torch.optim.Optimizer:
    """The optimizer that the section `optimizer` of a resolved configuration names, with its settings."""
    rate, decay = hyper["learning_rate"], hyper["weight_decay"]
    if hyper["name"] == "sgdm":
        return torch.optim.SGD(parameters, rate, hyper["momentum"], weight_decay=decay)
    own = {"lr": rate, "betas": (hyper["b1"], hyper["b2"]), "eps": hyper["eps"], "weight_decay": decay}
    if hyper["name"] == "adam":
        return torch.optim.Adam(parameters, **own)
    return AdaBound(parameters, **own, final_lr=hyper["final_lr"], gamma=hyper["gamma"])


def augment(images: torch.Tensor, padding: int) -> torch.Tensor:
    """Cut a window from each zero-padded image and mirror half of them, like RandomCrop and RandomHorizontalFlip.

    Args:
        images: uint8 [B, H, W, C].
        padding: rows and columns of zeros on each side.

    Returns:
        uint8 [B, H, W, C].
    """
    count, height, width, _ = images.shape
    padded = functional.pad(images, (0, 0, padding, padding, padding, padding))
    rows, columns = (torch.randint(2 * padding + 1, (count, 1)) + torch.arange(length) for length in (height, width))
    columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


class Side:
    """Trains one network after another on the same data.

    Attributes:
        num_params: trainable parameters of the network.
    """

    def __init__(self, config: dict[str, Any], dataset: Dataset):
        self._config = config
        self._network = {"num_classes": dataset.num_classes}
        if dataset.image_shape[-1] != 3:  # only ResNets take others
            self._network["channels"] = dataset.image_shape[-1]
        self._mean, self._std = torch.tensor(dataset.mean), torch.tensor(dataset.std)
        self._train, self._test = map(_tensors, (dataset.train, dataset.test))
        self.num_params = sum(parameter.numel() for parameter in self._build().parameters())

    def _build(self) -> nn.Module:
        return TWINS[self._config["model"]["name"]](**self._network).to(memory_format=torch.channels_last)

    def run(self, seed: int) -> Iterator[dict[str, float]]:
        """Train from the beginning; yields the figures of each epoch (see `agreement.py`)."""
        torch.manual_seed(seed)
        model = self._build()
        optimizer = optimizer_of(model.parameters(), self._config["optimizer"])
        for _ in range(self._config["epochs"]):
            started = time.perf_counter()
            loss, accuracy = self._train_epoch(model, optimizer)
            seconds = time.perf_counter() - started
            test = self._accuracy(model)
            yield {"train_loss": loss, "train_accuracy": accuracy, "test_accuracy": test, "seconds": seconds}

    def _input(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [B,H,W,C] -> float32 [B,C,H,W], normalised, with the channels last in memory."""
        return ((images / 255 - self._mean) / self._std).permute(0, 3, 1, 2)

    def _train_epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[float, float]:
        """The mean loss and accuracy over the epoch, each image counted as it was trained on."""
        images, labels = self._train
        padding = self._config["dataset"]["crop_padding"]
        loss_sum, correct = 0.0, 0
        model.train()
        for chosen in torch.randperm(len(images)).split(self._config["batch_size"]):
            logits = model(self._input(augment(images[chosen], padding)))
            loss = functional.cross_entropy(logits, labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(chosen)
            correct += int((logits.argmax(1) == labels[chosen]).sum())
        return loss_sum / len(images), correct / len(images)

    @torch.no_grad()
    def _accuracy(self, model: nn.Module) -> float:
        images, labels = self._test
        model.eval()
        batches = zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True)
        return sum(int((model(self._input(few)).argmax(1) == right).sum()) for few, right in batches) / len(images)


def _tensors(split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(np.asarray(split.images)), torch.tensor(np.asarray(split.labels)).long()
