"""The tables of `metrics` as matplotlib figures. No pyplot: nothing global is set, threads do not meet.

Chinese labels need a font with their glyphs; `cjk_font` looks for one. Without it such labels are drawn as
L0, L1, … with their code points in a legend, rather than as rows of equal boxes. `figure_svg` keeps text as
text, so a browser finds glyphs that matplotlib lacks.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ftcore.evaluation.metrics import confusion_matrix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

# Simplified Chinese first; matplotlib sees only the first face of a .ttc file, which of Noto's is the JP one
CJK_FAMILIES = (
    "Noto Sans CJK SC", "Source Han Sans SC", "Noto Sans SC", "Source Han Sans CN", "PingFang SC",
    "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
    "Noto Sans CJK TC", "Noto Sans CJK JP", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip
LATIN = "DejaVu Sans"
BLUE = "#2563a8"
LINES = ("#2563a8", "#c8601d", "#2b8a5f", "#8b5cb8", "#b8892b", "#c04670", "#3f98a8", "#6b7280")


@cache
def cjk_font() -> str | None:
    """The family of an installed font with Chinese glyphs, None without one."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return next((family for family in CJK_FAMILIES if family in installed), None)


def confusion_figure(confusion: DataFrame, labels: Sequence[str], *, limit: int = 40) -> Figure:
    """The square matrix for the `labels` (rows gold, shares of gold); the first `limit` labels only."""
    from matplotlib.colors import LinearSegmentedColormap

    labels = list(labels)[:limit]
    counts = confusion_matrix(confusion, labels)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(2.6 + 0.42 * len(labels), 16)
    figure, axes = _figure(side + 0.6, side)
    axes.imshow(share, cmap=LinearSegmentedColormap.from_list("", ["#ffffff", BLUE]), vmin=0, vmax=1)
    names = _drawable(figure, labels)
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("gold")
    axes.tick_params(length=0)
    if len(labels) <= 30:
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if share[row, column] > 0.55 else "#222222"
            size = 8 if counts[row, column] < 1000 else 6.5
            axes.text(
                column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=size
            )
    return _finish(figure)


def precision_recall_figure(curves: DataFrame, *, limit: int = 10) -> Figure:
    """Curves of the micro average and of up to `limit` labels, those with the least area first."""
    figure, axes = _figure(6.4, 4.6)
    areas = {
        name: float(np.trapezoid(part["precision"], part["recall"]))
        for name, part in curves.groupby("label", sort=False)
        if name
    }
    chosen = sorted(areas, key=lambda name: areas[name])[:limit]
    for place, (name, drawn) in enumerate(zip(chosen, _drawable(figure, chosen), strict=True)):
        part = curves[curves["label"] == name]
        colour = LINES[place % len(LINES)]
        style = "--" if place >= len(LINES) else "-"
        axes.plot(part["recall"], part["precision"], style, color=colour, lw=1.2, label=drawn)
    micro = curves[curves["label"] == ""]
    axes.plot(micro["recall"], micro["precision"], color="#222222", lw=2.2, label="micro average")
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.legend(loc="lower left", fontsize=8, frameon=False, ncols=2 if len(chosen) > 6 else 1)
    return _finish(figure)


def figure_svg(figure: Figure) -> str:
    """The figure as SVG text, without date or random ids: the same figure gives the same bytes."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ftcore"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#c3c8d0")
    axes.tick_params(labelsize=8, color="#c3c8d0")


def _drawable(figure: Figure, labels: Sequence[str]) -> list[str]:
    """The labels as they can be drawn with the fonts there are; a legend below explains L0, L1 and so on."""
    if cjk_font():
        return [label.replace("$", r"\$") for label in labels]  # $ opens a formula
    names, legend = [], []
    for place, label in enumerate(labels):
        if label.isascii():
            names.append(label.replace("$", r"\$"))
        else:
            names.append(f"L{place}")
            legend.append(f"L{place} = {ascii(label)[1:-1]}")
    if legend:
        shown = legend[:12] + (["…"] if len(legend) > 12 else [])
        text = "no font with Chinese glyphs: " + "; ".join(shown)
        figure.supxlabel(text, fontsize=6, wrap=True, x=0.01, ha="left", parse_math=False)
    return names


def _finish(figure: Figure) -> Figure:
    from matplotlib.text import Text

    family = [LATIN, font] if (font := cjk_font()) else [LATIN]
    for text in figure.findobj(Text):
        text.set_fontfamily(family)
    return figure
