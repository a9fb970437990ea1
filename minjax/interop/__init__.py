"""Weights from other frameworks: `minjax.interop.torch` reads PyTorch state dicts."""
