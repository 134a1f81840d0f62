"""One grammar of docstrings, as far as ruff's D rules do not know it: sections, their order, one argument a line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("Attributes", "Args", "Returns", "Yields", "Raises", "Example")
FORBIDDEN = ("Errors", "Examples", "Arguments", "Parameters", "Return", "Throws")
LATER = ()

Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def documented() -> Iterator[tuple[str, Documented, str]]:
    """(place, node, docstring) of every docstring of the three houses, private ones included."""
    for path in sorted(p for house in ("ftcore", "tasks", "flows") for p in (ROOT / house).rglob("*.py")):
        relative = path.relative_to(ROOT)
        if relative.parts[1] in LATER:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, Documented) and (text := ast.get_docstring(node)):
                yield f"{relative}:{getattr(node, 'lineno', 1)}", node, text


def sections(text: str) -> list[tuple[str, list[str]]]:
    """(name, lines) of each section, in order."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if match := re.match(r"([A-Z][a-z]+):{1,2}(.*)$", line):
            if match[1] in (*ORDER, *FORBIDDEN):
                found.append((match[1] + match[2].strip()[:1], []))
        elif found and (line.startswith(" ") or not line):
            found[-1][1].append(line)
    return found


def named(node: Documented) -> set[str]:
    """What an `Args` section may speak of."""
    if isinstance(node, ast.FunctionDef):
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        return {argument.arg for argument in every if argument}
    if isinstance(node, ast.ClassDef):
        fields = {
            n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
        }
        return fields.union(
            *(named(n) for n in node.body if getattr(n, "name", "") in ("__init__", "__new__"))
        )
    return set()


def faults(node: Documented, text: str) -> Iterator[str]:
    """What is not of the grammar in a docstring."""
    names = [name for name, _ in sections(text)]
    yield from (f"the section {name!r}" for name in names if name not in ORDER)
    if [ORDER.index(n) for n in names if n in ORDER] != sorted({ORDER.index(n) for n in names if n in ORDER}):
        yield f"sections in the order {names}"
    for name, lines in sections(text):
        if name == "Args":
            known = named(node)
            items = [line.strip() for line in lines if re.match(r" {4}\S", line)]
            for item in items:
                argument = item.partition(":")[0].lstrip("*")
                if argument not in known:
                    yield f"{argument!r} is no argument"
            body = " ".join(line.strip() for line in lines)
            again = [a for a in re.findall(r"[.;] \*{0,2}(\w+): ", body) if a in known]
            yield from (
                f"{a!r} on the line of another"
                for a in again
                if not any(i.lstrip("*").startswith(a + ":") for i in items)
            )
        elif name == "Raises":
            wrong = [
                line
                for line in lines
                if re.match(r" {4}\S", line) and not re.match(r" {4}[A-Z]\w+: \S", line)
            ]
            yield from (f"Raises {line.strip()!r}" for line in wrong)


def test_docstrings_are_of_one_grammar():
    every = list(documented())
    assert len(every) > 1000
    wrong = [f"{place}: {fault}" for place, node, text in every for fault in faults(node, text)]
    assert not wrong, "\n".join(wrong)


def test_the_check_itself():
    def told(source: str) -> list[str]:
        node = ast.parse(source).body[0]
        return list(faults(node, ast.get_docstring(node)))

    right = 'def f(a, b):\n  """F.\n\n  Args:\n      a: one. Note: it is.\n      b: two.\n\n  Raises:\n      ValueError: no.\n  """'
    assert told(right) == []
    assert told(right.replace("one. Note: it is.\n      ", "one. ")) == ["'b' on the line of another"]
    assert told(right.replace("Raises", "Errors")) == ["the section 'Errors'"]
    assert told(right.replace("      a:", "      c:")) == ["'c' is no argument"]
    assert told(right.replace("ValueError:", "when")) == ["Raises 'when no.'"]
    swapped = 'def f(a):\n  """F.\n\n  Raises:\n      ValueError: no.\n\n  Args:\n      a: one.\n  """'
    assert told(swapped) == ["sections in the order ['Raises', 'Args']"]
