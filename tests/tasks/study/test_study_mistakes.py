"""What a study refuses, each in one line and with nothing written."""

from __future__ import annotations

import pytest

from minjax.main import main
from tests.tasks.study.test_study import small

MISTAKES = {
    "--config.study.seeds=1": "a deviation over seeds needs at least 2",
    "--config.study.dnn.widths=(0,4)": "it must be an integer of at least 1",
    "--config.study.dnn.widths=()": "the grid is empty",
    "--config.study.dnn.shapes=('round',)": "unknown shape 'round'",
    "--config.study.families=('rnn',)": "unknown family of a study 'rnn'",
    "--config.study.families=()": "the grid is empty",
    "--config.study.axes=(('optimizer.rate', (0.1,)),)": "unknown field 'optimizer.rate'",
    "--config.study.axes=(('seed', (1,2)),)": "study.seeds says how many",
    "--config.study.axes=(('dataset.augment', ('none','crop')),)": "share one data set",
    "--config.study.axes=('optimizer.learning_rate',)": "made of pairs",
    "--config.study.budget_minutes=0.001": " minutes or more",
    "--config.study.executor=slurm": "unknown study.executor 'slurm'",
    "--config.study.extent=some": "unknown study.extent 'some'",
    "--config.study.curves=few": "unknown study.curves 'few'",
    "--config.study.prune_method=random": "unknown study.prune_method 'random'",
    "--config.study.scheme=float16": "a curve over bits needs a scheme",
    "--config.study.bits=(2,4)": "the most first",
    "--config.study.sigma=2.0": "fraction of accuracy",
    "--config.study.coarse=0": "at least 1",
    "--config.batch_size=4000": "the training split has 500 images",
    "--config.devices=9": "devices is 9",
    "--config.drop_last=False": "not for studies",
    "--config.early_stop=3": "not for studies",
}


@pytest.mark.parametrize("argument", MISTAKES)
def test_mistakes_are_one_line_and_write_nothing(argument, tmp_path, capsys):
    directory = tmp_path / "none"
    assert main(small(directory, argument)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("minjax: error: ")
    assert MISTAKES[argument] in line
    assert not directory.exists()
