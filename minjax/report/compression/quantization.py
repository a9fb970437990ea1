"""Accuracy over bits: quantized after training, by scheme, and quantized in training beside that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from minjax.report.compression import frame
from minjax.report.compression.lines import SCHEME, aware_pairs, phase_is_of, scheme_label
from minjax.report.compression.names import is_format, with_norm
from minjax.report.compression.record import CompressionRecord, Point, grouped, norms
from minjax.report.formats import finite
from minjax.report.plots import BLACK, COLOURS, DASHES, STYLE, png

FORMAT_MARKERS = ("o", "s", "^", "v", "D", "P")


def picture(record: CompressionRecord) -> bytes | None:
    """A line a scheme, a marker a format, a panel a kind of batch-norm statistics; None without any."""
    points = [point for point in record.of("quantization") if point.bits is not None]
    if not points:
        return None
    found = norms(points)
    schemes = list(grouped((p for p in points if not is_format(p.scheme)), *SCHEME))
    formats = list(grouped((p for p in points if is_format(p.scheme)), *SCHEME))
    looks = dict(zip(schemes, frame.plain_looks(len(schemes)), strict=True))
    markers = {key: format_look(i) for i, key in enumerate(formats)}
    with matplotlib.rc_context(STYLE):
        rows = 0.1 * (len(schemes) + len(formats))
        figure = Figure(figsize=(10.4 if len(found) > 1 else 8.0, 4.4 + rows), layout="constrained")
        panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
        references: list[Line2D] = []
        for axes, bn in zip(panels, found, strict=True):
            groups = grouped((point for point in points if point.bn == bn), *SCHEME)
            for key, group in groups.items():
                if key in looks:
                    _draw_scheme(axes, record, group, looks[key])
                else:
                    axes.plot(*frame.values(group, "bits", "accuracy"), linestyle="none", zorder=4, **markers[key])
            references = frame.accuracy_axis(axes, record, named=axes is panels[0])
            frame.bits_axis(axes, (point.bits for point in points if point.bits))
            axes.set_title(with_norm("Test accuracy", bn, norms(record.points)), loc="left")
        panels[0].set_ylim(-0.02, 1.02)
        handles = [frame.handle(scheme_label(key), **look) for key, look in looks.items()]
        handles += [frame.handle(scheme_label(key), linestyle="none", **look) for key, look in markers.items()]
        frame.legend(figure, [*handles, *references, *(frame.mark_handles(record) if looks else [])])
        return png(figure)


def _draw_scheme(axes: Axes, record: CompressionRecord, group: Sequence[Point], look: dict[str, Any]) -> None:
    frame.draw(axes, group, "bits", "accuracy", **look)
    for phase in record.listed("phases"):
        if phase_is_of(phase, group[0]):
            for name, marker in (("knee", frame.KNEE), ("collapse_start", frame.COLLAPSE)):
                frame.mark(axes, finite(phase.get(name)), group, "bits", "accuracy", marker, look["color"])


def format_look(place: int) -> dict[str, Any]:
    """An open marker, the later the smaller: formats of one width often have one accuracy and lie on each other."""
    return {
        "marker": FORMAT_MARKERS[place % len(FORMAT_MARKERS)],
        "markersize": max(12 - 2.5 * place, 4.5),
        "markerfacecolor": "none",
        "markeredgecolor": BLACK,
        "markeredgewidth": 1.2,
    }


def aware_picture(record: CompressionRecord) -> bytes | None:
    """Quantization-aware training against quantization after training, solid against dashed; None without any."""
    pairs = aware_pairs(record)
    if not pairs:
        return None
    found = [key[-1] for key, _, _ in pairs]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 4.4 + 0.2 * len(pairs)), layout="constrained")
        axes = figure.subplots()
        handles, bits = [], set()
        for place, (key, group, baseline) in enumerate(pairs):
            colour = COLOURS[place % len(COLOURS)]
            name = with_norm(scheme_label(key[:-1]), key[-1], found)
            for points, dash, face, when in (
                (group, DASHES[0], colour, "in training"),
                (baseline, DASHES[1], "white", "after training"),
            ):
                if points:
                    look: dict[str, Any] = {"color": colour, "linestyle": dash, "markerfacecolor": face}
                    # Dash and face tell the two apart; with more schemes than colours the marker tells those apart.
                    look |= {"marker": FORMAT_MARKERS[place // len(COLOURS) % len(FORMAT_MARKERS)], "markersize": 5.5}
                    axes.plot(*frame.values(points, "bits", "accuracy"), **look)
                    handles.append(frame.handle(f"{when}: {name}", **look))
                    bits |= {point.bits for point in points if point.bits}
        handles += frame.accuracy_axis(axes, record)
        axes.set_ylim(-0.02, 1.02)
        frame.bits_axis(axes, bits)
        axes.set_title("Test accuracy, quantized in training and after it", loc="left")
        frame.legend(figure, handles)
        return png(figure)
