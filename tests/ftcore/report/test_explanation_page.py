"""Coloured texts: whatever a text holds, it is shown as text, and a colour says which way it speaks."""

from __future__ import annotations

import json

from ftcore.report.explanation_page import shades
from ftcore.report.run_page import RunPage, render_run
from ftcore.trust.explanation import Mark


def test_the_strongest_stretch_has_the_full_colour():
    found = shades([Mark("a", -4.0), Mark("b", 1.0), Mark(" ", 0.0)])
    assert [strength for _, _, strength in found] == [-1.0, 0.25, 0.0]
    assert shades([]) == [] and shades([Mark("x", 0.0)]) == [("x", 0.0, 0.0)]


def test_errors_of_a_run_are_coloured_by_what_spoke_for_them():
    marks = [["<b>worst</b>", 2.0], [" of ", 0.0], ["all", -0.5]]
    error = {"text": "<b>worst</b> of all", "gold": "yes", "predicted": "no", "probability": 0.9}
    page = render_run(RunPage(name="x", errors=[error | {"marks": json.dumps(marks)}]))
    assert (
        '<span title="+2.000" style="border-radius:3px;background:rgb(var(--heat) / 0.60)">&lt;b&gt;' in page
    )
    assert (
        'title="−0.500" style="border-radius:3px;background:rgb(var(--heat-bad) / 0.15)">all</span>' in page
    )
    plain = render_run(RunPage(name="x", errors=[error, error | {"marks": "[]"}]))
    assert plain.count("&lt;b&gt;worst&lt;/b&gt; of all") == 2 and "background:rgb" not in plain
