"""Which sources a stage depends on: transitive, inside functions, configuration left out."""

from __future__ import annotations

import ast
import os
from importlib import import_module
from pathlib import Path

import pytest

from tasks.code_digest import PACKAGES, ROOT, _read, sources_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project: a -> b -> c (in a function), a -> pkg.d (relative), config left out."""
    files = {
        "ftcore/__init__.py": "",
        "ftcore/a.py": "from ftcore import b\nfrom ftcore.pkg import d\nimport numpy\nfrom ftcore.config import X\n",
        "ftcore/b.py": "def f():\n    from ftcore.c import g\n    return g\n",
        "ftcore/c.py": "def g():\n    return 1\n",
        "ftcore/config.py": "from ftcore import hidden\nX = 1\n",
        "ftcore/hidden.py": "",
        "ftcore/unused.py": "",
        "ftcore/pkg/__init__.py": "",
        "ftcore/pkg/d.py": "from . import e\nfrom ..deep.page import render\n",
        "ftcore/pkg/e.py": "",
        "ftcore/deep/__init__.py": "",
        "ftcore/deep/page.py": "from importlib.resources import files\n",
        "ftcore/deep/drawing.py": "",
        "ftcore/deep/page.html": "<p>",
        "ftcore/deep/style.css": "p {}",
        "tasks/__init__.py": "",
        "tasks/a.py": "from ftcore.unused import x\nfrom ftcore.a import f\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def names(tree: Path, *entries: str, adapter: str = "") -> set[str]:
    return set(sources_of(*entries, adapter=adapter, root=tree))


def test_imports_are_followed_all_the_way(tree: Path):
    assert names(tree, "ftcore.a") == {
        "ftcore/__init__.py", "ftcore/a.py", "ftcore/b.py", "ftcore/c.py",
        "ftcore/pkg/__init__.py", "ftcore/pkg/d.py", "ftcore/pkg/e.py",
        "ftcore/deep/__init__.py", "ftcore/deep/page.py", "ftcore/deep/page.html", "ftcore/deep/style.css",
    }  # fmt: skip
    assert names(tree, "ftcore.c") == {"ftcore/__init__.py", "ftcore/c.py"}
    assert not {n for n in names(tree, "ftcore.deep.drawing") if n.endswith(("html", "css"))}, (
        "it reads no file"
    )


def test_configuration_and_what_only_it_imports_are_left_out(tree: Path):
    assert not {"ftcore/config.py", "ftcore/hidden.py"} & names(tree, "ftcore.a")
    assert names(tree, "ftcore.config") == set()


def test_the_adapter_counts_with_its_own_file_only(tree: Path):
    found = names(tree, "ftcore.c", adapter="tasks.a")
    assert found == {"ftcore/__init__.py", "ftcore/c.py", "tasks/a.py"}


def test_foreign_modules_do_not_count(tree: Path):
    assert names(tree, "numpy", "json") == set()


@pytest.mark.parametrize(
    "name", ["ftcore/c.py", "ftcore/pkg/e.py", "ftcore/deep/page.html", "ftcore/deep/style.css"]
)
def test_one_flipped_line_changes_exactly_that_file(tree: Path, name: str):
    before = sources_of("ftcore.a", root=tree)
    (tree / name).write_text((tree / name).read_text() + "# changed\n")
    os.utime(tree / name, ns=(1, 1))  # an editor's clock may be anywhere
    after = sources_of("ftcore.a", root=tree)
    assert {n for n in before if before[n] != after[n]} == {name}
    assert before.keys() == after.keys()


def test_unused_sources_do_not_matter(tree: Path):
    before = sources_of("ftcore.a", root=tree)
    (tree / "ftcore/unused.py").write_text("x = 2\n")
    (tree / "ftcore/config.py").write_text("X = 2\n")
    assert sources_of("ftcore.a", root=tree) == before


def test_a_new_import_brings_its_file(tree: Path):
    (tree / "ftcore/c.py").write_text("import ftcore.unused\n")
    assert "ftcore/unused.py" in names(tree, "ftcore.a")


# ------------------------------------------------------------------------- the real project's stages
STAGES = {
    "prepare": "tasks.prepare", "dedup": "tasks.dedup", "commit": "tasks.commit", "dictionary": "tasks.dictionary",
    "pretrain": "tasks.pretrain", "finetune": "tasks.finetune", "baseline": "tasks.baseline", "evaluate": "tasks.evaluate", "report": "tasks.report",
}  # fmt: skip
# What a task imports without its stage's output depending on it.
ONLY_WIRING = {
    "ftcore.config",
    "ftcore.training.tensorboard",  # a listener: writes beside the output
    "ftcore.shards.prepare",  # in report: names of two steps
}


def entries_of(module: str) -> list[str]:
    """The entry modules in a task's ``code=`` (a tuple, or the name of one)."""
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_bytes())
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "code":
            value = node.value
            if isinstance(value, ast.Name):
                found += getattr(import_module(module), value.id)
            else:
                found += ast.literal_eval(value)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_counts_as_its_code(stage: str):
    """An edit in a module that a task imports from ftcore must recompute the task's stage."""
    module = STAGES[stage]
    entries = entries_of(module)
    assert entries, f"{module} names no code"
    counted = {n.removesuffix(".py").replace("/", ".") for n in sources_of(*entries)}
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_bytes())
    used = {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ftcore.")
    }
    missing = {m for m in used - ONLY_WIRING if f"{m}.__init__" not in counted and m not in counted}
    assert not missing, f"{module} uses {missing}, but an edit there would leave its stage reused"


