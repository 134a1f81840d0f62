import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ftcore.shards.cut
from ftcore.base import files
from ftcore.base.pools import open_pool
from ftcore.base.workers import Pool, WorkerDied
from ftcore.config import Config, SplitShares, parse_config
from ftcore.errors import UserError
from ftcore.reading.sources import cut_file, list_files
from ftcore.shards.prepare import (
    PreparedPart,
    PrepareOptions,
    prepare_part,
    prepare_parts,
    run_part,
    split_of,
)
from ftcore.shards.shards import SHARD


def options_of(folder, *sources, **others):
    tree = {"data": str(folder), "ingest": {"sources": list(sources)} | others.pop("ingest", {})} | others
    return PrepareOptions.of(parse_config(tree))


def cut(folder, options):
    listed = list_files(options.ingest, str(folder))
    return [part for file in listed for part in cut_file(file, options.ingest)]


def jsonl(path, rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def documents(prepared):
    return pq.read_table(Path(prepared.path) / "docs.parquet").to_pylist()


def quarantine(prepared):
    return [json.loads(line) for line in open(Path(prepared.path) / "quarantine.jsonl", encoding="utf-8")]


ROWS = [
    {"text": "The quick brown fox", "label": "en"},
    "{broken",
    {"text": "我们今天去北京看长城", "label": "zh"},
    {"text": "short", "label": "en"},
    {"text": "a document without a label", "label": None},
]


@pytest.fixture
def small(tmp_path):
    jsonl(tmp_path / "a.jsonl", ROWS)
    options = options_of(tmp_path, {"path": "a.jsonl", "label": "label"}, filters={"min_tokens": 2})
    return options, cut(tmp_path, options)[0], tmp_path / "out"


def test_one_part_from_raw_bytes_to_its_directory(small):
    options, part, out = small
    prepared = prepare_part(part, options, out)
    assert sorted(p.name for p in out.iterdir()) == [
        "about",
        "counts.json",
        "docs.parquet",
        "keys.npy",
        "quarantine.jsonl",
    ]
    assert pq.read_schema(out / "docs.parquet").equals(SHARD)
    rows = documents(prepared)
    assert [(r["language"], r["labels"]) for r in rows] == [("en", ["en"]), ("zh", ["zh"]), ("en", [])]
    assert rows[0]["tokens"] == "the quick brown fox" and rows[0]["source"] == "a:a.jsonl"
    assert rows[2]["split"] == "unlabelled"
    assert all(r["split"] == split_of(r["id"], options.split) for r in rows[:2])
    keys = np.load(out / "keys.npy", mmap_mode="r")
    assert keys.dtype == np.uint64 and keys.shape == (3, 2)
    assert [f"{high:016x}{low:016x}" for high, low in keys.tolist()] == [r["id"] for r in rows]
    refused = quarantine(prepared)
    assert [(r["source"], r["line"], r["step"]) for r in refused] == [
        ("a:a.jsonl", 2, "read"),
        ("a:a.jsonl", 4, "filters"),
    ]
    assert refused[0]["excerpt"] == "{broken"
    assert (prepared.rows, prepared.read, prepared.rejected, prepared.filtered, prepared.hashed) == (
        3,
        5,
        1,
        1,
        2,
    )
    assert {step: sum(n.values()) for step, n in prepared.counts.items() if step != "removed tokens"} == {
        "read": 1,
        "filters": 1,
    }


def test_a_prepared_part_is_json_and_loads_verified(small):
    options, part, out = small
    prepared = prepare_part(part, options, out)
    assert PreparedPart(**json.loads(json.dumps(prepared.to_dict()))) == prepared
    assert PreparedPart.load(out) == prepared
    with open(out / "quarantine.jsonl", "ab") as file:
        file.write(b"\n")
    with pytest.raises(UserError, match="changed"):
        PreparedPart.load(out)
    (out / "counts.json").unlink()
    with pytest.raises(UserError, match="not a prepared part"):
        PreparedPart.load(out)


def test_preparing_again_replaces_with_the_same_bytes(small):
    options, part, out = small
    first = prepare_part(part, options, out)
    before = {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert prepare_part(part, options, out) == first  # counts too: they are of this part alone
    assert {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert sorted(p.name for p in out.parent.iterdir()) == ["a.jsonl", "out"]


def test_an_empty_file_gives_an_empty_part(tmp_path):
    (tmp_path / "a.txt").touch()
    options = options_of(tmp_path, {"path": "a.txt"})
    for part in cut(tmp_path, options):
        prepared = prepare_part(part, options, tmp_path / "out")
        assert (prepared.rows, prepared.read) == (0, 0)
        assert np.load(tmp_path / "out" / "keys.npy").shape == (0, 2)


# ----------------------------------------------------------------------------------------- splits
@given(st.text("0123456789abcdef", min_size=32, max_size=32), st.floats(0, 0.49), st.floats(0, 0.49))
def test_the_test_split_does_not_depend_on_the_share_of_valid(key, valid, test):
    split = split_of(key, SplitShares(valid=valid, test=test))
    other = split_of(key, SplitShares(valid=0, test=test))
    assert (split == "test") == (other == "test")
    assert split_of(key, SplitShares(valid=0, test=0)) == "train"


def test_shares_of_the_splits(tmp_path):
    jsonl(tmp_path / "a.jsonl", [{"text": f"document number {n}", "label": n % 2} for n in range(4000)])
    options = options_of(tmp_path, {"path": "a.jsonl", "label": "label"}, split={"valid": 0.2, "test": 0.1})
    prepared = prepare_part(cut(tmp_path, options)[0], options, tmp_path / "out")
    splits = [row["split"] for row in documents(prepared)]
    assert splits.count("valid") == pytest.approx(800, abs=100)
    assert splits.count("test") == pytest.approx(400, abs=80)
    assert prepared.hashed == 4000


def test_given_splits_stand_and_unlabelled_documents_are_not_held_out(tmp_path):
    rows = [
        {"text": "one word more", "label": "a", "where": "valid"},
        {"text": "two words more", "label": "a", "where": "train"},
        {"text": "three words more", "label": "", "where": "test"},
        {"text": "four words more", "label": None, "where": "train"},
    ]
    jsonl(tmp_path / "a.jsonl", rows)
    jsonl(
        tmp_path / "b.jsonl",
        [{"text": "five words more", "label": "b"}, {"text": "six words", "label": None}],
    )
    options = options_of(
        tmp_path,
        {"path": "a.jsonl", "label": "label", "split_column": "where"},
        {"path": "b.jsonl", "label": "label", "split": "test"},
    )
    first, second = prepare_parts(cut(tmp_path, options), options, tmp_path / "parts", workers=1)
    assert [r["split"] for r in documents(first)] == ["valid", "train", "unlabelled"]
    assert [r["split"] for r in documents(second)] == ["test"]
    assert [(r["line"], r["step"], r["reason"]) for r in quarantine(first) + quarantine(second)] == [
        (3, "split", "held out without a label"),
        (2, "split", "held out without a label"),
    ]
    assert first.hashed == second.hashed == 0 and first.filtered == second.filtered == 1


# ------------------------------------------------------------------------------------- tokenizer
def test_the_tokenizer_is_kept_but_notices_a_changed_dictionary(tmp_path):
    (tmp_path / "a.txt").write_text("韩玉赏鉴\n", encoding="utf-8")
    (tmp_path / "words").write_text("韩玉赏鉴 3 nz\n", encoding="utf-8")
    options = options_of(
        tmp_path, {"path": "a.txt"}, text={"segment": {"user_dict": [str(tmp_path / "words")]}}
    )
    part = cut(tmp_path, options)[0]
    first = prepare_part(part, options, tmp_path / "out")
    assert [r["tokens"] for r in documents(first)] == ["韩玉赏鉴"]
    (kept,) = ftcore.shards.cut._idle[1]
    prepare_part(part, options, tmp_path / "out")
    assert ftcore.shards.cut._idle[1] == [kept]
    (tmp_path / "words").write_text("韩玉 3 nz\n", encoding="utf-8")
    second = prepare_part(part, options, tmp_path / "out")
    assert [r["tokens"] for r in documents(second)] != ["韩玉赏鉴"]
    assert second.tokenizer != first.tokenizer


def test_options_that_shape_documents_leave_out_places_and_cuts(tmp_path):
    one = options_of(tmp_path, {"path": "a.txt", "name": "a"})
    two = options_of(tmp_path, {"path": "/b/a.txt", "name": "a"}, ingest={"part_bytes": 20_000})
    three = options_of(tmp_path, {"path": "a.txt", "name": "a"}, filters={"min_tokens": 5})
    assert one.shaping() == two.shaping() != three.shaping()
    assert PrepareOptions.of(Config()) == PrepareOptions()


# ----------------------------------------------------------------------------------- what goes wrong
def test_a_file_that_vanished_or_changed_is_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("some words\nmore words\n")
    options = options_of(tmp_path, {"path": "a.txt"})
    part = cut(tmp_path, options)[0]
    path.write_text("some words\nMORE words\n")
    with pytest.raises(UserError, match="a.txt"):
        prepare_part(part, options, tmp_path / "out")
    path.unlink()
    with pytest.raises(UserError, match="a.txt"):
        prepare_part(part, options, tmp_path / "out")
    with open_pool(2) as pool, pytest.raises(UserError, match="a.txt"):
        run_part(pool, part, options, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_full_disk(small, monkeypatch):
    options, part, out = small

    class Full:
        def __init__(self, path):
            self._file = open(path, "wb")  # noqa: SIM115

        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, name):
            return getattr(self._file, name)

    monkeypatch.setattr(files, "open_sink", Full)
    with pytest.raises(UserError, match=f"{out}.*disk full.*bytes are free"):
        prepare_part(part, options, out)
    assert [p.name for p in out.parent.iterdir()] == ["a.jsonl"]


# ------------------------------------------------------------------------------------- processes
@pytest.fixture(scope="module")
def long_part(tmp_path_factory):
    """A part that takes seconds to prepare."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "a.txt").write_text("我们今天去北京看长城，天气很好。" * 20 + "\n", encoding="utf-8")
    with open(folder / "a.txt", "a", encoding="utf-8") as file:
        for n in range(60_000):
            file.write(f"第{n}号文件说明了中文分词需要一定的时间\n")
    options = options_of(folder, {"path": "a.txt"})
    return cut(folder, options)[0], options


def test_workers_give_what_this_process_gives(tmp_path):
    for n in range(4):
        rows = [{"text": f"文件{n}的第{i}行 with words", "label": str(i % 3)} for i in range(50)]
        jsonl(tmp_path / f"{n}.jsonl", [*rows, "{broken"])
    options = options_of(tmp_path, {"path": "*.jsonl", "label": "label", "name": "s"})
    parts = cut(tmp_path, options)
    one = prepare_parts(parts, options, tmp_path / "one", workers=1)
    two = prepare_parts(parts, options, tmp_path / "two", workers=2)
    assert [p.to_dict() | {"path": ""} for p in one] == [p.to_dict() | {"path": ""} for p in two]
    assert [Path(p.path).name for p in two] == ["00000", "00001", "00002", "00003"]


def test_a_worker_outlives_the_thread_that_asked_first(small):
    options, part, out = small
    with open_pool(2) as pool:
        results = []
        for n in range(3):  # PR_SET_PDEATHSIG follows the thread, not the process
            ask = lambda n=n: results.append(run_part(pool, part, options, out.with_name(f"out{n}")))  # noqa: E731
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
            time.sleep(0.1)
        assert len({r.digest for r in results}) == 1 and len(results) == 3
        assert len(pool._all) <= 2 and all(w.poll() is None for w in pool._all)
    assert all(w.poll() is not None for w in pool._all)


def test_errors_keep_their_kind_and_a_dead_worker_is_replaced():
    with open_pool(1) as pool:
        assert pool is None
    pool = Pool(1)
    try:
        with pytest.raises(FileNotFoundError, match="nowhere"):
            pool.run("os:listdir", "/nowhere")
        with pytest.raises(RuntimeError, match="JSONDecodeError"):
            pool.run("json:loads", "{")
        with pytest.raises(WorkerDied, match="exit status 3"):
            pool.run("os:_exit", 3)
        assert pool.run("builtins:print", "noise on stdout") is None
        assert pool.run("json:loads", "[1]") == [1]
    finally:
        pool.close()


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_kill_9_of_the_parent_leaves_no_worker_and_no_half_part(long_part, tmp_path):
    part, options = long_part
    code = f"""
import threading, json
from pathlib import Path
from ftcore.shards.prepare import *
part = Part(**json.loads({json.dumps(json.dumps(asdict(part)))}))
options = PrepareOptions.model_validate_json({options.model_dump_json()!r})
with open_pool(2) as pool:
    pool.run("json:dumps", 1)  # a second, idle worker may come of it
    threads = [threading.Thread(target=run_part, args=(pool, part, options, {str(tmp_path)!r} + f"/{{n}}")) for n in (0, 1)]
    [t.start() for t in threads]
    while len(list(Path({str(tmp_path)!r}).glob(".*/docs.parquet"))) < 2:
        pass
    print(json.dumps([w.pid for w in pool._all]), flush=True)
    [t.join() for t in threads]
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    pids = json.loads(parent.stdout.readline())
    assert len(pids) == 2 and all(map(alive, pids))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_for(lambda: not any(map(alive, pids)))
    assert not [p for p in tmp_path.iterdir() if not p.name.startswith(".")]
    assert len(files.remove_stale(tmp_path)) == 2 and list(tmp_path.iterdir()) == []
