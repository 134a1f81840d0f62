"""Small drawings as inline SVG. Colours come from the page's style sheet, so that dark mode reaches them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

POINTS = 240  # a chart is about as many pixels wide
_ALONE = (  # the page's light colours, for a drawing in a file of its own
    "text{font:10.5px sans-serif;fill:#5d646d}.grid{stroke:#e3e4df}.curve{fill:none;stroke:#2461a6;stroke-width:1.8}"
    ".dot{fill:#2461a6;stroke:#fff}.mass{fill:#8b929b;opacity:.28}.ideal{stroke:#8b929b;stroke-dasharray:4 4}"
)


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) that cover [low, high].

    Example:
        >>> nice_ticks(0, 0.93)
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if not high > low:
        span = abs(low) or 1.0
        low, high = low - span / 2, high + span / 2
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def short(value: float) -> str:
    """A number for an axis: 250k, 1.5M, 0.05, 2e-06.

    Example:
        >>> short(250000), short(0.05), short(1.0)
        ('250k', '0.05', '1')
    """
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.4g}{unit}"
    return f"{value:.4g}"


def thin(points: Sequence[tuple[float, float]], limit: int = POINTS) -> list[tuple[float, float]]:
    """At most about `limit` finite points: of each stretch the lowest and the highest, so spikes stay."""
    points = [(float(x), float(y)) for x, y in points if math.isfinite(float(x)) and math.isfinite(float(y))]
    if len(points) <= limit:
        return points
    kept: list[tuple[float, float]] = [points[0]]
    step = 2 * len(points) / limit
    start = 0.0
    while start < len(points):
        stretch = points[int(start) : max(int(start) + 1, int(start + step))]
        kept += sorted({min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])})
        start += step
    return [*kept, points[-1]]


def line_chart(points: Sequence[tuple[float, float]], name: str = "", unit: str = "step") -> Markup:
    """One curve with its axes; a lone point becomes a dot. Empty without a finite point."""
    points = thin(points)
    if not points:
        return Markup("")
    width, height, left, right, top, bottom = 360, 168, 46, 12, 10, 24
    xs, ys = [x for x, _ in points], [y for _, y in points]
    y_low, y_high = min(ys), max(ys)
    if 0 < y_low < 0.4 * y_high:
        y_low = 0.0  # near zero: start there, so that heights can be compared
    y_ticks = nice_ticks(y_low, y_high, 3)
    x_low, x_high = min(xs), max(xs)
    x_ticks = [tick for tick in nice_ticks(x_low, x_high, 4) if x_low <= tick <= x_high]
    x_span = (x_high - x_low) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / x_span if x_high > x_low else 0.5
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return left + across * (width - left - right), height - bottom - up * (height - top - bottom)

    out = [_open(width, height, f"{name}: last value {short(ys[-1])}")]
    for tick in y_ticks:
        _, y = place(x_low, tick)
        out.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(
            f'<text class="tick" x="{left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{short(tick)}</text>'
        )
    for tick in x_ticks if x_high > x_low else [x_low]:
        x, _ = place(tick, y_ticks[0])
        anchor = "end" if x > width - right - 14 else "start" if x < left + 8 else "middle"
        out.append(
            f'<text class="tick" x="{x:.1f}" y="{height - 8}" text-anchor="{anchor}">{short(tick)}</text>'
        )
    spots = [place(x, y) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    if len(spots) > 1:
        base = height - bottom
        out.append(
            f'<polygon class="area" points="{spots[0][0]:.1f},{base} {line} {spots[-1][0]:.1f},{base}"/>'
        )
        out.append(f'<polyline class="curve" points="{line}"/>')
    marked = range(len(spots)) if len(spots) <= 30 else [len(spots) - 1]
    for index in marked:
        x, y = spots[index]
        radius = 3.2 if index == len(spots) - 1 else 2
        label = f"{unit} {short(points[index][0])}: {points[index][1]:.5g}"
        out.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(label)}</title></circle>'
        )
    return Markup("".join(out) + "</svg>")


def reliability_chart(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """Accuracy against confidence; bars show the share of documents in a bin."""
    used = [row for row in bins if row["documents"] > 0]
    if not used:
        return Markup("")
    width, height, left, right, top, bottom = 420, 330, 44, 14, 12, 44
    total = sum(row["documents"] for row in used)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x * (width - left - right), height - bottom - y * (height - top - bottom)

    out = [_open(width, height, "accuracy against confidence")]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = place(tick, tick)
        out.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="tick" x="{left - 6}" y="{y + 3.5:.1f}" text-anchor="end">{tick:g}</text>')
        out.append(
            f'<text class="tick" x="{x:.1f}" y="{height - bottom + 16}" text-anchor="middle">{tick:g}</text>'
        )
    x0, y0 = place(0, 0)
    x1, y1 = place(1, 1)
    for row in used:
        a, high = place(row["low"], row["documents"] / total)
        b, _ = place(row["high"], 0)
        title = f"{row['documents']:,} documents, confidence {row['confidence']:.3f}, accuracy {row['accuracy']:.3f}"
        out.append(
            f'<rect class="mass" x="{a + 1:.1f}" y="{high:.1f}" width="{max(b - a - 2, 1):.1f}" '
            f'height="{y0 - high:.1f}"><title>{title}</title></rect>'
        )
    out.append(f'<line class="ideal" x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}"/>')
    spots = [place(row["confidence"], row["accuracy"]) for row in used]
    out.append('<polyline class="curve" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in spots) + '"/>')
    for (x, y), row in zip(spots, used, strict=True):
        title = f"confidence {row['confidence']:.3f}, accuracy {row['accuracy']:.3f}, {row['documents']:,} documents"
        out.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{title}</title></circle>')
    out.append(
        f'<text class="axis" x="{(x0 + x1) / 2:.1f}" y="{height - 8}" text-anchor="middle">confidence</text>'
        f'<text class="axis" transform="translate(12 {(y0 + y1) / 2:.1f}) rotate(-90)" '
        'text-anchor="middle">accuracy</text></svg>'
    )
    return Markup("".join(out))


def as_file(drawing: Markup) -> str:
    """A drawing as an SVG file, which no page lends its style.

    Example:
        >>> as_file(reliability_chart([{"documents": 0}]))
        ''
    """
    named = str(drawing).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return named.replace("</title>", f"</title><style>{_ALONE}</style>", 1)


def interval_axis(rows: Sequence[Any]) -> float:
    """Half the width of an axis around 0 that holds the intervals of all rows."""
    reach = max((max(abs(row.interval.low), abs(row.interval.high)) for row in rows), default=0.0)
    reach = max(reach, 1e-3)
    power = 10.0 ** math.floor(math.log10(reach))
    return next(factor * power for factor in (1, 1.5, 2, 3, 4, 5, 7.5, 10) if factor * power >= reach * 0.999)


def interval_chart(interval: Any, reach: float) -> Markup:
    """A difference and its interval on an axis from -reach to +reach, 0 in the middle."""
    width, height = 220, 22

    def place(value: float) -> float:
        return width / 2 + max(-1.0, min(1.0, value / reach)) * (width / 2 - 6)

    kind = interval.side
    low, high, middle = place(interval.low), place(interval.high), place(interval.difference)
    title = f"{interval.difference:+.4f}, {interval.level:.0%} interval {interval.low:+.4f} to {interval.high:+.4f}"
    return Markup(
        _open(width, height, title)
        + f'<line class="zero" x1="{width / 2}" x2="{width / 2}" y1="0" y2="{height}"/>'
        f'<line class="range {kind}" x1="{low:.1f}" x2="{max(high, low + 1):.1f}" y1="11" y2="11"/>'
        f'<circle class="spot {kind}" cx="{middle:.1f}" cy="11" r="4.5"/></svg>'
    )


def _open(width: int, height: int, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>"
    )
