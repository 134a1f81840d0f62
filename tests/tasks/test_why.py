"""Why a stage runs again: the keys that changed, on one bounded line."""

from __future__ import annotations

import pytest

from tasks.why import changed_options, explain

WORDS = [f"word{n}" for n in range(400)]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"lr": 0.1}, {"lr": 0.2}, ["lr: 0.1 → 0.2"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ["a.b.c: 1 → 2"]),
        ({"a": 1}, {"a": 1, "b": None}, ["b: nothing → nothing"]),
        ({"a": True, "b": ""}, {"a": False, "b": "x"}, ["a: true → false", 'b: "" → x']),
        (
            {"sources": [{"path": "a", "label": "cat"}, {"path": "b", "label": None}]},
            {"sources": [{"path": "a", "label": "label"}, {"path": "b", "label": 0}]},
            ["sources[0].label: cat → label", "sources[1].label: nothing → 0"],
        ),
        ({"k": [1, 3]}, {"k": [1, 3, 5]}, ["k: [1, 3] → [1, 3, 5]"]),
        ({"keep": WORDS}, {"keep": WORDS[1:]}, ["keep: 400 → 399 entries"]),
        ({"keep": WORDS}, {"keep": [*WORDS[:7], "x", *WORDS[8:]]}, ["keep[7]: word7 → x"]),
        ({"m": "x" * 500}, {"m": "y"}, ["m: " + "x" * 39 + "… → y"]),
    ],
)
def test_changed_keys_are_named_and_lists_are_not_printed(old, new, told):
    assert list(changed_options(old, new)) == told


def test_the_line_is_bounded_whatever_changes():
    old = {"inputs": {f"f{n}": "1" for n in range(5000)}, "code": {f"c{n}.py": "1" for n in range(99)}}
    old["options"] = {f"o{n}": WORDS for n in range(300)}
    why = explain(old, {}, {f"o{n}": [] for n in range(300)}, {})
    assert len(why) < 400 and "\n" not in why
    assert why.startswith("input changed: f0, f1, f10 and 4997 more; ")
    assert "; 297 more options changed; code changed: c0.py, c1.py, c10.py and 96 more" in why


def test_all_kinds_of_change_are_named():
    last = {"inputs": {"a": "1"}, "options": {"x": 1}, "code": {"ftcore/a.py": "1", "ftcore/b.py": "1"}}
    why = explain(last, {"a": "2"}, {"x": 2}, {"ftcore/a.py": "2", "ftcore/b.py": "1"})
    assert why == "input changed: a; x: 1 → 2; code changed: ftcore/a.py"
    assert explain(last, {"a": "1"}, {"x": 1}, last["code"]) == ""


def test_what_json_makes_of_an_option_is_no_change():
    """A record is read back from JSON: tuples have become lists, numbers as keys text."""
    last = {"inputs": {}, "options": {"k": [1, 2], "w": {"0": 2.0}}, "code": {}}
    assert explain(last, {}, {"k": (1, 2), "w": {0: 2.0}}, {}) == ""
