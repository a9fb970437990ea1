"""Accuracy over bits: quantized after training, by scheme, and quantized in training beside that."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from minjax.records.compression import Compression
from minjax.report.axes import accuracy_axis, bits_axis, references
from minjax.report.compression.curves import (
    SCHEME,
    aware_pairs,
    grouped,
    is_format,
    of,
    result,
    scheme_label,
    statistics,
    values,
    with_statistics,
)
from minjax.report.compression.pruning import mark_phases, phase_handles
from minjax.report.drawing import BLACK, COLOURS, DASHES, WIDTH, handle, legend, line_style, png, style

FORMAT_MARKERS = ("o", "s", "^", "v", "D", "P")


def picture(compression: Compression) -> bytes | None:
    """A line for each scheme, a marker for each format, a panel for each kind of batch-norm statistics; or None."""
    lines = [line for line in of(compression, "quantization") if line.bits is not None]
    if not lines:
        return None
    found, summary = statistics(lines), result(compression)
    schemes = list(grouped((line for line in lines if not is_format(line.scheme)), *SCHEME))
    formats = list(grouped((line for line in lines if is_format(line.scheme)), *SCHEME))
    looks = {key: line_style(place) for place, key in enumerate(schemes)}
    markers = {key: format_marker(place) for place, key in enumerate(formats)}
    with style():
        rows = 0.1 * (len(schemes) + len(formats))
        figure = Figure(figsize=(WIDTH if len(found) > 1 else 8.0, 4.4 + rows), layout="constrained")
        panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
        for axes, kind in zip(panels, found, strict=True):
            for key, group in grouped((line for line in lines if line.batch_norm == kind), *SCHEME).items():
                if key in looks:
                    axes.plot(*values(group, "bits", "accuracy"), **looks[key])
                    mark_phases(axes, compression, group, "bits", looks[key]["color"])
                else:
                    axes.plot(*values(group, "bits", "accuracy"), zorder=4, **markers[key])
            levels = references(axes, dense_network=summary.dense.accuracy, chance=summary.chance)
            accuracy_axis(axes, "test accuracy" if axes is panels[0] else "", decimals=0)
            bits_axis(axes, (line.bits for line in lines if line.bits))
            axes.set_title(with_statistics("Test accuracy", kind, statistics(compression.measurements)), loc="left")
        panels[0].set_ylim(-0.02, 1.02)
        handles = [handle(scheme_label(key), **look) for key, look in (looks | markers).items()]
        legend(figure, [*handles, *levels, *(phase_handles(compression) if looks else [])])
        return png(figure)


def format_marker(place: int) -> dict[str, Any]:
    """An open marker, smaller at later places: formats of one width often have one accuracy and lie on each other."""
    return {
        "linestyle": "none",
        "marker": FORMAT_MARKERS[place % len(FORMAT_MARKERS)],
        "markersize": max(12 - 2.5 * place, 4.5),
        "markerfacecolor": "none",
        "markeredgecolor": BLACK,
        "markeredgewidth": 1.2,
    }


def aware_picture(compression: Compression) -> bytes | None:
    """Quantization-aware training against quantization after training, solid against dashed; None without any."""
    pairs = aware_pairs(compression)
    if not pairs:
        return None
    found, summary = [key[-1] for key, _, _ in pairs], result(compression)
    with style():
        figure = Figure(figsize=(8.0, 4.4 + 0.2 * len(pairs)), layout="constrained")
        axes = figure.subplots()
        handles, bits = [], set()
        for place, (key, group, baseline) in enumerate(pairs):
            colour = COLOURS[place % len(COLOURS)]
            name = with_statistics(scheme_label(key[:-1]), key[-1], found)
            for lines, dash, face, when in (
                (group, DASHES[0], colour, "in training"),
                (baseline, DASHES[1], "white", "after training"),
            ):
                if lines:
                    look: dict[str, Any] = {"color": colour, "linestyle": dash, "markerfacecolor": face}
                    # Dash and face tell the two apart; with more schemes than colours the marker tells those apart.
                    look |= {"marker": FORMAT_MARKERS[place // len(COLOURS) % len(FORMAT_MARKERS)], "markersize": 5.5}
                    axes.plot(*values(lines, "bits", "accuracy"), **look)
                    handles.append(handle(f"{when}: {name}", **look))
                    bits |= {line.bits for line in lines if line.bits}
        handles += references(axes, dense_network=summary.dense.accuracy, chance=summary.chance)
        accuracy_axis(axes, decimals=0)
        axes.set_ylim(-0.02, 1.02)
        bits_axis(axes, bits)
        axes.set_title("Test accuracy, quantized in training and after it", loc="left")
        legend(figure, handles)
        return png(figure)
