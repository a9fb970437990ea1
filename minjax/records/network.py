"""What a file or a run says of its network, so that it can be built again and fed: typed, and with its ranges.

A packed or a safetensors file may come from anyone, and so may a run's config.json; nothing is built before this holds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from minjax.records.record import Name, Record

MOST_CLASSES = 2**20

Type = Literal["float32", "bfloat16", "float16", "float64"]
Side = Annotated[int, Meta(ge=1, le=2**16)]
PerChannel = Annotated[list[Annotated[float, Meta(ge=-1e6, le=1e6)]], Meta(min_length=1, max_length=3)]
Widths = Annotated[list[Annotated[int, Meta(ge=1, le=2**31 - 1)]], Meta(max_length=2**12)]


class Images(Record, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What a network is fed with; other keys are ignored.

    Attributes:
        image_shape: height, width, channels of the pixels, uint8.
        mean, std: of pixels scaled to [0, 1], per channel.
    """

    image_shape: tuple[Side, Side, Literal[1, 3]]
    mean: PerChannel
    std: PerChannel

    def __post_init__(self) -> None:
        channels = self.image_shape[2]
        if not len(self.mean) == len(self.std) == channels:
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} deviations for {channels} channels")
        if min(self.std) <= 0:
            raise ValueError("a deviation that is not positive")


class Description(Images, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What a file says of its network; other keys are ignored.

    Attributes:
        model: its name and its fields, which are checked where it is built.
        num_classes, class_names: a name for each output.
        dtype: of the computation; minjax 0.1 did not record it in packed files.
        shrunk: the sizes of a shrunk network's layers, where it is one.
        image_size: what the data set was resized to; None: it was not resized.
    """

    model: dict[str, Any]
    num_classes: Annotated[int, Meta(ge=2, le=MOST_CLASSES)]
    class_names: list[str]
    dtype: Type = "float32"
    shrunk: dict[str, Widths] | None = None
    image_size: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.class_names) != self.num_classes:
            raise ValueError(f"{len(self.class_names)} class names for {self.num_classes} classes")


class TrainingData(Images, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """The section `data` of a run's config.json."""

    name: Name


class Resizing(Record, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Of the section `dataset` of a run's config.json: what its images were resized to."""

    image_size: Any = None


class Training(Record, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What a run's config.json says of its network; other keys are ignored."""

    model: dict[str, Any]
    dtype: Type
    seed: int
    data: TrainingData
    dataset: Resizing
