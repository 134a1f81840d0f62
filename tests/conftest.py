"""A tiny bilingual corpus, a tiny configuration, and one Prefect server for all tests that need one.

A pipeline run over them takes a few seconds. Stores lie below pytest's temporary folders; a finished
run is made once and copied (`copy_store`), since MLflow's tables alone take seconds.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

try:
    from hypothesis import settings
except ImportError:  # on a machine with a GPU there may be little more than torch, see `requirements-gpu.txt`
    pass
else:  # how long an example takes is the machine's doing: a busy one failed tests that were right
    settings.register_profile("ftcore", deadline=None)
    settings.load_profile("ftcore")

ROOT = Path(__file__).resolve().parent.parent

if not os.path.exists(
    "/dev/nvidiactl"
):  # without a GPU Triton interprets; it must know before it is imported
    os.environ.setdefault("TRITON_INTERPRET", "1")

if (
    signal.getsignal(signal.SIGINT) == signal.SIG_IGN
):  # started in a shell's background: Ctrl-C is tested all the same
    signal.signal(signal.SIGINT, signal.default_int_handler)

TOPICS = {
    "en": {
        "sport": "match goal team coach league player stadium score referee final striker fans",
        "food": "recipe dough oven salt butter soup kitchen spicy noodles sauce bake taste",
        "tech": "phone chip battery software screen laptop network update camera server code app",
    },
    "zh": {
        "sport": "比赛 进球 球队 教练 联赛 球员 球场 比分 裁判 决赛 前锋 球迷",
        "food": "食谱 面团 烤箱 酱油 黄油 鸡汤 厨房 麻辣 面条 调料 烘焙 味道",
        "tech": "手机 芯片 电池 软件 屏幕 电脑 网络 更新 相机 服务器 代码 应用",
    },
}
FILLER = {
    "en": "the a of and with very not really today again people think about this that is",
    "zh": "今天 大家 觉得 这个 非常 我们 还是 因为 所以 没有 一起 看到 开始 可能 已经",
}


def sentence(rng: random.Random, language: str, topic: str) -> str:
    """A short text with five words of its topic among six of none."""
    words = rng.choices(TOPICS[language][topic].split(), k=5) + rng.choices(FILLER[language].split(), k=6)
    rng.shuffle(words)
    return (" " if language == "en" else "").join(words)


def write_corpus(folder: Path, seed: int = 0, documents: int = 50, unlabelled: int = 60) -> Path:
    """en.jsonl and zh.csv with `documents` a topic, en.txt and zh.txt with `unlabelled` lines a topic."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    labelled = {
        language: [(sentence(rng, language, t), t) for _ in range(documents) for t in TOPICS[language]]
        for language in TOPICS
    }
    with open(folder / "en.jsonl", "w", encoding="utf-8") as file:
        for text, topic in labelled["en"]:
            file.write(json.dumps({"text": text, "label": topic}) + "\n")
    with open(folder / "zh.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(labelled["zh"])
    for language in TOPICS:
        lines = [sentence(rng, language, t) for _ in range(unlabelled) for t in TOPICS[language]]
        (folder / f"{language}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def tiny_tree() -> dict[str, Any]:
    """Options of a run of a few seconds over `write_corpus`; paths start at the project's folder."""
    return {
        "name": "tiny",
        "data": "data",
        "store": "store",
        "workers": 1,
        "device": "cpu",
        "ingest": {
            "sources": [
                {"path": "en.jsonl", "label": "label"},
                {"path": "zh.csv", "label": "label"},
                {"path": "en.txt", "name": "text_en"},
                {"path": "zh.txt", "name": "text_zh"},
            ]
        },
        "split": {"valid": 0.15, "test": 0.25},
        "pretrain": {"dim": 16, "epoch": 1, "minn": 2, "maxn": 3, "min_count": 1, "bucket": 2000},
        "finetune": {"epoch": 4, "lr": 1.0, "bucket": 2000},
        "evaluate": {"neighbors": ["phone", "手机"]},
        "tracking": {"experiment": "tiny", "model_name": "tiny", "system_metrics": False},
    }


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """The JSON of the last line of stdout."""
        return json.loads(self.out.strip().splitlines()[-1])

    @property
    def states(self) -> dict[str, str]:
        """state of each stage by name."""
        return {s["stage"]: s["state"] for s in self.summary["stages"]}

    @property
    def recomputed(self) -> set[str]:
        return {name for name, state in self.states.items() if state == "recomputed"}

    @property
    def reasons(self) -> dict[str, str]:
        return {s["stage"]: s["reason"] for s in self.summary["stages"]}


@dataclass(frozen=True)
class Project:
    """A corpus, a configuration file over it, and a store, in a folder that is the working directory."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def config(self) -> Path:
        return self.folder / "tiny.yaml"

    def tree(self) -> dict[str, Any]:
        return yaml.safe_load(self.config.read_text(encoding="utf-8"))

    def write(self, tree: dict[str, Any]) -> None:
        self.config.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")

    @classmethod
    def make(cls, folder: Path, **corpus: int) -> Project:
        folder.mkdir(parents=True, exist_ok=True)
        project = cls(folder)
        write_corpus(project.data, **corpus)
        project.write(tiny_tree())
        return project


def copy_project(source: Project, folder: Path) -> Project:
    """The project with all that it wrote; the addresses in MLflow's tables point into the copy."""
    shutil.copytree(source.folder, folder, dirs_exist_ok=True)
    project = Project(folder)
    with closing(sqlite3.connect(project.store / "mlflow.db")) as database, database:
        tables = [r[0] for r in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for column in [r[1] for r in database.execute(f"pragma table_info('{table}')")]:
                database.execute(
                    f'update "{table}" set "{column}" = replace("{column}", ?, ?) '
                    f'where typeof("{column}") = \'text\' and instr("{column}", ?)',
                    (str(source.folder), str(folder), str(source.folder)),
                )
    return project


# -------------------------------------------------------------------------------------- fixtures
@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    """The helpers of this file, for tests (which cannot import it)."""
    return SimpleNamespace(copy_project=copy_project, run_command=run_command, write_corpus=write_corpus)


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One embedded Prefect server, heartbeat off, for every flow that runs in this process."""
    from flows.embedded import prefect_server
    from tasks.store import Store

    os.environ.pop("PREFECT_API_URL", None)
    with prefect_server(Store(str(tmp_path_factory.mktemp("prefect")))) as server:
        yield server.url


@pytest.fixture(scope="session")
def blank_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables without a run: making them takes seconds, copying them does not."""
    from ftcore.config import Config
    from tasks.tracking import Tracker

    store = tmp_path_factory.mktemp("blank")
    tracker = Tracker(Config(store=str(store)))
    tracker.client.delete_experiment(tracker.experiment)
    return store / "mlflow.db"


@pytest.fixture
def project(tmp_path: Path, blank_mlflow: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A corpus and a store without a run; the working directory is theirs."""
    made = Project.make(tmp_path / "project")
    made.store.mkdir()
    shutil.copy(blank_mlflow, made.store / "mlflow.db")
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run ``python -m flows.NAME …`` in this process: ``invoke("pipeline", "--config", "a.yaml")``."""

    def call(name: str, *arguments: str) -> Result:
        capsys.readouterr()
        code = run_command(name, arguments)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


def run_command(name: str, arguments: Any) -> int:
    """Exit code of ``python -m flows.NAME`` in this process, without its ``if __name__`` block."""
    from importlib import import_module

    from flows.command import main

    module = import_module(f"flows.{name}")
    steps = getattr(module, "alone", None) or getattr(module, "steps", None)
    with pytest.raises(SystemExit) as stop:
        main(getattr(module, name), steps, arguments=[str(a) for a in arguments])
    return int(stop.value.code or 0)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sources as they are now, and reuse looks at them: an edit during the tests recomputes nothing."""
    import tasks.reuse
    from tasks.code_digest import sources_of

    root = tmp_path_factory.mktemp("sources")
    for house in ("ftcore", "tasks", "flows"):
        shutil.copytree(ROOT / house, root / house, ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks.reuse, "sources_of", partial(sources_of, root=root))
        yield root


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, prefect_api: str, blank_mlflow: Path, sources: Path
) -> Project:
    """A project after one whole pipeline run; copy it (fixture `ready`) before changing anything."""
    made = Project.make(tmp_path_factory.mktemp("finished"))
    made.store.mkdir()
    shutil.copy(blank_mlflow, made.store / "mlflow.db")
    with (
        chdir(made.folder),
        open(tmp_path_factory.mktemp("output") / "stdout", "w+", encoding="utf-8") as sink,
    ):
        with redirect_stdout(sink):
            code = run_command("pipeline", ["--config", made.config])
        sink.seek(0)
        out = sink.read()
    assert code == 0
    (made.store / "first.out").write_text(out, encoding="utf-8")
    return made


@pytest.fixture
def ready(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of `finished` to spoil; the working directory is its own."""
    made = copy_project(finished, tmp_path / "project")
    monkeypatch.chdir(made.folder)
    return made


@pytest.fixture
def first_run(finished: Project) -> Result:
    """What the command that made `finished` printed."""
    return Result(0, (finished.store / "first.out").read_text(encoding="utf-8"), "")


def command(name: str, *arguments: Any, cwd: Path, **popen: Any) -> subprocess.Popen:
    """``python -m flows.NAME …`` as a process of its own in `cwd`, without a Prefect server set."""
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"} | popen.pop("env", {})
    environment["PYTHONPATH"] = str(ROOT)
    words = popen.pop("words", ["-m", f"flows.{name}", *arguments])
    return subprocess.Popen([sys.executable, *map(str, words)], cwd=cwd, env=environment, **popen)


@pytest.fixture
def start_command() -> Iterator[Callable[..., subprocess.Popen]]:
    """`command`, ended at the end of the test whatever happens."""
    started: list[subprocess.Popen] = []

    def start(name: str, *arguments: Any, **popen: Any) -> subprocess.Popen:
        process = command(name, *arguments, **popen)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
