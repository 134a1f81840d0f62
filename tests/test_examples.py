"""Every example of a docstring runs as written: each ``>>>`` of ftcore, tasks and flows."""

from __future__ import annotations

import doctest
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ftcore
from ftcore.formats.directory import read_directory
from ftcore.inference.classifier import Classifier
from ftcore.reading.readers import read_part
from ftcore.reading.sources import cut_file, list_files

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    path for house in ("ftcore", "tasks", "flows") for path in sorted((ROOT / house).rglob("*.py"))
    if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.M)
]  # fmt: skip
TEXTS = ["good film", "a good book", "dull film", "a dull book", "很 好看", "很 无聊"]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples run: the files that they name."""
    place = tmp_path_factory.mktemp("examples")
    model = ftcore.FastText.from_texts(TEXTS, ["good", "good", "dull", "dull"] + ["good", "dull"], dim=100)
    model.fit(
        list(zip(TEXTS, ["good", "good", "dull", "dull", "good", "dull"], strict=True)), epochs=60, lr=1.0
    )
    model.save(place / "model")
    (place / "docs.csv").write_text("id,text\n1,a good film\n2,\n", encoding="utf-8")
    lines = ["__label__de Guten Tag", "__label__en Good day"]
    (place / "valid.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def given(folder: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    """Module -> the names that its examples take for given; where a model has to be there, it is a small one."""

    def classic() -> dict[str, Any]:
        return {"classic": read_directory(folder / "model"), "model": read_directory(folder / "model")}

    def answering() -> dict[str, Any]:
        model = read_directory(folder / "model")
        gold = [[label] for label in ("good", "good", "dull", "dull", "good", "dull")]
        return {"model": model, "classifier": Classifier(model), "texts": TEXTS, "gold": gold}

    def greetings() -> dict[str, Any]:
        lines = (folder / "valid.txt").read_text(encoding="utf-8").splitlines()
        return {"model": ftcore.train_supervised(lines * 20, dim=5, lr=1.0, epoch=20, verbose=0, thread=1)}

    def documents() -> dict[str, Any]:
        ingest = ftcore.config.Ingest.model_validate(
            {"sources": [{"name": "docs", "path": str(folder / "docs.csv")}]}
        )
        [file] = list_files(ingest, str(folder))
        return {"part": cut_file(file, ingest)[0], "ingest": ingest, "read_part": read_part}

    return {
        **dict.fromkeys(
            ("ftcore.model.model", "ftcore.inference.tables", "ftcore.inference.vectors", "ftcore.inference.predict",
             "ftcore.formats.expand", "ftcore.ecosystem.onnx_model"), classic),
        **dict.fromkeys(("ftcore.trust.explanation", "ftcore.trust.robustness", "ftcore.commands.trust"), answering),
        "ftcore.compat.model": greetings,
        "ftcore.compat.vocabulary": greetings,
        "ftcore.reading.readers": documents,
    }  # fmt: skip


@pytest.mark.parametrize("path", [pytest.param(path, id=module_name(path)) for path in FILES])
def test_examples_hold(path: Path, folder: Path, given: dict, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    module = importlib.import_module(module_name(path))
    names = given.get(module.__name__, dict)()
    said: list[str] = []
    runner, attempted = doctest.DocTestRunner(verbose=False), 0
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, module.__name__, extraglobs=names):
        attempted += runner.run(test, out=said.append).attempted
    assert runner.failures == 0, "".join(said)
    written = len(re.findall(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.M))
    assert attempted == written, "an example is skipped, or in no docstring that doctest finds"
