"""A trained network as files for other runtimes, each read back and verified in them.

python -m minjax.main --config=configs/export.py --config.run=runs/digits-digits-sgdm-s42

writes model.stablehlo and model.safetensors into the run's export/; for others name them:

python -m minjax.main --config=configs/export.py --config.run=RUN --config.export.formats=onnx,tflite_int8,c

RUN may also be a packed file, runs/compressed/packed/8bit.mjx; its files go to export/8bit/ beside packed/.
"""

from configs import base


def get_config():
    """Nothing is trained; name the run with --config.run."""
    config = base.get_config()
    config.task = "export"
    return config
