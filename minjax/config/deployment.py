"""The fields of export and prediction: what a trained network is written as, and what it classifies."""

from __future__ import annotations

from minjax.config.field import Field, Role, within
from minjax.config.kinds import Choice, Each, Flag, Integer, Number, Text

EXPORTED = ("stablehlo", "safetensors", "torch", "onnx", "onnx_int8", "tflite", "tflite_int8", "c")
_HOW, _WHERE = Role.HOW, Role.WHERE

EXPORT = within(
    "export",
    (
        Field(
            "formats",
            ("stablehlo", "safetensors"),
            Each(Choice(EXPORTED), fewest=1),
            "Formats that are written and verified.",
        ),
        Field(
            "max_accuracy_drop",
            0.005,
            Number(least=0, most=1),
            "Largest drop of test accuracy, as a fraction, at which an int8 file is still kept.",
        ),
        Field(
            "calibration_images",
            500,
            Integer(1),
            "Training images, stratified, that the int8 ranges of activations are measured on.",
        ),
    ),
    role=_HOW,
)

PREDICT = within(
    "predict",
    (
        Field(
            "images",
            "",
            Text("a PNG or JPEG file, or a folder of them"),
            "What is classified; a folder is searched through.",
            _WHERE,
        ),
        Field(
            "resize",
            False,
            Flag(),
            "Resize images of another size also where the network's data set was not resized.",
            _HOW,
        ),
        Field(
            "skip_damaged",
            False,
            Flag(),
            "Leave out images that cannot be read, and name them, instead of ending with an error.",
            _HOW,
        ),
    ),
)
