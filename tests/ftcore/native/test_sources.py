"""The C++ sources as text: what neither compiler nor linker says.

Two files that define different types of one name in one namespace break C++'s one-definition rule: the linker keeps
one constructor or destructor for both, without a word, and memory is written by the other's layout.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "ftcore" / "native"
ANONYMOUS = ""
# comments, literals, and lines of the preprocessor with those that they go on in
_NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M
)
_NAMESPACE = re.compile(r"namespace\s*([\w:]*)\s*$")
# the words before the brace of a type's definition; a specialisation has a name followed by <
_TYPE = re.compile(
    r"(?:^|[;{}>\s])(?:struct|class|union|enum(?:\s+(?:class|struct))?)\s+(?:alignas\([^)]*\)\s*|\[\[[^\]]*\]\]\s*)?"
    r"(\w+(?:::\w+)*)\s*(?:final\s*)?(?::(?!:)[^;()]*)?$"
)


def types(text: str) -> list[tuple[str, ...]]:
    """(namespace, ..., name) of every type that is defined outside of functions and other types."""
    text = _NOISE.sub(" ", text)
    found, scope, begin = [], [], 0  # scope: of each open brace the namespace, None where it opens none
    for mark in re.finditer(r"[{};]", text):
        words, begin = text[begin : mark.start()], mark.end()
        if mark[0] == "}":
            scope.pop()
        elif mark[0] == "{":
            opened = _NAMESPACE.search(words)
            defined = _TYPE.search(words)
            if defined and None not in scope:
                found.append((*scope, defined[1]))
            scope.append(opened[1] if opened else None)
    assert scope == [], "braces that do not close"
    return found


def clashes(sources: dict[str, str]) -> dict[str, list[str]]:
    """{type: files} of types that several files define, but for those in a namespace without a name."""
    where: dict[str, list[str]] = {}
    for file, text in sources.items():
        for name in types(text):
            if ANONYMOUS not in name:
                where.setdefault("::".join(name), []).append(file)
    return {name: files for name, files in where.items() if len(files) > 1}


def test_no_two_files_define_a_type_of_one_name():
    sources = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in (".cc", ".h")
    }
    assert len({name for text in sources.values() for name in types(text)}) > 50
    assert clashes(sources) == {}, "give one another name, or put it into a namespace without one"


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("namespace ftcore { struct A { int x; }; }", "namespace ftcore { class A final : public B { }; }", True),
        ("namespace ftcore { struct A { int x; }; }", "namespace ftcore { namespace { struct A {}; } }", False),
        ("namespace ftcore {\nnamespace {\nstruct A {};\n}\nstruct C {};\n}", "namespace ftcore { struct C {}; }", True),
        ("namespace a::b { enum class A : int { X }; }", "namespace a { namespace b { union A { int x; }; } }", True),
        ("namespace v { struct A {}; }", "struct A {};", False),
        ("template <class T> struct A { T x; };", "void f() { struct A {}; }", False),
        ("template <class T> struct A { T x; };", "template <> struct A<int> {};", False),
        ("struct A { struct B {}; };", "struct B {}; // struct A {", False),
        ("struct A;", "#define X struct A { \\\n }\nstruct A { char x = '{'; };", False),
        ("struct A { int x; };", "A made() { return A{1}; }\nstruct A* other(struct A& a) {}", False),
        ("struct A {} a;", "int y;\nstruct alignas(64) A { const char* s = \"} \\\" {\"; };", True),
    ],
)  # fmt: skip
def test_what_is_a_clash(one: str, other: str, clash: bool):
    assert bool(clashes({"one": one, "other": other})) is clash
