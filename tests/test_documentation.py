"""Every block of the documentation: Python runs as written, YAML is a configuration, commands exist with their flags."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import chdir
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

import ftcore
from flows import arguments
from ftcore import cli
from ftcore.commands.parser import command_parser
from ftcore.compat.command_line.flags import FLAGS
from ftcore.config import load_config
from ftcore.shards.manifest import SHARD, FileEntry, Manifest
from ftcore.shards.shards import write_shard

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPTIONAL = {
    "to_keyed_vectors": "gensim",
    "spacy": "spacy",
    "onnxruntime": "onnxruntime",
    "sklearn": "sklearn",
}
MAKE = (ROOT / "Makefile").read_text(encoding="utf-8")


class Fenced(NamedTuple):
    place: str  # file:line of its first line
    language: str
    text: str


def fenced(path: Path) -> Iterator[Fenced]:
    """The blocks of a document."""
    lines, start, language = path.read_text(encoding="utf-8").splitlines(), 0, ""
    for number, line in enumerate(lines, 1):
        if not line.startswith("```"):
            continue
        if start:
            yield Fenced(f"{path.name}:{start + 1}", language, "\n".join(lines[start : number - 1]))
            start = 0
        else:
            start, language = number, line[3:].strip()


BLOCKS = [block for path in DOCUMENTS for block in fenced(path)]


def python_blocks() -> list:
    """Each once: a translation differs in its comments only."""
    found = {}
    for block in BLOCKS:
        if block.language == "python":
            found.setdefault(ast.dump(ast.parse(block.text, block.place)), block)
    return [pytest.param(block, id=block.place) for block in found.values()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the blocks read, by the names they use: small text, vectors, and the stages of a run."""
    place = tmp_path_factory.mktemp("documentation")
    rng = np.random.default_rng(0)
    topics = {"baking": "bread oven dish banana", "tools": "knife pan board blender"}
    lines = []
    for i in range(300):
        label = list(topics)[i % 2]
        words = [*rng.choice(topics[label].split(), 3), f"w{i}", *(f"x{n}" for n in rng.integers(0, 300, 6))]
        lines.append(f"__label__{label} " + " ".join(words))
    for name in ("train.txt", "valid.txt"):
        (place / name).write_text("\n".join(lines) + "\n")
    for name, words in (("cc.zh.300.bin", "中国 电影 好看"), ("cc.en.300.bin", "the laptop film")):
        model = ftcore.train_unsupervised([words] * 9, dim=5, minCount=1, bucket=100, verbose=0, thread=1)
        model.save_model(str(place / name))
    stages = place / "runs" / "stages"
    texts = ["这台 笔记本 很 好用", "the laptop is great", "护士 很 耐心"]
    ftcore.FastText.from_texts(texts, dim=5, minn=1, maxn=3, bucket=100).save(
        stages / "pretrain" / "1" / "model"
    )
    shards = stages / "commit" / "1" / "shards"
    shards.mkdir(parents=True)
    rows = [
        {
            "id": f"{i:032x}",
            "language": "en",
            "split": split,
            "labels": ["tech"],
            "tokens": f"w{i}",
            "source": "s:1",
        }
        for i, split in enumerate(("train", "valid", "test"))
    ]
    entry = write_shard(shards, 0, [pa.RecordBatch.from_pylist(rows, schema=SHARD)], row_group=10)
    (shards / "quarantine.jsonl").touch()
    Manifest(
        inputs="", options="", shards=[entry], quarantine=FileEntry.of(shards / "quarantine.jsonl", 0),
        rows=3, read=3, rejected=0, filtered=0, duplicates=0, counts={}, documents={}, labels={},
    ).write(shards)  # fmt: skip
    for stage in ("pretrain", "commit"):
        (stages / stage / "latest").write_text("1")
    return place


@pytest.mark.parametrize("block", python_blocks())
def test_python_runs_as_written(block: Fenced, folder: Path, capsys):
    for word, package in OPTIONAL.items():
        if word in block.text and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    with chdir(folder):
        exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})


def test_blocks_have_a_known_language():
    """A new kind of block needs a check here."""
    assert {block.language for block in BLOCKS} <= {"", "python", "text", "yaml", "mermaid"}
    assert len(python_blocks()) >= 8


