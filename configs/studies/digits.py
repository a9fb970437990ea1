"""All three families on digits: fully connected, convolutional and transformer networks, five seeds each.

python -m minjax.main --config=configs/studies/digits.py

40 points of paper 2's DNN grid (equal shapes), convolutional networks of one and two layers, transformers on patches of
2x2 pixels. The transformers train with Adam and a warm-up, the others with SGDM.

Measured (docs/studies/digits; two cores of an AMD EPYC that did other work too): 1,120 parameters (95 % interval 380 to
1,360) for convolutional networks, 1,510 (1,090 to 5,050) for fully connected ones, 8,554 for transformers, whose grid
ends too soon; 9 minutes, of which 5 are compilation: without padding every network has a program of its own.
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
