"""`python -m minjax.models`: lists every network with its parameters for 10 and 100 classes and 32x32x3 images."""

from __future__ import annotations

from minjax.models import NAMES, param_count

PAPER_VIT_S = 827_338  # Folea, Table 1


def table() -> str:
    """The table as text: a line for each network, then what the papers count differently."""
    rows = [(name, param_count(name, 10), param_count(name, 100)) for name in NAMES]
    lines = [f"{'model':<12}{'10 classes':>14}{'100 classes':>14}"]
    lines += [f"{name:<12}{ten:>14,}{hundred:>14,}" for name, ten, hundred in rows]
    left_out = param_count("vit_s", 10) - PAPER_VIT_S
    lines += [
        "",
        "for 32x32x3 images, counting every trainable parameter",
        f"vit_s: the paper prints {PAPER_VIT_S:,} for 10 classes, which leaves out the class token and the position",
        f"embedding ({left_out:,} parameters)",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
