"""Bad input at the command line: exit code 1, one error that names value, place and remedy, nothing left open.

What costs a document only is quarantined and counted, and the run goes on.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ftcore.base.files
from ftcore.config import load_config
from ftcore.shards import packs
from ftcore.shards.manifest import load_manifest
from tasks.store import Store
from tasks.tracking import Tracker

pytestmark = pytest.mark.flow
ROOT = Path(__file__).resolve().parents[2]
EN = "{path: en.jsonl, label: label}"
ZH = "{path: zh.csv, label: label}"


@pytest.fixture
def refused(project, invoke, prefect_api):
    """Run a flow that must be refused; returns its one error message."""

    def call(flow: str, *arguments: object) -> str:
        done = invoke(flow, "--config", project.config, *arguments)
        assert done.code == 1, done.out + done.err
        assert "Traceback" not in done.err and done.err.count("error:") == 1, done.err
        assert not done.out.strip().startswith("{"), "no result"
        message = done.err[done.err.index("error:") :].strip()
        assert len(message.splitlines()) <= 8, message
        assert_nothing_runs(project)
        return message

    return call


def assert_nothing_runs(project) -> None:
    """No run is left open in MLflow or Prefect, and the store is free."""
    from prefect.client.orchestration import get_client

    tracker = Tracker(load_config(project.config))
    open_runs = tracker.client.search_runs([tracker.experiment], "attributes.status = 'RUNNING'")
    assert not open_runs, [r.data.tags for r in open_runs]
    with get_client(sync_client=True) as client:
        states = [r.state for r in client.read_flow_runs(limit=50)]
        assert all(s.is_final() for s in states), states
    assert not list((project.store / "live").glob("*"))
    with Store(str(project.store)).lock("test"):
        pass


def sources(*words: str) -> str:
    return f"ingest.sources=[{', '.join(words)}]"


# ------------------------------------------------------------------------------ what stops a run
def test_an_empty_corpus(project, refused):
    for path in project.data.iterdir():
        path.write_bytes(b"")
    message = refused("prepare", sources("{path: en.txt}", "{path: zh.txt}"))
    assert "empty corpus" in message and "en.txt" in message and "ingest.sources" in message


def test_an_empty_csv(project, refused):
    (project.data / "zh.csv").write_bytes(b"")
    message = refused("pipeline", sources(ZH))
    assert "zh.csv" in message and ("empty" in message or "header" in message)


def test_no_sources_at_all(refused):
    assert "ingest.sources is empty" in refused("pipeline", "ingest.sources=[]")


def test_a_corpus_with_only_rejects(project, refused):
    (project.data / "en.jsonl").write_text('{"text": \n' * 30)
    message = refused("pipeline", sources(EN))
    assert "no document is left: all 30 were rejected" in message
    assert "en.jsonl:1" in message, "an example with its place"
    assert "Check the format" in message
    quarantine = Path(message.split("all of them: ")[1].splitlines()[0])
    assert len(quarantine.read_text().splitlines()) == 30, "the quarantine is where the message says"


def test_too_many_rejects(project, refused):
    path = project.data / "en.jsonl"
    path.write_text(path.read_text() + "broken\n" * 60)
    message = refused("pipeline", sources(EN, ZH))
    assert "60 of 360 documents are broken: 16.7%" in message and "ingest.max_reject_share = 5.0%" in message
    assert "raise ingest.max_reject_share" in message


def test_a_missing_file(refused, project):
    message = refused("pipeline", sources("{path: nowhere/gone.csv, label: label}"))
    assert (
        "nowhere/gone.csv" in message and "no such file or directory" in message and "check `path`" in message
    )


def test_a_directory_without_matching_files(refused, project):
    (project.data / "pictures").mkdir()
    (project.data / "pictures" / "a.png").write_bytes(b"x")
    message = refused("prepare", sources("{path: pictures}"))
    assert "pictures" in message and ".jsonl" in message and "set `format`" in message
    assert "*.parquet" in refused("prepare", sources("{path: '*.parquet'}"))


def test_a_suffix_that_tells_no_format(refused, project):
    (project.data / "a.dat").write_text("x\n")
    message = refused("prepare", sources("{path: a.dat}"))
    assert "a.dat" in message and "'.dat'" in message and "set `format`" in message


def test_a_csv_without_the_named_column_lists_the_columns_there_are(refused, project):
    message = refused("pipeline", sources("{path: zh.csv, label: topic}"))
    assert "zh.csv" in message and "topic" in message and "text" in message and "label" in message
    message = refused("pipeline", sources("{path: zh.csv, text: [body], label: label}"))
    assert "body" in message and "text" in message
    message = refused("pipeline", sources("{path: zh.csv, text: [7], label: label}"))
    assert "7" in message and "zh.csv" in message


def test_a_jsonl_without_the_named_field(refused, project):
    message = refused("pipeline", sources("{path: en.jsonl, text: [body], label: label}"))
    assert "en.jsonl" in message and "body" in message and "text" in message


def test_a_label_column_with_one_class(refused, project):
    path = project.data / "zh.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], *(li for li in lines if li.endswith(",sport"))]), encoding="utf-8")
    message = refused("pipeline", sources(ZH))
    assert "1 label(s): 'sport'" in message and "a classifier needs 2" in message and "`label`" in message


def test_no_labels_at_all(refused, project):
    message = refused("pipeline", sources("{path: en.txt}", "{path: zh.txt}"))
    assert "no source gives a label" in message and "ingest.sources: label" in message
    assert not (project.store / "stages" / "pretrain").exists(), "said before the long part"


def test_so_few_documents_that_a_split_is_empty(refused, project):
    path = project.data / "en.jsonl"
    path.write_text("".join(path.read_text().splitlines(True)[:4]))
    message = refused("pipeline", sources(EN), "split.test=0.0001")
    assert "the test split is empty" in message and "labelled documents: train" in message
    assert "set split.test=0 to do without" in message


def test_a_declared_encoding_that_does_not_exist(refused, project):
    message = refused("prepare", sources("{path: en.txt, encoding: utf-9}"))
    assert "utf-9" in message and "encoding" in message


def test_a_missing_user_dictionary(refused, project):
    message = refused("pipeline", "text.segment.user_dict=[no/words.txt]")
    assert "text.segment.user_dict" in message and "no/words.txt" in message


def test_a_missing_stopword_list(refused, project):
    message = refused("pipeline", "text.stopwords.mode='on'", "text.stopwords.lists=[no/stop.txt]")
    assert "text.stopwords.lists" in message and "no/stop.txt" in message


def test_a_word_pair_file_that_is_missing(refused, project):
    message = refused("pipeline", "evaluate.similarity=[pairs/ws353.txt]")
    assert "pairs/ws353.txt: no such file" in message and "evaluate.similarity" in message
    assert not (project.store / "stages").exists(), "said before any work"


def test_a_gpu_that_is_not_there(refused, project):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    message = refused("pipeline", "device=cuda")
    assert "'cuda'" in message and "set device=auto" in message


@pytest.mark.parametrize("word", ["pretrain.dims=3", "pretrain.dim=0", "seed", "--config=gone.yaml"])
def test_bad_options_are_refused_before_any_work(project, invoke, word):
    before = sorted(p.name for p in project.store.iterdir())
    done = invoke("pipeline", *([] if word.startswith("--") else ["--config", project.config]), word)
    assert done.code == 1 and "Traceback" not in done.err and done.err.startswith("error:")
    assert sorted(p.name for p in project.store.iterdir()) == before


def test_wrong_use_is_exit_code_2(project, invoke):
    assert invoke("pipeline", "--no-such-option").code == 2


# ----------------------------------------------------------------------- files that do not hold still
@pytest.mark.parametrize("what", ["vanishes", "changes", "grows"])
def test_a_file_that_does_not_hold_still_between_listing_and_reading(project, refused, monkeypatch, what):
    cut = packs.cut_file

    def then(file, ingest):
        parts = cut(file, ingest)
        path = Path(file.path)
        if path.name == "en.jsonl":
            content = path.read_bytes()
            if what == "vanishes":
                path.unlink()
            else:
                path.write_bytes(
                    content + content[:50] if what == "grows" else content.replace(b"goal", b"gaol", 1)
                )
        return parts

    monkeypatch.setattr(packs, "cut_file", then)
    message = refused("pipeline")
    assert (
        "en.jsonl" in message
        and ("vanished" if what == "vanishes" else "changed while being read") in message
    )
    assert "run again" in message


# ------------------------------------------------------------------------------------- the disk
class FullDisk:
    """`open_sink` on a disk that has room for so many bytes of files whose name ends so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, suffix: str, room: int):
        self.suffix, self.room, real = suffix, room, ftcore.base.files.open_sink

        def open_sink(path: Path):
            file = real(path)
            return self.wrap(file) if str(path).endswith(self.suffix) else file

        monkeypatch.setattr(ftcore.base.files, "open_sink", open_sink)

    def wrap(self, file):
        disk, write = self, file.write

        class Sink:
            def write(self, data) -> int:
                disk.room -= memoryview(data).nbytes
                if disk.room < 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return write(data)

            def __getattr__(self, name: str):
                return getattr(file, name)

            def __enter__(self):
                return self

            def __exit__(self, *error) -> None:
                file.close()

        return Sink()


