"""All three families on digits: fully connected, convolutional and transformer networks, five seeds each.

python -m minjax.main --config=configs/studies/digits.py

40 fully connected networks with equal layers, convolutional networks of one and two layers, and transformers with
patches of 2x2 pixels. The transformers train with Adam and warm-up, the others with SGDM.

Measured by version 0.1, which chose on the test split (docs/studies/digits; two cores of an AMD EPYC that did other
work too): 1,120 parameters (95 % interval 380 to 1,360) for convolutional networks, 1,510 (1,090 to 5,050) for fully
connected ones, and 8,554 for transformers, whose grid ends too soon. Of the 9 minutes, 5 are compilation: networks that
cannot be padded have a program each.
"""

from configs.studies import base


def get_config():
    """30 epochs, batch 128."""
    config = base.get_config()
    config.dataset.name = "digits"
    config.epochs = 30
    config.study.families = ("dnn", "cnn", "vit")
    config.study.dnn.shapes = ("equal",)
    config.study.dnn.widths = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200)
    config.study.cnn.depths = (1, 2)
    config.study.cnn.channels = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    config.study.vit.depths = (1, 2)
    config.study.vit.dims = (4, 8, 16, 32)
    config.study.vit.set = base.transformer(patch_size=2)
    return config