@pytest.mark.parametrize("block", [pytest.param(b, id=b.place) for b in BLOCKS if b.language == "yaml"])
def test_yaml_is_a_configuration(block: Fenced, tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text(block.text, encoding="utf-8")
    load_config(path)


# ----------------------------------------------------------------------------------------- commands
_START = re.compile(r"^(?:\$ )?((?:(?:make|python|ftcore|echo|source) \S|[A-Z_]+=\S+ [\w./]+ ).*)$")


def commands() -> list:
    """(place, command) of blocks without a language and of inline code that begins as a command does."""
    found: dict[str, str] = {}
    for block in BLOCKS:
        joined = re.sub(r"\\\n\s*", " ", block.text)
        for line in joined.splitlines() if block.language == "" else ():
            if match := _START.match(line):
                found.setdefault(_bare(match[1]), block.place)
    for path in DOCUMENTS:
        text = re.sub(r"(?ms)^```.*?^```$", "", path.read_text(encoding="utf-8"))
        for code in re.findall(r"`((?:make|python|ftcore) [^`]+)`", text):
            found.setdefault(_bare(" ".join(code.split())), path.name)
    return [pytest.param(command, id=f"{place} {command[:60]}") for command, place in found.items()]


def _bare(command: str) -> str:
    return re.sub(r"\s+#.*", "", command).strip()


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that commands name: the README's configuration, the examples."""
    place = tmp_path_factory.mktemp("commands")
    block = next(block for block in BLOCKS if block.language == "yaml")
    (place / "mine.yaml").write_text(block.text, encoding="utf-8")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


@pytest.mark.parametrize("command", commands())
def test_commands_exist(command: str, mine: Path):
    with chdir(mine):
        parts = re.split(r"\s(?:\||&&)\s", command)
        if re.fullmatch(r"ftcore \w+(?: \| \w+)+", command):  # alternatives, no pipe
            for part in parts:
                assert part.removeprefix("ftcore ") in (*cli.CLASSIC, *cli.COMMANDS)
            return
        for part in parts:
            check(shlex.split(part.split(" < ")[0]))


def check(words: list[str]) -> None:
    while words and re.fullmatch(r"[A-Z_]+=\S+", words[0]):
        words = words[1:]
    words = ["cat" if word.startswith("$(") else word for word in words]
    program, rest = Path(words[0]).name, words[1:]
    if program == "make":
        for word in rest:
            name, given, _ = word.partition("=")
            known = rf"^{name}\s*\?=" if given else rf"^{re.escape(name)}:|\b{name}\b.*:.*##"
            assert re.search(known, MAKE, re.M), f"make knows no {word}"
    elif program == "python" and rest[0] == "-m":
        package, _, name = rest[1].partition(".")
        assert package in ("flows", "benchmarks") and (ROOT / package / f"{name}.py").is_file()
        if package == "flows":
            arguments.read(name, [word for word in rest[2:] if not word.endswith(("=…", "=..."))])
        else:
            flags = [word for word in rest[2:] if word.startswith("--")]
            assert all(f'"{flag}"' in (ROOT / "benchmarks" / f"{name}.py").read_text() for flag in flags), (
                flags
            )
    elif program == "python":
        script = next(word for word in rest if not word.startswith("-"))
        written = [b.text for b in BLOCKS if b.language == "python" and b.text.startswith(f"# {script}")]
        assert (ROOT / script).is_file() or written, script
    elif program == "ftcore":
        assert rest[0] in (*cli.CLASSIC, *cli.COMMANDS), f"ftcore knows no {rest[0]}"
        if rest[0] in cli.CLASSIC:
            flags = [word[1:] for word in rest if re.match(r"-[A-Za-z]", word)]
            assert set(flags) <= {*FLAGS, "k"}, flags
        else:
            command_parser("").parse_args(rest)
    else:
        assert program in ("echo", "source", "prefect"), words


def test_make_help_prints_every_target():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = set(re.search(r"^\.PHONY: (.+)$", MAKE, re.M)[1].split())
    told = dict(re.findall(r"^([a-z-]+) +(\S.*)$", done, re.M))
    assert "run" in targets and targets == set(told)


def test_the_check_itself(mine: Path):
    with chdir(mine):
        for wrong in (
            "make nothing",
            "make run NO=1",
            "python -m flows.nothing",
            "python x.py",
            "ftcore nothing",
        ):
            with pytest.raises((AssertionError, StopIteration)):
                check(wrong.split())
        for wrong in ("python -m flows.pipeline no.key=1", "python -m flows.pipeline --config no.yaml"):
            with pytest.raises(ftcore.errors.UserError):
                check(wrong.split())
        with pytest.raises(SystemExit):
            check(["python", "-m", "flows.pipeline", "--no-such"])
