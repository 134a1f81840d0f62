"""Curves of several participants over a logarithmic axis, a panel for each set, as one SVG file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO


@dataclass(frozen=True)
class Curve:
    """One participant's points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


def draw_curves(panels: Mapping[str, Sequence[Curve]], across: str, up: str) -> str:
    """The SVG of a panel for each name, with one legend; what has the same name has the same colour, the last the boldest."""
    import matplotlib

    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "curves", "font.size": 9}
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    made = Figure(figsize=(3.4 * columns, 2.7 * rows + 0.5), layout="constrained")
    axes = made.subplots(rows, columns, squeeze=False).ravel()
    names = list(dict.fromkeys(curve.name for curves in panels.values() for curve in curves))
    lines = {}
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        for curve in curves:
            place = names.index(curve.name)
            bold = place == len(names) - 1
            (lines[curve.name],) = axis.plot(
                *zip(*curve.points, strict=True), color=f"C{place}", marker="o", markersize=4 if bold else 3,
                linewidth=2.4 if bold else 1.2,
            )  # fmt: skip
        axis.set(title=title, xscale="log", xlabel=across, ylabel=up)
        axis.set_xticks([x for x, _ in curves[0].points])
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.grid(alpha=0.3)
    for axis in axes[len(panels) :]:
        axis.axis("off")
    made.legend([lines[name] for name in names], names, loc="outside lower center", ncols=3, frameon=False)
    file = StringIO()
    made.savefig(file, format="svg", metadata={"Date": None}, facecolor="white")
    return file.getvalue()
