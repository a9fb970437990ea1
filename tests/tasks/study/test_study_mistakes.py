"""What a study refuses, each in one line and with nothing written."""

from __future__ import annotations

import pytest

from minjax.main import main
from tests.tasks.study.small_studies import small

MISTAKES = {
    "--config.study.seeds=1": "study.seeds is 1; it must be at least 2",
    "--config.study.dnn.widths=(0,4)": "study.dnn.widths has 0; each must be at least 1",
    "--config.study.dnn.widths=()": "study.dnn.widths is []; it must be a tuple of 1 or more",
    "--config.study.dnn.shapes=('round',)": "study.dnn.shapes has 'round'; each must be equal, decreasing",
    "--config.study.families=('rnn',)": "study.families has 'rnn'; each must be dnn, cnn, vit or resnet",
    "--config.study.families=()": "the grid is empty",
    "--config.study.axes=(('optimizer.rate', (0.1,)),)": "unknown field 'optimizer.rate'",
    "--config.study.axes=(('seed', (1,2)),)": "study.seeds says how many",
    "--config.study.axes=(('dataset.augment', ('none','crop')),)": "share one data set",
    "--config.study.axes=('optimizer.learning_rate',)": "study.axes has 'optimizer.learning_rate'; each must be a pair",
    "--config.study.budget_minutes=0.001": " minutes or more",
    "--config.study.executor=slurm": "study.executor is 'slurm'; it must be local or ray",
    "--config.study.extent=some": "study.extent is 'some'; it must be all or knee",
    "--config.study.curves=few": "study.curves is 'few'; it must be equal, all or none",
    "--config.study.prune_method=random": "study.prune_method is 'random'; it must be l1 or global_l1",
    "--config.study.scheme=float16": "study.scheme is 'float16'; it must be symmetric_channel_minmax",
    "--config.study.bits=(2,4)": "study.bits is [2, 4]; it must be a tuple with each element once, the largest first",
    "--config.study.sigma=2.0": "study.sigma is 2.0; it must be below 1",
    "--config.study.coarse=0": "at least 1",
    "--config.devices=9": "devices is 9",
    "--config.drop_last=False": "not for studies",
    "--config.early_stop=3": "not for studies",
    "--config.dataset.validation_fraction=0.0": "it must be above 0 in a study, for example 0.2: sizes are chosen by",
    "--config.dataset.validation_fraction=0.001": "of 1437 images is 1: both they and the images left to train on",
    "--config.study.axes=(('dataset.validation_fraction', (0.1,0.2)),)": "share one data set",
    "--config.study.axes=(('dataset.limit_train', (500,5000)),)": "dataset.limit_train must be between the number of",
    "--config.study.axes=(('dataset.limit_train', (500,100)),)": "batch_size is 128; the training split has 100 images",
    "--config.study.amounts=1": "study.amounts is 1; it must be at least 2",
    "--config.study.axes=(('early_stop', (1,2)),)": "early_stop cannot be an axis: all members of a study are trained",
    "--config.study.axes=(('tensorboard', (True,)),)": "tensorboard cannot be an axis: it does not change",
    "--config.study.max_params=84": "study.max_params is 84; the smallest of the grid, dnn-1-equal-1, has 85",
    "--config.study.max_ram_bytes=64": "study.max_ram_bytes is 64; the one with the least RAM of the grid, dnn-",
    "--config.study.target_accuracy=0.1": "study.target_accuracy is 0.1; it must be above 0.1",
    "--config.study.goal=most_accurate": "study.goal is 'most_accurate' without a limit",
    "--config.seed=2147483646": "seed is 2147483646; with study.seeds=",
}


def test_a_network_too_large_for_the_memory_is_refused_with_the_figures(tmp_path, capsys):
    directory = tmp_path / "none"
    assert main(small(directory, "--config.study.dnn.widths=(4,200000)", "--config.study.dnn.depths=(2,)")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("minjax: error: this training needs at least 6")
    assert line.endswith("leave dnn-2-equal-200000 out of the study")
    assert not directory.exists()


@pytest.mark.parametrize("argument", MISTAKES)
def test_mistakes_are_one_line_and_write_nothing(argument, tmp_path, capsys):
    directory = tmp_path / "none"
    assert main(small(directory, argument)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("minjax: error: ")
    assert MISTAKES[argument] in line
    assert not directory.exists()


TOGETHER = {
    "a family that cannot take the images": (
        ("--config.study.families=('dnn','cnn')", "--config.study.cnn.stem_kernels=(9,)"),
        "study.families has 'cnn'; for images of 8x8x1 the grid is empty: none of its 32 points can be",
    ),
    "a target that guessing reaches, where classes count alike": (
        ("--config.study.target_accuracy=0.1", "--config.study.metric=balanced_accuracy"),
        "study.target_accuracy is 0.1; it must be above 0.1: guessing reaches that",
    ),
    "a class without an image in the curves": (
        ("--config.study.curve_images=9", "--config.study.metric=balanced_accuracy"),
        "study.curve_images is 9; balanced accuracy needs an image of each of the 10 classes",
    ),
    "two limits that no network meets": (
        ("--config.study.max_params=90", "--config.study.max_bytes=500"),
        "study.max_bytes is 500; the one with the smallest file of the networks within study.max_params=90, dnn-1",
    ),
}


@pytest.mark.parametrize("mistake", TOGETHER)
def test_fields_that_do_not_go_together(mistake, tmp_path, capsys):
    arguments, message = TOGETHER[mistake]
    directory = tmp_path / "none"
    assert main(small(directory, *arguments)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not directory.exists()
