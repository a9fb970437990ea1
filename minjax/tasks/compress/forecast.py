"""How long it will take to find the recommended file, said before it begins; and the bar that shows how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from minjax.findings.words import duration, plural
from minjax.tasks.console import Progress

BACKWARD = 3  # a step takes about as long as so many evaluations of its images
SCREENED = 0.5  # of the candidates that there may be: most networks fail before the last amount
CONFIRMED = 4  # files that are verified before two keep the accuracy
COMPILING = 2.0  # the programs to come, in times of the first one's compilation


@dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes:
        seconds_per_image: of one evaluation, measured.
        compile_seconds: of the program that screens.
        candidates: that may be screened at most.
        screening_images, calibration_images: that each is evaluated on, and that its statistics take on average.
        retrainings, steps, batch: trainings of so many steps of so many images.
        images: that files are verified on.
        test_images: that two files are tested on.
        split: the name of the split that files are chosen on.
    """

    seconds_per_image: float
    compile_seconds: float
    candidates: int
    screening_images: int
    calibration_images: int
    retrainings: int
    steps: int
    batch: int
    images: int
    test_images: int
    split: str

    def screening(self, versions: int = 1) -> float:
        """Seconds that screening so many versions takes."""
        return versions * (self.screening_images + self.calibration_images) * self.seconds_per_image

    def training(self, steps: int) -> float:
        """Seconds that so many steps take."""
        return steps * self.batch * BACKWARD * self.seconds_per_image

    def evaluating(self, images: int) -> float:
        """Seconds that classifying so many images takes."""
        return images * self.seconds_per_image

    def total(self) -> float:
        """Predicted seconds of everything."""
        return (
            COMPILING * self.compile_seconds
            + self.screening(round(SCREENED * self.candidates))
            + self.retrainings * self.training(self.steps)
            + self.evaluating(CONFIRMED * self.images + 2 * self.test_images)
        )

    def __str__(self) -> str:
        split = f"{self.split} images"
        parts = [f"up to {plural(self.candidates, 'candidate')} on {self.screening_images:,} {split}"]
        if self.retrainings:
            parts.append(f"{self.retrainings} of them trained again for {plural(self.steps, 'step')}")
        parts.append(f"the best files verified on all {self.images:,} {split}")
        if self.split != "test":
            parts.append(f"two of them on {self.test_images:,} test images")
        return f"about {duration(self.total())}: {', '.join(parts)}"


class Forecast:
    """A bar over the predicted seconds."""

    def __init__(self, work: Work):
        self.work = work
        self._bar = Progress(work.total())

    def __enter__(self) -> Forecast:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.close()

    def advance(self, seconds: float, label: str, accuracy: float) -> None:
        """Count predicted seconds as done."""
        self._bar.advance(seconds, label, f"accuracy {100 * accuracy:.2f} %")
