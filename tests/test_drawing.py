"""docs/architecture.md against the code: its drawing, its contracts, the files that it sends a reader to."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("architecture.md", "extending.md")
}
PLAN = DOCUMENTS["architecture.md"]


# ------------------------------------------------------------------------------------------ drawing
def drawing() -> tuple[dict[str, str], set[tuple[str, str]]]:
    """(room -> its box, the arrows between boxes) of the mermaid drawing."""
    block = next(b for b in PLAN.split("```")[1::2] if b.startswith("mermaid"))
    boxes, arrows = {}, set()
    for name, rooms in re.findall(r'(\w+)\["([^"]+)"\]', block):
        boxes |= {room.strip(): name for room in rooms.split(",")}
    for line in block.splitlines():
        if "-->" in line:
            start, end = (re.match(r"\s*(\w+)", side)[1] for side in line.split("-->"))
            arrows.add((start, end))
    return boxes, arrows


def room(module: str) -> str:
    """The room that a module is in: a house, or a part of ftcore; "" for ftcore itself and what is not ours."""
    first, _, rest = module.partition(".")
    if first in ("tasks", "flows"):
        return first
    return rest.split(".")[0] if first == "ftcore" else ""


def imported() -> dict[tuple[str, str], str]:
    """(room, room that it imports) -> a file that does so."""
    found = {}
    for path in sorted(p for house in ("ftcore", "tasks", "flows") for p in (ROOT / house).rglob("*.py")):
        own = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_bytes())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            for name in names:
                found.setdefault((own, room(name)), path.relative_to(ROOT).as_posix())
    return found


def reached(arrows: set[tuple[str, str]], start: str) -> set[str]:
    nearer = {end for begin, end in arrows if begin == start}
    return nearer.union(*(reached(arrows, end) for end in nearer))


def test_the_drawing_is_of_this_house():
    boxes, arrows = drawing()
    rooms = {
        p.stem
        for p in (ROOT / "ftcore").iterdir()
        if (p.suffix == ".py" and p.stem != "__init__") or (p / "__init__.py").is_file()
    }
    assert set(boxes) == rooms | {"tasks", "flows"}, "the drawing and the folders differ in their rooms"
    used = defaultdict(set)
    for (start, end), path in imported().items():
        if start in boxes and end in boxes and boxes[start] != boxes[end]:
            used[boxes[start], boxes[end]].add(path)
    wrong = {pair: paths for pair, paths in used.items() if pair[1] not in reached(arrows, pair[0])}
    assert not wrong, f"imports without an arrow in the drawing: {wrong}"
    idle = {pair for pair in arrows if pair not in used}
    assert not idle, f"arrows in the drawing that no import follows: {idle}"


# ---------------------------------------------------------------------------------------- contracts
def parameters(node: ast.FunctionDef) -> list[str]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [argument.arg for argument in every if argument]


def contracts() -> Iterator[tuple[list[str], str, str, list[str] | None]]:
    """(files, class or "", name, parameters or None for a class) of each line that says one."""
    chapter = PLAN.split("## Contracts")[1].split("\n## ")[0]
    for heading, text in re.findall(r"^### (.+)\n((?:(?!^###).*\n)+)", chapter, re.M):
        owner = ""
        for line in "".join(text.split("```")[1::2]).splitlines():
            if match := re.match(r"( *)def (\w+)\((.*?)\)(?: ->|$)", line):
                owner = owner if match[1] else ""
                # annotations hold commas in brackets; a default ends the name as well
                bare = re.sub(r"\[[^\[\]]*\]|\([^()]*\)", "", match[3])
                names = [re.match(r"\W*(\w*)", word)[1] for word in bare.split(",") if word.strip()]
                yield heading.split(", "), owner, match[2], names
            elif match := re.match(r"class (\w+)", line):
                owner = match[1]
                yield heading.split(", "), "", owner, None


def test_contracts_are_those_of_the_code():
    said = list(contracts())
    assert len(said) > 60 and sum(names is None for *_, names in said) > 10, "the contracts are not read"
    wrong = []
    for files, owner, name, names in said:
        bodies = [node for f in files for node in ast.parse((ROOT / "ftcore" / f).read_bytes()).body]
        if owner:
            bodies = next((n.body for n in bodies if isinstance(n, ast.ClassDef) and n.name == owner), [])
        kind = ast.ClassDef if names is None else ast.FunctionDef
        node = next((n for n in bodies if isinstance(n, kind) and n.name == name), None)
        if node is None:
            wrong.append(f"{', '.join(files)}: no {owner} {name}")
        elif names is not None and (unknown := set(names) - set(parameters(node)) - {""}):
            wrong.append(f"{', '.join(files)}: {owner} {name} has no {', '.join(sorted(unknown))}")
    assert not wrong, wrong


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_a_reader_is_sent_to_are_there(name: str):
    """Paths in inline code, from the root or from ftcore/."""
    text = re.sub(r"(?ms)^```.*?^```$", "", DOCUMENTS[name])
    paths = {p for p in re.findall(r"`([\w/]+(?:\.\w+)+|[\w/]+/)`", text) if "/" in p}
    lost = [p for p in paths if not any((base / p).exists() for base in (ROOT, ROOT / "ftcore"))]
    left = {"store/", "stages/", "artifacts/", "prefect/", "tensorboard/", "live/", "stages/held/"}
    assert len(paths) > 20 and not set(lost) - left, set(lost) - left
