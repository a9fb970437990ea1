"""PyTorch: a state dict under the names of paper 1's code; `minjax.interop.torch_networks` has the modules."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minjax.deploy.formats.format import Checker, Format, Package, Runtime, Source, batched, version

TORCH = Package("torch", "minjax[torch]")


def write(source: Source, path: Path) -> None:
    """Write the state dict; the module takes normalised images [N, C, H, W]."""
    import torch

    from minjax.interop.torch import state_dict

    arrays = state_dict(source.network.model, source.network.variables, source.network.image_shape)
    torch.save({name: torch.from_numpy(value.copy()) for name, value in arrays.items()}, path)


def load(path: Path, source: Source) -> Runtime:
    """The file, loaded strictly into the module, run by PyTorch on the CPU."""
    import torch

    from minjax.interop.torch_networks import module

    network = source.network
    built = module(network.model, network.image_shape)
    built.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    built.eval()

    def run(pixels: np.ndarray) -> np.ndarray:
        images = np.asarray(network.preprocess(pixels)).transpose(0, 3, 1, 2)
        with torch.no_grad():
            return built(torch.from_numpy(images.copy())).numpy()

    modules = [type(part).__name__ for part in built.modules() if not list(part.children())]
    operators = {name: modules.count(name) for name in sorted(set(modules))}
    return Runtime("torch", version("torch"), batched(run), operators)


FORMAT = Format("torch", "model.pt", "float", (TORCH,), write, (Checker("torch", TORCH, load),))
