"""A study of an imbalanced folder, where all classes count alike: from the records of members to the winner."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from minjax import data, load
from minjax.findings.candidates import balanced_accuracy
from minjax.main import main
from minjax.records.compression import read_compression
from minjax.records.study import read_study
from minjax.tasks.study.partitions import Partitions
from tests.tasks.study.small_studies import small

pytestmark = pytest.mark.slow  # a whole study
TRAINED = {0: 150, 1: 150, 8: 30}  # images of each digit; the eights are rare


def folder(root):
    """Three digits as PNG files, one of them a tenth as common as the other two together."""
    digits = load_digits()
    for label, count in TRAINED.items():
        images = digits.images[digits.target == label]
        for part, chosen in (("train", images[:count]), ("test", images[150:])):
            directory = root / part / f"digit {label}"
            directory.mkdir(parents=True)
            for number, image in enumerate(chosen):
                Image.fromarray((15.9 * image).astype(np.uint8)).save(directory / f"{number}.png")


def test_all_classes_count_alike_from_the_members_to_the_winner(tmp_path, capsys):
    folder(tmp_path / "images")
    directory = tmp_path / "study"
    arguments = small(
        directory,
        "--config.dataset.name=folder", f"--config.dataset.path={tmp_path / 'images'}",
        "--config.dataset.limit_train=None",
        "--config.study.extent=knee", "--config.study.metric=balanced_accuracy", "--config.study.sigma=0.3",
        "--config.study.target_accuracy=0.6", "--config.epochs=12", "--config.batch_size=32",
        "--config.study.dnn.widths=(2,8)", "--config.study.dnn.depths=(0,1)",
    )  # fmt: skip
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "please report it" not in printed

    study = read_study(directory)
    whole = {**study.config["dataset"], "validation_fraction": 0.0}
    images = data.load(seed=42, **{key: value for key, value in whole.items() if key != "crop_padding"})
    partitions = Partitions(images, study.config, [42, 43, 44, 45, 46])
    for one in study.members:
        labels = partitions.labels(one.seed)
        right = np.unpackbits(np.frombuffer(one.correct, np.uint8), count=len(labels))
        assert one.chance == pytest.approx(1 / 3)
        assert one.final.accuracy == one.final.balanced_accuracy == pytest.approx(balanced_accuracy(right, labels))
        assert one.final.validation_accuracy == pytest.approx(right.mean())
    assert any(abs(one.final.balanced_accuracy - one.final.validation_accuracy) > 0.05 for one in study.members)

    minimal = study.summary.findings.minimal
    assert (minimal.metric, minimal.question, minimal.level) == ("balanced_accuracy", "target", 0.6)
    own = [one.final.balanced_accuracy for one in study.members if one.point == minimal.winner.point and not one.fresh]
    assert minimal.winner.first_accuracy == pytest.approx(np.mean(own))
    for one in study.members:
        if one.curves is not None:  # pruned by nothing; as many images of each class, so not quite the same images
            assert one.curves.pruning[0][1] == pytest.approx(one.final.balanced_accuracy, abs=0.12)

    network, test = load(directory), images.test
    predicted = np.array(network.predict(test.images))
    expected = balanced_accuracy(predicted == np.array(images.class_names)[test.labels], test.labels)
    winner = study.summary.winner
    assert winner.test.balanced == pytest.approx(expected)
    assert all(one.test.balanced is not None and one.validation.balanced is not None for one in winner.finalists)
    packed = load(directory / winner.packed)
    predicted = np.array(packed.predict(test.images))
    expected_packed = balanced_accuracy(predicted == np.array(images.class_names)[test.labels], test.labels)
    compression = read_compression((directory / winner.packed).parent)
    choice, file = compression.summary.choice, compression.summary.recommended
    assert (choice.metric, choice.target, choice.floor) == ("balanced_accuracy", 0.6, 0.6)
    assert file.test.balanced == pytest.approx(expected_packed)
    assert file.loss == pytest.approx(choice.dense.balanced - file.validation.balanced)
    confirmed = [m for m in compression.measurements if m.curve == "confirmed"]
    assert all(m.balanced is not None for m in confirmed)
    assert any(abs(m.balanced - m.accuracy) > 0.01 for m in compression.measurements)
    assert not [note for note in winner.notes if "whatever their class" in note]  # chosen by balanced accuracy

    assert f"({100 * expected:.2f} % balanced) of the 84 test images" in printed

    again = tmp_path / "again"
    shutil.copytree(directory, again)
    assert main(["--config=report", f"--config.run={directory},{again}", f"--workdir={tmp_path / 'both'}"]) == 0
    assert "Its validation balanced accuracy is" in (tmp_path / "both" / "report.md").read_text()
