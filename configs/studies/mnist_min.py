"""The smallest network that reaches 99 % on MNIST: separable convolutions of many depths and kernels.

python -m minjax.main --config=configs/studies/mnist_min.py
python -m minjax.main --config=configs/studies/mnist_min.py --config.study.target_accuracy=0.98

All 60,000 images, a fifth of which validates; shifts of one pixel (crops from images padded by one), 18 epochs and
more about the answer. With images in a folder: --config.dataset.name=folder --config.dataset.path=my-mnist
"""

from configs.studies import find_min


def get_config():
    """MNIST through TFDS, within 90 minutes."""
    config = find_min.get_config()
    config.dataset.name = "mnist"
    config.dataset.augment = "crop"
    config.dataset.crop_padding = 1
    config.epochs = 18
    study = config.study
    study.target_accuracy = 0.99
    study.max_params = 20_000
    study.budget_minutes = 90.0
    study.programs = 24  # training costs more than compiling
    study.families = ("dnn", "cnn")
    study.dnn.depths = (0, 1)
    study.cnn.depths = (3, 4)
    study.cnn.channels = (4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32)
    study.cnn.blocks = ("separable",)
    study.cnn.kernels = (3, 5)
    return config
