"""The site of `make docs`, as far as it can be told without building it: its pages are there and hold every module."""

from __future__ import annotations

import ast
import re
import runpy
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
SITE = SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "site.py")))


class _Loader(yaml.SafeLoader):
    """mkdocs names Python's functions in its file; here they are only names."""


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda _loader, suffix, _node: suffix)
CONFIG = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), _Loader)


def pages(entries: list[Any]) -> list[str]:
    """The files that a navigation names, in order."""
    found: list[str] = []
    for entry in entries:
        inside = list(entry.values())[0] if isinstance(entry, dict) else entry
        found += pages(inside) if isinstance(inside, list) else [inside]
    return found


def test_the_navigation_names_every_guide_and_nothing_that_is_not_there():
    named = pages(CONFIG["nav"])
    assert len(named) == len(set(named))
    assert set(SITE.COPIED) <= set(named)
    assert all((ROOT / name).is_file() for name in SITE.COPIED)
    guides = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert set(named) == guides | set(SITE.COPIED)


def test_every_public_module_has_a_page_in_the_reference():
    reference = pages(SITE.navigation())
    modules = SITE.modules()
    assert sorted(reference) == sorted(SITE.page(module) for module in modules)
    counted = [
        p for p in (ROOT / "ftcore").rglob("*.py") if not p.stem.startswith("_") or p.stem == "__init__"
    ]
    assert len(modules) == len(counted) > 100
    assert "::: ftcore.inference.classifier\n" in SITE.written("ftcore.inference.classifier")
    assert SITE.page("ftcore.inference") == "reference/inference/index.md"
    assert all(SITE.summary(module) for module in modules), "a module that says nothing of itself"


def test_links_stay_within_the_site():
    text = "[a](docs/pipeline.md#words) [b](examples/quickstart.yaml) ![c](docs/pictures/mlflow-run.png) [d](https://e.org) [f](README.zh.md)"
    assert SITE.relinked(text, at_root=True) == (
        "[a](pipeline.md#words) `b` ![c](pictures/mlflow-run.png) [d](https://e.org) [f](README.zh.md)"
    )
    assert SITE.relinked("[a](../README.md) [b](log.md)", at_root=False) == "[a](README.md) [b](log.md)"
    lost = []
    for path in [*(ROOT / name for name in SITE.COPIED), *sorted((ROOT / "docs").glob("*.md"))]:
        made = SITE.relinked(path.read_text(encoding="utf-8"), at_root=path.parent == ROOT)
        for target in re.findall(r"\]\(([^)#\s]+)", re.sub(r"(?ms)^```.*?^```$", "", made)):
            if "://" not in target and not ((ROOT / "docs" / target).exists() or target in SITE.COPIED):
                lost.append(f"{path.name}: {target}")
    assert not lost


def test_what_builds_the_site_is_pinned():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = dict(re.findall(r"^([\w.-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.M))
    for line in extras["docs"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pinned[wanted.name]), line
    plugins = [
        name for entry in CONFIG["plugins"] for name in (entry if isinstance(entry, dict) else [entry])
    ]
    assert "mkdocstrings" in plugins and {"mkdocs-material", "mkdocs", "mkdocstrings"} <= set(pinned)
    hooks = [*CONFIG["hooks"], *_extensions(CONFIG["plugins"])]
    assert all(ast.parse((ROOT / hook).read_bytes()) for hook in hooks) and len(hooks) == 2


def _extensions(plugins: list[Any]) -> list[str]:
    options = next(p["mkdocstrings"] for p in plugins if isinstance(p, dict) and "mkdocstrings" in p)
    return options["handlers"]["python"]["options"]["extensions"]