@pytest.mark.parametrize(
    ("suffix", "place", "made", "missing"),
    [
        ("docs.parquet", "prepare/en.en.jsonl.0", set(), {"commit"}),
        ("shard-00000.parquet", "shard-00000.parquet", {"prepare", "dedup"}, {"commit"}),
    ],
    ids=["while a part is written", "while a shard is written"],
)
def test_a_full_disk(project, refused, invoke, monkeypatch, suffix, place, made, missing):
    with monkeypatch.context() as patch:
        FullDisk(patch, suffix, room=1000)
        message = refused("prepare")
    assert place in message and "disk full" in message and "store=FOLDER" in message
    outputs = {p.relative_to(project.store / "stages").parts[0] for p in project.store.rglob("stage.json")}
    assert made <= outputs and not missing & outputs, "nothing unfinished passes for an output"
    done = invoke("prepare", "--config", project.config)  # there is room again
    assert done.code == 0 and done.summary["rows"] == load_manifest(done.summary["shards"]).rows
    assert not [p for p in project.store.rglob("*") if p.name.startswith(".ftcore-tmp-")], "no litter"


def test_a_full_disk_while_a_model_is_written(ready, invoke, monkeypatch):
    from ftcore.formats import checkpoint

    def save(arrays, path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_file", save)
        done = invoke("pipeline", "--config", ready.config, "finetune.epoch=1")
    assert done.code == 1 and "disk full" in done.err and "Traceback" not in done.err, done.err
    assert_nothing_runs(ready)
    assert invoke("pipeline", "--config", ready.config).recomputed == set()


def test_too_little_space_is_said_before_the_run_starts(refused, monkeypatch, project):
    monkeypatch.setattr(Store, "free_bytes", lambda self: 10_000_000)
    message = refused("pipeline")
    assert "0.0 GB free" in message and "needed" in message and "store=DIR" in message
    assert not (project.store / "stages").exists()


# ------------------------------------------------------------------------------------- two at once
def test_a_second_run_on_the_store_of_a_live_one(project, invoke):
    code = (
        "import sys, time\nfrom tasks.store import Store\n"
        "with Store(sys.argv[1]).lock('flows.pipeline'):\n    print(1, flush=True)\n    time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(project.store)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline()
            done = invoke("pipeline", "--config", project.config)
            assert done.code == 1 and "in use by flows.pipeline" in done.err and str(holder.pid) in done.err
            assert "store=DIR" in done.err and "Traceback" not in done.err
            assert holder.poll() is None
        finally:
            holder.kill()
    assert_nothing_runs(project)


# --------------------------------------------------------------------------- what costs a document
def test_damage_costs_the_documents_it_is_in(project, invoke):
    """NUL bytes, lone surrogates, bad UTF-8, broken JSON, short rows: counted with reason, nothing lost."""
    with open(project.data / "en.jsonl", "ab") as file:
        file.write(b'{"text": "a\\u0000b goal", "label": "sport"}\n')  # NUL in the text
        file.write(b'{"text": "lone \\ud83d surrogate", "label": "sport"}\n')
        file.write(b'{"text": "bad \xff byte", "label": "sport"}\n')
        file.write(b'{"text": "no end\n')
    with open(project.data / "zh.csv", "ab") as file:
        file.write("只有文字\r\n".encode())
    with open(project.data / "en.txt", "ab") as file:
        file.write(b"the goal \x00 of the match\n\x00\x00\n")
    done = invoke("pipeline", "--config", project.config)
    assert done.code == 0, done.err
    manifest = load_manifest(done.summary["shards"])
    assert manifest.read == 660 + 4 + 1 + 2
    assert manifest.read == manifest.rows + manifest.rejected + manifest.filtered + manifest.duplicates
    assert 3 <= manifest.rejected <= 7 and sum(manifest.counts["read"].values()) == manifest.rejected
    lines = (Path(done.summary["shards"]) / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    rejects = [json.loads(line) for line in lines]
    assert {(r["source"], r["line"]) for r in rejects} >= {
        ("en:en.jsonl", 153),
        ("en:en.jsonl", 154),
        ("zh:zh.csv", 152),
    }
    assert all(r["reason"] and r["step"] for r in rejects)
    page = Path(done.summary["report"]).read_text(encoding="utf-8")
    assert all(reason in page for reason in manifest.counts["read"]), "the report counts them"


def test_a_line_of_100_mb_without_a_newline(project, invoke):
    """It is one rejected document, and is not held in memory."""
    import psutil

    with open(project.data / "en.txt", "ab") as file:
        for _ in range(100):
            file.write(b"endless words " * 74_898)
    assert (project.data / "en.txt").stat().st_size > 100_000_000
    before = psutil.Process().memory_info().rss
    done = invoke("prepare", "--config", project.config)
    assert done.code == 0, done.err
    manifest = load_manifest(done.summary["shards"])
    assert manifest.read == 661 and manifest.rejected == 1
    assert psutil.Process().memory_info().rss - before < 100_000_000


def test_a_truncated_archive(project, invoke):
    import gzip

    lines = "".join(f"the goal number {n * 7919} of match {n}\n" for n in range(40_000))
    packed = gzip.compress(lines.encode())
    (project.data / "en2.txt.gz").write_bytes(packed[: len(packed) // 2])
    done = invoke("prepare", "--config", project.config, sources(EN, ZH, "{path: en2.txt.gz}"))
    assert done.code == 0, done.err
    manifest = load_manifest(done.summary["shards"])
    assert manifest.counts["read"] == {"truncated archive": 1}
    assert 10_000 < manifest.documents["unlabelled"]["en"] < 30_000, "what came before it is kept"


def test_labels_of_the_test_split_that_training_never_saw(project, invoke):
    """They count as errors and are listed; the run goes on."""
    rows = "".join(f"the violin and the orchestra number {n},music\n" for n in range(10))
    (project.data / "test.csv").write_text("text,label\n" + rows)
    done = invoke(
        "pipeline", "--config", project.config, sources(EN, ZH, "{path: test.csv, label: label, split: test}")
    )
    assert done.code == 0, done.err
    metrics = done.summary["metrics"]
    assert metrics["unseen_labels"] == 1 and metrics["unseen_documents"] == 10
    assert "music" in Path(done.summary["report"]).read_text(encoding="utf-8")


def test_long_chinese_paths(project, invoke):
    """A part's folder is named by its file; file systems allow 255 bytes a name."""
    folder = project.data / ("很长的文件夹名字" * 8) / ("更长的文件夹名字" * 8)
    folder.mkdir(parents=True)
    for name in ("甲", "乙"):
        (folder / f"{name}.txt").write_text(f"今天的比赛和球队{name}\n", encoding="utf-8")
    tree = f"{{path: '{folder.parent.name}', name: deep}}"
    done = invoke("prepare", "--config", project.config, sources(EN, tree))
    assert done.code == 0, done.err
    assert load_manifest(done.summary["shards"]).read == 152
