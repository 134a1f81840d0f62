"""What the site holds besides docs/: the READMEs, the changelog, and a page for every public module.

mkdocs calls the functions ``on_…``; `tests/test_site.py` calls the others.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("README.md", "README.zh.md", "CHANGELOG.md")  # of the root


def modules() -> list[str]:
    """Every public module of the library that says something: no part of its name begins with _."""
    found = []
    for path in sorted((ROOT / "ftcore").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            found.append(".".join(parts))
    return found


def page(module: str) -> str:
    """The page of a module, as a path of the site's."""
    folder = ROOT.joinpath(*module.split(".")).is_dir()
    return "/".join(["reference", *module.split(".")[1:]]) + ("/index.md" if folder else ".md")


def written(module: str) -> str:
    """What stands on a module's page before mkdocstrings fills it."""
    return f"# {module}\n\n::: {module}\n"


def navigation() -> list[Any]:
    """The reference: rooms in the order of docs/architecture.md, their modules below."""
    plan = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = next(block for block in plan.split("```")[1::2] if block.startswith("\nftcore/"))
    rooms = re.findall(r"^  ([a-z_]+)(?:\.py|/) ", tree.split("\ntasks/")[0], re.M)
    every = modules()
    entries: list[Any] = [{"ftcore": page("ftcore")}]
    for room in rooms:
        name = f"ftcore.{room}"
        inside = [module for module in every if module.startswith(f"{name}.")]
        if not inside:
            entries.append({room: page(name)})
            continue
        entries.append({room: [page(name), *({m.removeprefix(f"{name}."): page(m)} for m in inside)]})
    return entries


def summary(module: str) -> str:
    """The first line of a module's docstring."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_bytes())) or "").partition("\n")[0]


def relinked(text: str, at_root: bool) -> str:
    """Markdown whose links stay within the site: files that are not in it become their names."""

    def link(match: re.Match[str]) -> str:
        mark, words, target = match.groups()
        path, anchor, rest = target.partition("#")
        if "://" in target or not path:
            return match[0]
        real = (ROOT / path if at_root else ROOT / "docs" / path).resolve()
        if not real.exists():
            return match[0]  # mkdocs tells of it
        inside = real.relative_to(ROOT).as_posix()
        if inside in COPIED:
            return f"{mark}[{words}]({inside}{anchor}{rest})"
        if inside.startswith("docs/"):
            return f"{mark}[{words}]({inside.removeprefix('docs/')}{anchor}{rest})"
        return words if words.startswith("`") else f"`{words}`"

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", link, text)


def on_config(config: Any) -> Any:
    """Add the reference to the navigation."""
    config.nav = [*config.nav, {"Reference": navigation()}]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not below docs/."""
    from mkdocs.structure.files import File

    for name in COPIED:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    for module in modules():
        text = written(module)
        inside = [m for m in modules() if m.rpartition(".")[0] == module]
        if inside:
            rows = [f"| [{m.rpartition('.')[2]}]({link_to(m, module)}) | {summary(m)} |" for m in inside]
            text += "\n## Modules\n\n| Module | What it is |\n|---|---|\n" + "\n".join(rows) + "\n"
        files.append(File.generated(config, page(module), content=text))
    return files


def link_to(module: str, package: str) -> str:
    """The page of a module as a link on that of its package."""
    return page(module).removeprefix(page(package).removesuffix("index.md"))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Keep links within the site."""
    if page.file.src_uri.startswith("reference/"):
        return markdown
    return relinked(markdown, page.file.src_uri in COPIED)
