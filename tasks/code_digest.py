"""Digest of the sources that a stage imports: what "the code has changed" means for reuse.

The walk follows import statements (inside functions too) from an entry module through the project's
own packages. ``ftcore/config.py`` is left out: the values that it yields are part of the options'
digest, so that a new option does not retrain every model.
"""

from __future__ import annotations

import ast
import hashlib
import subprocess
import threading
import time
from functools import lru_cache
from pathlib import Path

from ftcore.native import sources

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ftcore", "tasks", "flows")
VALUES_ONLY = {"ftcore.config"}
_parsing = threading.Lock()  # ast.parse of CPython 3.11 fails when two threads are in it


def sources_of(*entries: str, adapter: str = "", root: Path = ROOT) -> dict[str, str]:
    """Files (relative to the project) that the entry modules import, with their SHA-256.

    `adapter` is a module whose own file counts and whose imports do not: the task that calls the stage.

    >>> sorted(sources_of("ftcore.errors"))
    ['ftcore/__init__.py', 'ftcore/errors.py']
    """
    todo, seen, files = list(entries), set(), {}
    while todo:
        module = todo.pop()
        if module in seen or module in VALUES_ONLY:
            continue
        seen.add(module)
        path = _find(module, root)
        if path is None:
            continue
        with _parsing:
            digest, imported = _read(path, path.stat().st_mtime_ns, module)
        files[path.relative_to(root).as_posix()] = digest
        parents = module.split(".")
        todo += [".".join(parents[:n]) for n in range(1, len(parents))]
        todo += imported
        files.update(_templates(path, root))
    path = _find(adapter, root) if adapter else None
    if path is not None:
        files[path.relative_to(root).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(files.items()))


def _templates(path: Path, root: Path) -> dict[str, str]:
    """HTML templates and their style beside a module belong to its code, the C++ of the native core to its front."""
    pages = sorted([*path.parent.glob("*.html"), *path.parent.glob("*.css")])
    if (path.parent / "CMakeLists.txt").is_file():
        pages = sources.files(path.parent)
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in pages}


def _find(module: str, root: Path) -> Path | None:
    if module.split(".")[0] not in PACKAGES:
        return None
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def _parsed(content: bytes) -> ast.Module:
    """The syntax tree, asked for again where a thread of a library was in the parser at the same time.

    CPython 3.11 keeps one depth for all threads and raises SystemError then.
    """
    for _ in range(50):
        try:
            return ast.parse(content)
        except SystemError:
            time.sleep(0.02)
    return ast.parse(content)


@lru_cache(maxsize=1024)
def _read(path: Path, mtime_ns: int, module: str) -> tuple[str, tuple[str, ...]]:
    content = path.read_bytes()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(_parsed(content)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: climb from the package
                stem = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*stem, base] if base else stem)
            names.append(base)
            names += [f"{base}.{alias.name}" for alias in node.names]  # submodules
    own = tuple(n for n in dict.fromkeys(names) if n.split(".")[0] in PACKAGES)
    return hashlib.sha256(content).hexdigest(), own


def git_tags() -> dict[str, str]:
    """The checkout's commit and whether it is modified; nothing outside a checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=10)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        sha = git("rev-parse", "HEAD")
        dirty = bool(git("status", "--porcelain", "--untracked-files=no")) if sha else False
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {"git.sha": sha, "git.dirty": str(dirty).lower()} if sha else {}
