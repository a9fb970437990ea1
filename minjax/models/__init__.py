"""Networks by name: `build("resnet18_s", num_classes)` returns a Linen module from NHWC images to logits."""

from minjax.models.counts import param_count, parameter_shapes
from minjax.models.variants import NAMES, build, family, fields, shrunk_fields

__all__ = ["NAMES", "build", "family", "fields", "param_count", "parameter_shapes", "shrunk_fields"]