def test_engine_and_segmenter_count_for_trainings():
    for module in ("tasks.pretrain", "tasks.finetune"):
        found = set(sources_of(*entries_of(module)))
        assert {
            "ftcore/engines/reference/engine.py",
            "ftcore/text/segment.py",
            "ftcore/model/losses.py",
        } <= found
        assert not any(n.startswith(("ftcore/report", "ftcore/evaluation", "flows/")) for n in found)


def test_only_project_packages_exist():
    assert all((ROOT / p).is_dir() for p in PACKAGES)


def parsed_imports(path: Path, module: str) -> set[str]:
    """What Python's own parser finds."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, *([base] if base else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] in PACKAGES}


def test_every_import_that_the_parser_finds_is_read_off_the_lines():
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            assert parsed_imports(path, module) <= set(_read(path, 0, module)[1]), path


def test_the_forms_of_an_import(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_text(
        "import os, ftcore.text as t, ftcore.model\n"
        "def f():\n    from ftcore.shards import (  # why\n        files as f,  # here\n        packs,\n    )\n"
        "from ..model import losses, kmeans as k # both\nfrom . import d\nfrom\tftcore.errors import UserError\n"
    )
    assert set(_read(path, 0, "ftcore.pkg.a")[1]) == parsed_imports(path, "ftcore.pkg.a")


def test_the_native_sources_count_where_the_native_core_is_used(tmp_path: Path):
    folder = tmp_path / "ftcore" / "native"
    (folder / "kernels").mkdir(parents=True)
    for name in ("__init__.py", "CMakeLists.txt", "text.cc", "text.h", "kernels/means.cc"):
        (folder / name).write_text("")
    (tmp_path / "ftcore" / "__init__.py").write_text("")
    (tmp_path / "ftcore" / "a.py").write_text("from ftcore import native\n")
    before = sources_of("ftcore.a", root=tmp_path)
    (folder / "kernels" / "means.cc").write_text("// changed\n")
    after = sources_of("ftcore.a", root=tmp_path)
    assert {n for n in after if before[n] != after[n]} == {"ftcore/native/kernels/means.cc"}
    assert "ftcore/native/text.h" in before
