"""YAML's traps: what would be read as something else is refused with its line, the rest is what it says."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ftcore.base.yaml_tree import dumped, parse, read
from ftcore.errors import UserError


def value(text: str):
    return parse(f"a: {text}", "m.yaml")[0]["a"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2e6", 2e6), ("1.5", 1.5), (".5", 0.5), ("-3", -3), ("0", 0), ("1_000", 1000), ("1e-3", 1e-3),
        ("12:30", "12:30"), ("2024-01-01", "2024-01-01"), ("0x1F", "0x1F"), ("'010'", "010"), ("0.10", 0.1),
        ("~", None), ("'no'", "no"), ("no", False), ("on", True), (".inf", math.inf), ("1.2.3", "1.2.3"),
    ],
)  # fmt: skip
def test_scalars_are_what_they_look_like(text: str, meant):
    found = value(text)
    assert found == meant and type(found) is type(meant)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: 1\na: 010", ["m.yaml:2", "010", "octal", "'010'"]),
        ("a: {b: 1}\nc: 2\na: {d: 2}", ["m.yaml:3", "'a'", "line 1"]),
        ("l:\n  - {k: 1, k: 2}", ["m.yaml:2", "'k'"]),
        ("{no: neg}", ["m.yaml:1", "'no'"]),
        ("a:\n  ~: 1", ["m.yaml:2", "quotes"]),
        ("a: &x [1, *x]", ["m.yaml:1", "itself"]),
        ("? [1]\n: 2", ["m.yaml:1", "key"]),
        ("a: 1\n\tb: 2", ["m.yaml:2", "not valid YAML"]),
        ("a: !!python/object:os.system x", ["m.yaml:1", "tag"]),
        ("a: 1\n---\nb: 2", ["m.yaml:2", "another document"]),
        ("[" * 600, ["m.yaml", "nested"]),
        ("&a [x, x]\n", []),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_its_line(text: str, words: list[str]):
    if not words:
        assert parse(text, "m.yaml")[0] == ["x", "x"]
        return
    with pytest.raises(UserError) as error:
        parse(text, "m.yaml")
    assert all(w in str(error.value) for w in words) and "\n" not in str(error.value), error.value


def test_aliases_that_unfold_to_billions_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(UserError, match="aliases"):
        parse("\n".join(lines), "m.yaml")


def test_merge_keys_and_numeric_keys():
    tree, _ = parse("base: &b {x: 1, y: 2}\nother: {<<: *b, y: 3}\nnames: {0: neg, 01: pos}", "m.yaml")
    assert tree["other"] == {"x": 1, "y": 3} and tree["names"] == {"0": "neg", "01": "pos"}


def test_every_value_knows_its_place():
    _, places = parse("a:\n  b: no\n  c:\n    - 1\n    - {d: x}\n", "m.yaml")
    assert str(places["a", "b"]) == "m.yaml:2" and places["a", "b"].text == "no"
    assert places["a", "c", 1, "d"].line == 5 and places["a",].line == 1 and places["a", "c"].line == 3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p.mkdir(), "folder"),
        (lambda p: p.write_bytes("名: 数据".encode("gb18030")), "UTF-8"),
        (lambda p: p.write_text("- 1"), "list"),
    ],
)
def test_files_that_are_no_tree_are_refused(tmp_path: Path, make, words: str):
    path = tmp_path / "a.yaml"
    make(path)
    with pytest.raises(UserError, match=words) as error:
        read(path)
    assert "a.yaml" in str(error.value)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: a")
    assert read(path)[0] == {"name": "a"}


_trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)


@example("\x85")  # which PyYAML's own dump loses
@example("a\n\x85b")
@example({"x\x85": "\u2028"})
@example("0E0")  # a number of YAML 1.2, a text to PyYAML
@example(["2e6", "1_0", ".5e3", "-08", "+.inf", 0.0, 1e20, -7])
@given(_trees)
def test_what_is_dumped_is_read_back(tree):
    written = dumped({"aa": tree})
    assert parse(written, "m.yaml")[0] == yaml.safe_load(written) == {"aa": tree}
