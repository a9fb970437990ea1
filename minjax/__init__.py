"""minjax: the smallest image classifier that reliably learns a task, and how far it can be pruned and quantized."""

__version__ = "0.1.0"
