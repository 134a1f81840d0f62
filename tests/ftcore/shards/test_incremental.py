"""One file of many is added, changed or removed: its shards alone are made anew, and all is as if made from nothing."""

import json
import shutil
from pathlib import Path

import pytest

from ftcore.config import parse_config
from ftcore.errors import UserError
from ftcore.shards import bands
from ftcore.shards.lineage import read_lineage
from ftcore.shards.manifest import load_manifest
from ftcore.shards.whole import CorpusProgress, prepare_corpus

FILES, LINES = 200, 15


def write_file(folder: Path, number: int, word: str = "words") -> None:
    rows = [
        {"text": f"{word} of file {number} 第{n}行 in it {n * number}", "label": "ab"[n % 2]}
        for n in range(LINES)
    ]
    rows.append({"text": f"a text that stands in {number % 10} files", "label": "a"})  # copies across files
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{number:03}.jsonl").write_text(lines, encoding="utf-8")


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(FILES):
        write_file(folder, number)
    return {
        "data": str(folder),
        "ingest": {"sources": [{"path": "*.jsonl", "name": "docs", "label": "label"}], "part_bytes": 30_000},
        "shards": {"rows": 60, "row_group": 50},
        "filters": {"dedup": "exact"},
        "workers": 1,
    }


def run(tree, out):
    """The set, its manifest, and how many of the packs were prepared anew."""
    told: list[CorpusProgress] = []
    shards = prepare_corpus(parse_config(tree), out, told.append)
    return shards, load_manifest(out), told[-1].packs[1] - told[-1].reused


def from_nothing(tree, folder):
    shutil.rmtree(folder, ignore_errors=True)
    return prepare_corpus(parse_config(tree), folder / "shards").digest


@pytest.fixture
def signed(monkeypatch):
    """The files whose signatures were computed."""
    found, write = [], bands.write_bands

    def counted(documents, options, out):
        found.append(documents)
        write(documents, options, out)

    monkeypatch.setattr(bands, "write_bands", counted)
    return found


@pytest.mark.parametrize("change", ["changed", "removed", "added", "first", "copy gone"])
def test_one_file_of_200(tmp_path, corpus, change, signed):
    folder, out = tmp_path / "data", tmp_path / "shards"
    if change == "copy gone":
        corpus["filters"]["dedup"] = "near"
    first, before, packs = run(corpus, out)
    assert first.made == len(before.shards) > 40 and packs > 10
    near = change == "copy gone"
    assert len(signed) == (packs if near else 0)
    inodes = {p.name: p.stat().st_ino for p in out.glob("shard-*")}
    if change == "changed":
        write_file(folder, 117, "other words")
    elif change == "removed":
        (folder / "117.jsonl").unlink()
    elif change == "added":
        write_file(folder, 200)
        (folder / "200.jsonl").rename(folder / "117a.jsonl")
    elif change == "first":
        write_file(folder, 0, "other words")
    else:  # the file whose text the copies of nine others went for
        (folder / "003.jsonl").unlink()
    signed.clear()
    again, after, packs = run(corpus, out)
    assert len(signed) == (packs if near else 0), "signatures of near copies are kept beside the packs"
    assert again.digest != first.digest and again.digest == from_nothing(corpus, tmp_path / "other")
    assert 1 <= again.made <= (6 if change == "copy gone" else 4) and packs <= 2
    same = {entry.file for entry in before.shards} & {entry.file for entry in after.shards}
    assert len(same) == len(after.shards) - again.made
    assert all((out / name).stat().st_ino == inodes[name] for name in same), (
        "the same bytes under one more name"
    )
    assert {p.name for p in out.glob("shard-*")} == {entry.file for entry in after.shards}
    once_more, _, packs = run(corpus, out)
    assert (once_more.digest, once_more.made, packs) == (again.digest, 0, 0)


def test_a_damaged_or_missing_shard_is_made_anew(tmp_path, corpus):
    out = tmp_path / "shards"
    first, manifest, _ = run(corpus, out)
    damaged, missing = (out / entry.file for entry in manifest.shards[3:5])
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    missing.unlink()
    again, _, packs = run(corpus, out)  # a set that lacks a file offers nothing
    assert (again.digest, packs) == (first.digest, 0) and again.made == len(manifest.shards)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    again, _, packs = run(corpus, out)
    assert (again.digest, again.made) == (first.digest, 1)
    load_manifest(out)  # all of it is verified


def test_lineage(tmp_path, corpus):
    out = tmp_path / "shards"
    _, manifest, _ = run(corpus, out)
    lines = list(read_lineage(out))
    of_shard: dict[str, int] = {}
    for line in lines:
        of_shard[line["shard"]] = of_shard.get(line["shard"], 0) + line["rows"]
        assert (line["start"], line["stop"], len(line["digest"])) == (0, -1, 32)
    assert of_shard == {entry.file: entry.rows for entry in manifest.shards}
    assert list(of_shard) == [entry.file for entry in manifest.shards]
    for entry in manifest.shards:
        sources = [line["source"] for line in lines if line["shard"] == entry.file]
        assert (entry.first, entry.last) == (sources[0], sources[-1]) and sources == sorted(sources)
    with pytest.raises(UserError, match="lineage.jsonl: no such file"):
        list(read_lineage(tmp_path))
