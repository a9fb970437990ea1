"""Training: a pure step, epochs on the device, evaluation, checkpoints."""
