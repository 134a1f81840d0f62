"""Digest of the sources that a stage imports: what "the code has changed" means for reuse.

The walk follows import statements (inside functions too) from an entry module through the project's
own packages. ``ftcore/config.py`` is left out: the values that it yields are part of the options'
digest, so that a new option does not retrain every model.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from functools import lru_cache
from pathlib import Path

from ftcore.native import sources

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("ftcore", "tasks", "flows")
VALUES_ONLY = {"ftcore.config"}


def sources_of(*entries: str, adapter: str = "", root: Path = ROOT) -> dict[str, str]:
    """Files (relative to the project) that the entry modules import, with their SHA-256.

    `adapter` is a module whose own file counts and whose imports do not: the task that calls the stage.

    Example:
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
    """What a module has beside it: templates and their style where it reads such files, the front of the core its C++."""
    reads = b"importlib.resources" in path.read_bytes()
    pages = sorted([*path.parent.glob("*.html"), *path.parent.glob("*.css")]) if reads else []
    if (path.parent / "CMakeLists.txt").is_file():
        pages = [path.parent / name for name in sources.files(path.parent)]
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in pages}


def _find(module: str, root: Path) -> Path | None:
    if module.partition(".")[0] not in PACKAGES:
        return None
    base = root.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


_IMPORT = re.compile(
    rb"^[ \t]*(?:import[ \t]+(?P<modules>[\w., \t]+)"
    rb"|from[ \t]+(?P<base>[\w.]+)[ \t]+import[ \t]*(?:\((?P<several>[^)]*)\)|(?P<names>[^#\n]*)))",
    re.MULTILINE,
)


@lru_cache(maxsize=1024)
def _read(path: Path, mtime_ns: int, module: str) -> tuple[str, tuple[str, ...]]:
    """SHA-256 of a file, and what it imports of the project: read off its lines, a hundred times quicker than parsed.

    A line of a docstring that reads like an import counts as one: a file too many in the digest, never one too few.
    """
    content = path.read_bytes()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for found in _IMPORT.finditer(content):
        if found["modules"] is not None:
            names += _names(found["modules"])
            continue
        base = found["base"].decode()
        level = len(base) - len(base.lstrip("."))
        if level:  # relative: climb from the package
            stem = package.split(".")[: len(package.split(".")) - level + 1]
            base = ".".join([*stem, base[level:]] if base[level:] else stem)
        several = found["several"] if found["several"] is not None else found["names"]
        names.append(base)
        names += [f"{base}.{name}" for name in _names(several)]  # submodules
    own = tuple(n for n in dict.fromkeys(names) if n.split(".")[0] in PACKAGES)
    return hashlib.sha256(content).hexdigest(), own


def _names(written: bytes) -> list[str]:
    """``b"a, b as c, # why"`` -> a, b."""
    lines = (line.split("#")[0] for line in written.decode().splitlines())
    words = (word.split() for word in ",".join(lines).split(","))
    return [word[0] for word in words if word]


def git_tags() -> dict[str, str]:
    """The checkout's commit and whether it is modified; nothing outside a checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        sha = git("rev-parse", "HEAD")
        dirty = bool(git("status", "--porcelain", "--untracked-files=no")) if sha else False
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return {"git.sha": sha, "git.dirty": str(dirty).lower()} if sha else {}
