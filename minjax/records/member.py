"""What is measured of a member of a study: learning curves, its end, how far it can be pruned and quantized."""

from __future__ import annotations

from minjax.records.record import Fraction, Positive, Record, Seconds


class MemberCurves(Record, frozen=True, kw_only=True):
    """Accuracy of a member over amounts pruned and over bits, on the images that networks are chosen by.

    Attributes:
        method: of pruning.
        scheme: of quantization.
        pruning: pairs of (amount, accuracy).
        quantization: pairs of (bits, accuracy).
    """

    method: str
    scheme: str
    pruning: list[tuple[Fraction, Fraction]]
    quantization: list[tuple[Positive, Fraction]]


class History(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a member's metrics were after each epoch, to six digits; None where one was not finite.

    Attributes:
        train_loss, train_accuracy: while it was trained.
        validation_loss, validation_accuracy: on the member's validation images.
        test_loss, test_accuracy: in older records instead of these, on the test split.
    """

    train_loss: list[float | None]
    train_accuracy: list[float | None]
    validation_loss: list[float | None] | None = None
    validation_accuracy: list[float | None] | None = None
    test_loss: list[float | None] | None = None
    test_accuracy: list[float | None] | None = None

    def __post_init__(self) -> None:
        _check_one_split(self)

    @property
    def accuracy(self) -> list[float | None]:
        """After each epoch, on the images that networks are chosen by."""
        return self.validation_accuracy or self.test_accuracy or []

    @property
    def loss(self) -> list[float | None]:
        """After each epoch, on the same images."""
        return self.validation_loss or self.test_loss or []


class MemberFinal(Record, frozen=True, kw_only=True, omit_defaults=True):
    """Loss and accuracy of a member after its last epoch, on the same images as in `History`.

    Attributes:
        balanced_accuracy: mean over the classes of the share of their validation images that is classified correctly;
            None: networks are not chosen by it.
    """

    train_loss: float | None
    train_accuracy: Fraction
    validation_loss: float | None = None
    validation_accuracy: Fraction | None = None
    balanced_accuracy: Fraction | None = None
    test_loss: float | None = None
    test_accuracy: Fraction | None = None

    def __post_init__(self) -> None:
        _check_one_split(self)

    @property
    def accuracy(self) -> float:
        """What networks are chosen by: balanced where that is asked for."""
        return self.share_correct if self.balanced_accuracy is None else self.balanced_accuracy

    @property
    def share_correct(self) -> float:
        """The share of images that are classified correctly, of those that networks are chosen by."""
        found = self.test_accuracy if self.validation_accuracy is None else self.validation_accuracy
        assert found is not None
        return found


def _check_one_split(metrics: History | MemberFinal) -> None:
    if (metrics.validation_accuracy is None) == (metrics.test_accuracy is None):
        raise ValueError("it needs either validation_accuracy or test_accuracy")


class MemberSeconds(Record, frozen=True, kw_only=True):
    """A member's share of the seconds spent training and measuring curves; `curves` None: counted under `train`."""

    train: Seconds
    curves: Seconds | None
