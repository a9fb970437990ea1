"""The blocks on a network's calibration: the reliability curve and what it says."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from minjax.findings.calibration import Calibration, calibration
from minjax.records.run import Predictions
from minjax.report.axes import accuracy_axis
from minjax.report.drawing import BLUE, GREY, LONG_DASHES, png, style
from minjax.report.formats import percent
from minjax.report.page import Block, Note, Picture

PICTURE = "reliability.png"


def blocks(predictions: Predictions) -> list[Block]:
    """What the stored predictions say of the network's calibration; a line where it cannot be said."""
    if predictions.confidence is None:
        return ["There is no reliability curve: the stored predictions are without probabilities."]
    found = calibration(predictions.confidence, predictions.labels == predictions.predicted)
    sure, right = found.overconfidence + _accuracy(predictions), _accuracy(predictions)
    much = abs(found.overconfidence)
    leaning = "too sure of itself" if found.overconfidence > 0 else "less sure of itself than it could be"
    text = (
        f"The network is right on {percent(right)} of the images and gives the classes that it chooses a "
        f"probability of {percent(sure)} on average"
    )
    text += f": it is {leaning} by {100 * much:.2f} points." if much >= 0.0005 else "."
    return [
        f"Expected calibration error: {percent(found.error)}. {text}",
        Picture(PICTURE, [picture(found)], "Reliability curve: accuracy over the probability of the chosen class"),
        Note(
            f"Images in {len(found.images)} bins of equal width by the probability of the chosen class; the error is "
            "the distance between accuracy and mean probability, averaged over images. On a few hundred images it is "
            "above zero even for a well-calibrated network."
        ),
    ]


def picture(found: Calibration) -> bytes:
    """The reliability curve above the number of images in each bin."""
    width = found.edges[1] - found.edges[0]
    middle, some = found.edges[:-1] + width / 2, found.images > 0
    with style():
        figure = Figure(figsize=(5.2, 4.8), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.bar(middle[some], found.accuracy[some], 0.94 * width, color=BLUE, alpha=0.35, label="accuracy")
        above.plot(found.confidence[some], found.accuracy[some], "o", color=BLUE, label="accuracy at mean probability")
        above.plot([0, 1], [0, 1], color=GREY, linestyle=LONG_DASHES, linewidth=1.1, label="perfectly calibrated")
        above.set(xlim=(0, 1), ylim=(0, 1.02))
        accuracy_axis(above, "accuracy")
        above.legend(loc="upper left", fontsize=8)
        below.bar(middle, np.maximum(found.images, 0), 0.94 * width, color=BLUE)
        below.set_yscale("symlog", linthresh=1)
        below.set(xlabel="probability of the chosen class", ylabel="images")
        return png(figure)


def _accuracy(predictions: Predictions) -> float:
    return float((predictions.labels == predictions.predicted).mean())
