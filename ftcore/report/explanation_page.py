"""Explanations as an HTML page: each text with its words coloured by what they add, and the strongest features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ftcore.report.pages import render
from ftcore.trust.explanation import Explanation, Mark

STRONGEST = 12  # features in a table


def render_explanations(explanations: Sequence[Explanation]) -> str:
    """One HTML file, nothing fetched from elsewhere.

    Example:
        ``Path("why.html").write_text(render_explanations([model.explain("a fine film")]))``
    """
    return render("explanation_page.html", rows=[_row(one) for one in explanations])


def shades(marks: Sequence[Mark]) -> list[tuple[str, float, float]]:
    """(text, value, strength of its colour from -1 to 1) of each stretch; the largest of a text is 1.

    Example:
        >>> shades([Mark("fine", 2.0), Mark(" ", 0.0), Mark("day", -0.5)])
        [('fine', 2.0, 1.0), (' ', 0.0, 0.0), ('day', -0.5, -0.25)]
    """
    most = max((abs(mark.value) for mark in marks), default=0.0) or 1.0
    return [(mark.text, mark.value, mark.value / most) for mark in marks]


def _row(one: Explanation) -> dict[str, Any]:
    return {
        "label": one.label,
        "against": one.against,
        "score": one.score,
        "probability": one.probability,
        "rest": one.rest,
        "rules": one.rules,
        "silent": one.silent,
        "marks": shades(one.marks()),
        "strongest": one.strongest(STRONGEST),
    }
