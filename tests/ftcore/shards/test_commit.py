import errno
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.base import files
from ftcore.config import SplitShares, parse_config
from ftcore.errors import UserError
from ftcore.reading.sources import cut_file, list_files
from ftcore.shards.commit import CommitOptions, check_rejects, commit_shards
from ftcore.shards.copies import drop_copies
from ftcore.shards.manifest import load_manifest
from ftcore.shards.prepare import prepare_parts, split_of
from ftcore.shards.shards import iter_batches

ALL = ["train", "valid", "test", "unlabelled"]


def options_of(folder, *sources, **others):
    tree = {"data": str(folder), "ingest": {"sources": list(sources)} | others.pop("ingest", {})} | others
    return CommitOptions.of(parse_config(tree))


def raw_parts(folder, options):
    return [
        part for file in list_files(options.ingest, str(folder)) for part in cut_file(file, options.ingest)
    ]


def prepared(folder, options, work=None, workers=1):
    return prepare_parts(
        raw_parts(folder, options), options, (work or folder / "work") / "parts", workers=workers
    )


def finish(parts, options, work, **more):
    duplicates = None
    if options.filters.dedup != "off":
        near = options.filters.near if options.filters.dedup == "near" else None
        duplicates = work / "duplicates"
        drop_copies([Path(p.path) for p in parts], duplicates, work, near)
    return commit_shards(parts, duplicates, options, work / "shards", **more)


def whole(folder, options, workers=1, **more):
    """List, cut, prepare, find duplicates, commit: the walk that the flow takes."""
    return finish(prepared(folder, options, workers=workers), options, folder / "work", **more)


def jsonl(path, rows):
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(shards, splits=ALL):
    return [row for batch in iter_batches(shards, splits) for row in batch.to_pylist()]


def labelled(n, labels=("a", "b"), start=0):
    return [
        {"text": f"document number {i} 第{i}号", "label": labels[i % len(labels)]}
        for i in range(start, start + n)
    ]


def test_copies_are_listed_and_counted(tmp_path):
    long = " ".join(f"word{n}" for n in range(80))
    chinese = "".join(chr(0x4E00 + 7 * n) for n in range(200))
    lines = [long, chinese, long.replace("word40", "other"), "short", "short", chinese + "了", chinese]
    (tmp_path / "a.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    options = options_of(tmp_path, {"path": "a.txt"}, filters={"dedup": "near"})
    shards = whole(tmp_path, options)
    manifest = load_manifest(shards.path, digest=shards.digest)
    assert manifest.counts["dedup"] == {"duplicate": 2, "near duplicate": 2} and manifest.rows == 3
    kept = {row["id"]: row["source"] for row in read(shards)}
    listed = [json.loads(line) for line in (Path(shards.path) / "copies.jsonl").read_text().splitlines()]
    assert manifest.copies is not None and manifest.copies.rows == len(listed) == 4
    for row, text in zip(listed, (lines[2], "short", chinese, chinese), strict=True):
        assert kept[row["kept_id"]] == row["kept_source"] == row["source"]
        assert row["excerpt"].replace(" ", "").startswith(text.replace(" ", "")[:40])
        assert (row["similarity"] == 1) == (row["id"] == row["kept_id"])
    (Path(shards.path) / "copies.jsonl").unlink()
    with pytest.raises(UserError, match=r"copies.jsonl: missing"):
        load_manifest(shards.path)


def test_the_whole_walk_and_its_manifest(tmp_path):
    jsonl(tmp_path / "a.jsonl", [*labelled(200), "{broken", {"text": "one", "label": "a"}, *labelled(20)])
    (tmp_path / "b.txt").write_text("free text here\n只有中文的一行\n\nfree text here\n", encoding="utf-8")
    options = options_of(
        tmp_path,
        {"path": "a.jsonl", "label": "label"},
        {"path": "b.txt"},
        filters={"min_tokens": 2},
        shards={"rows": 60, "row_group": 25},
    )
    shards = whole(tmp_path, options)
    manifest = load_manifest(shards.path, digest=shards.digest)
    sizes = [entry.rows for entry in manifest.shards]
    assert sum(sizes) == shards.rows == 202 and len(sizes) == shards.made > 2 and min(sizes) >= 30
    assert (manifest.read, manifest.rejected, manifest.duplicates) == (225, 1, 21)
    assert manifest.read == manifest.rows + manifest.rejected + manifest.filtered + manifest.duplicates
    assert manifest.counts["dedup"] == {"duplicate": 21}
    assert sum(manifest.counts["read"].values()) == 1
    rows = read(shards)
    sizes = {split: sum(languages.values()) for split, languages in manifest.documents.items()}
    assert sizes == {split: sum(r["split"] == split for r in rows) for split in ALL}
    assert manifest.documents["unlabelled"] == {"en": 1, "zh": 1}
    assert sum(manifest.labels["a"].values()) == sum(r["labels"] == ["a"] for r in rows) == 100
    lines = (Path(shards.path) / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == manifest.quarantine.rows == manifest.rejected + manifest.filtered
    text = (Path(shards.path) / "manifest.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text


def test_the_copy_of_the_lowest_source_file_and_line_stays(tmp_path):
    (tmp_path / "z").mkdir()
    jsonl(tmp_path / "z" / "1.jsonl", [{"text": "same words", "label": "first"}, *labelled(30)])
    jsonl(tmp_path / "z" / "2.jsonl", [{"text": "SAME words", "label": "second"}, *labelled(30, start=30)])
    jsonl(tmp_path / "a.jsonl", [{"text": "same  words", "label": "third"}])
    options = options_of(tmp_path, {"path": "z", "label": "label"}, {"path": "a.jsonl", "label": "label"})
    copies = [r for r in read(whole(tmp_path, options)) if r["tokens"] == "same words"]
    assert [(r["labels"], r["source"]) for r in copies] == [(["first"], "z:1.jsonl")]
    off = options.model_copy(update={"filters": options.filters.model_copy(update={"dedup": "off"})})
    copies = [r for r in read(whole(tmp_path, off)) if r["tokens"] == "same words"]
    assert [r["labels"][0] for r in copies] == ["first", "second", "third"]
    assert {r["split"] for r in copies} == {copies[0]["split"]}  # copies never straddle splits


def test_labels_that_pandas_made_floats_are_the_whole_numbers_of_other_files(tmp_path, caplog):
    floats = "".join(f"document {i} of words,{i % 2}.0\n" for i in range(40))
    (tmp_path / "a.csv").write_text(f"text,label\n{floats}a text without,\nanother one,NaN\n")
    jsonl(tmp_path / "b.jsonl", [{"text": f"number {i} of words", "label": i % 2} for i in range(40)])
    options = options_of(tmp_path, {"path": "a.csv", "label": "label"}, {"path": "b.jsonl", "label": "label"})
    shards = whole(tmp_path, options)
    manifest = load_manifest(shards.path)
    assert {label: sum(n.values()) for label, n in manifest.labels.items()} == {"0": 40, "1": 40}
    assert sum(manifest.documents["unlabelled"].values()) == 2
    assert manifest.counts["noted"] == {
        "a: documents whose label is missing: they stay as text without a label": 2,
        "label '0.0' taken for '0'": 20,
        "label '1.0' taken for '1'": 20,
    }
    assert "2: a: documents whose label is missing" in caplog.text and "'1.0' taken for '1'" in caplog.text


# ---------------------------------------------------------------------------- copies with other labels
def contradictory(tmp_path, *, several=False, **others):
    rows = [*labelled(40), {"text": "same words", "label": ["a", "b"] if several else "a"}]
    jsonl(tmp_path / "1.jsonl", [*rows, {"text": "unlabelled words"}] if others.pop("gap", 0) else rows)
    jsonl(
        tmp_path / "2.jsonl",
        [
            *({"text": "Same  WORDS", "label": label} for label in ("b", "a", "c", None)),
            *labelled(10),  # copies that agree
            {"text": "another text", "label": "b"},
        ],
    )
    options = options_of(tmp_path, *({"path": f"{n}.jsonl", "label": "label"} for n in (1, 2)), **others)
    manifest = load_manifest((shards := whole(tmp_path, options)).path)
    (copy,) = [r for r in read(shards) if r["tokens"] == "same words"]
    assert manifest.read == manifest.rows + manifest.duplicates
    return copy, manifest.counts["dedup"], manifest


def test_copies_with_other_labels_are_counted_and_shown(tmp_path, caplog):
    copy, counts, manifest = contradictory(tmp_path)
    assert copy["labels"] == ["a"] and copy["source"] == "1:1.jsonl"
    assert counts == {"duplicate": 12, "duplicate with another label": 2} and manifest.duplicates == 14
    assert "1 texts stand on several rows with different labels (2 rows more): the first row's" in caplog.text
    assert "'same words': a, b, c" in caplog.text and "c" not in manifest.labels


def test_copies_unite_their_labels_where_a_document_may_have_several(tmp_path, caplog):
    (tmp_path / "ova").mkdir()
    copy, counts, manifest = contradictory(tmp_path / "ova", finetune={"loss": "ova"})
    assert copy["labels"] == ["a", "b", "c"] and sum(manifest.labels["c"].values()) == 1
    assert counts == {"duplicate": 12, "duplicate, its labels united": 2}
    assert "their labels are united" in caplog.text
    copy, counts, _ = contradictory(tmp_path, several=True)  # one document with two labels says so as well
    assert copy["labels"] == ["a", "b", "c"] and counts["duplicate, its labels united"] == 3


def test_copies_do_not_depend_on_how_files_are_cut(tmp_path):
    options = options_of(tmp_path, {"path": "a.jsonl", "label": "label"}, finetune={"loss": "ova"})
    jsonl(tmp_path / "a.jsonl", [{"text": f"text {i % 7}", "label": "abc"[i % 3]} for i in range(60)])
    (part,) = raw_parts(tmp_path, options)
    digests = set()
    for n, borders in enumerate(([], [1], [20, 21], range(0, 60, 5))):
        parts = prepare_parts(cut_at(part, borders), options, tmp_path / f"p{n}", workers=1)
        shards = finish(parts, options, tmp_path / f"w{n}", min_labels=1, allow_empty_splits=True)
        assert sorted(map(len, (r["labels"] for r in read(shards)))) == [3] * 7
        digests.add(shards.digest)
    assert len(digests) == 1


# --------------------------------------------------------------------- validation where no source says so
@pytest.mark.parametrize("by", ["source", "column"])
def test_train_and_test_alone_give_a_validation_set_of_train(tmp_path, by, caplog):
    jsonl(tmp_path / "1.jsonl", [r | {"where": "train"} for r in labelled(400)])
    jsonl(tmp_path / "2.jsonl", [r | {"where": "test"} for r in labelled(100, start=400)])
    said = {"train": {"split": "train"}, "test": {"split": "test"}}
    sources = [
        {"path": f"{n}.jsonl", "label": "label"}
        | (said[split] if by == "source" else {"split_column": "where"})
        for n, split in ((1, "train"), (2, "test"))
    ]
    options = options_of(tmp_path, *sources, split={"valid": 0.2})
    rows = read(whole(tmp_path, options))
    of = {split: {r["tokens"] for r in rows if r["split"] == split} for split in ALL}
    assert (
        len(of["test"]) == 100
        and 60 <= len(of["valid"]) <= 100
        and len(of["train"]) == 400 - len(of["valid"])
    )
    assert (
        f"no source says split: valid: {len(of['valid'])} documents of train (split.valid = 20%"
        in caplog.text
    )
    # the same texts as where all is drawn by hash, and none without a share
    for r in rows:
        if r["split"] != "test":
            drawn = split_of(r["id"], SplitShares(valid=0.2, test=0))
            assert r["split"] == drawn
    none = options_of(tmp_path, *sources, split={"valid": 0})
    rows = read(finish(prepared(tmp_path, none, tmp_path / "w2"), none, tmp_path / "w2"))
    assert {r["split"] for r in rows} == {"train", "test"}


def test_a_validation_set_that_is_given_stays_the_only_one(tmp_path, caplog):
    for n, split in enumerate(("train", "valid", "test")):
        jsonl(tmp_path / f"{split}.jsonl", labelled(40, start=40 * n))
    sources = [{"path": f"{s}.jsonl", "label": "label", "split": s} for s in ("train", "valid", "test")]
    rows = read(whole(tmp_path, options_of(tmp_path, *sources)))
    assert [sum(r["split"] == s for r in rows) for s in ("train", "valid", "test")] == [40] * 3
    assert "no source says" not in caplog.text


# --------------------------------------------------------------------------------------- files that are lost
def test_a_lost_file_counts_by_its_bytes(tmp_path, caplog):
    jsonl(tmp_path / "a.jsonl", labelled(2000))
    whole_bytes = (tmp_path / "a.jsonl").stat().st_size
    (tmp_path / "b.parquet").write_bytes(bytes(range(256)) * (whole_bytes // 256))
    options = options_of(tmp_path, {"path": "*.*", "label": "label"}, ingest={"max_reject_share": 0.4})
    parts = prepared(tmp_path, options)
    with pytest.raises(UserError) as error:
        check_rejects(parts, options)
    lines = str(error.value).splitlines()
    assert "1 of 2,001 documents are broken and" in lines[0] and "50." in lines[0]
    assert (
        "b.parquet: truncated or corrupt Parquet" in lines[1] and "bytes lost" in lines[1]
    )  # before all else
    patient = options_of(tmp_path, {"path": "*.*", "label": "label"}, ingest={"max_reject_share": 0.6})
    check_rejects(parts, patient)
    assert "b.parquet" in caplog.text and "files that are lost" in caplog.text


def cut_at(part, borders):
    """The part of a whole file as parts that begin at the given line numbers (0-based)."""
    lines = Path(part.path).read_bytes().splitlines(keepends=True)
    edges = sorted({0, *(b for b in borders if b < len(lines)), len(lines)})
    parts, start = [], 0
    for first, last in zip(edges, edges[1:], strict=False):
        piece = b"".join(lines[first:last])
        stop = -1 if last == len(lines) else start + len(piece)
        digest = xxhash.xxh3_128_hexdigest(piece)
        parts.append(replace(part, start=start, stop=stop, first_line=first + 1, digest=digest))
        start += len(piece)
    return parts


@settings(deadline=None, max_examples=12)
@given(
    picks=st.lists(st.integers(0, 200), max_size=300),
    broken=st.sets(st.integers(0, 399), max_size=15),
    borders=st.lists(st.lists(st.integers(1, 299), max_size=6), min_size=2, max_size=2),
)
def test_shards_do_not_depend_on_parts(tmp_path_factory, picks, broken, borders):
    folder = tmp_path_factory.mktemp("property")
    rows = [
        {"text": f"一段中文 and english words {n}" if n % 50 else "", "label": "ab"[n % 2] if n % 3 else None}
        for n in [*range(100, 250), *picks]
    ]
    lines = ["{broken" if i in broken else row for i, row in enumerate(rows)]
    jsonl(folder / "a.jsonl", lines[: len(lines) // 2])
    jsonl(folder / "b.jsonl", lines[len(lines) // 2 :])
    options = options_of(
        folder,
        {"path": "*.jsonl", "name": "s", "label": "label"},
        shards={"rows": 101, "row_group": 17},
        ingest={"max_reject_share": 1},
    )
    one, many = raw_parts(folder, options), []
    for part, places in zip(one, borders, strict=True):
        many += cut_at(part, places) if part.format == "jsonl" else [part]  # other JSON is never cut
    sets = []
    for name, parts in (("one", one), ("many", many)):
        done = prepare_parts(parts, options, folder / name / "parts", workers=1)
        sets.append(finish(done, options, folder / name))
    assert sets[0].digest == sets[1].digest
    content = [{p.name: p.read_bytes() for p in Path(s.path).iterdir()} for s in sets]
    lineages = [each.pop("lineage.jsonl") for each in content]  # tells how the files were cut
    assert content[0] == content[1]
    of_files = [Counter(), Counter()]
    for found, lines in zip(of_files, lineages, strict=True):
        for line in map(json.loads, lines.splitlines()):
            found[line["shard"], line["source"]] += line["rows"]
    assert of_files[0] == of_files[1] and of_files[0].total() == sets[0].rows


def test_shards_do_not_depend_on_workers_or_where_the_data_lie(tmp_path):
    sets = []
    for workers, place in ((1, "here"), (2, "there")):
        folder = tmp_path / place
        folder.mkdir()
        for n in range(3):
            jsonl(folder / f"{n}.jsonl", [*labelled(150, start=100 * n), "{broken"])
        source = {"path": str(folder / "*.jsonl"), "name": "s", "label": "label"}
        sets.append(whole(folder, options_of(folder, source), workers=workers))
    assert sets[0].digest == sets[1].digest


def test_other_documents_or_options_give_another_digest(tmp_path):
    jsonl(tmp_path / "a.jsonl", labelled(100))
    source = {"path": "a.jsonl", "label": "label"}
    digests = [whole(tmp_path, options_of(tmp_path, source)).digest]
    digests.append(whole(tmp_path, options_of(tmp_path, source, split={"valid": 0.2})).digest)
    digests.append(whole(tmp_path, options_of(tmp_path, source, filters={"dedup": "off"})).digest)
    jsonl(tmp_path / "a.jsonl", labelled(101))
    digests.append(whole(tmp_path, options_of(tmp_path, source)).digest)
    assert len(set(digests)) == 4


# ------------------------------------------------------------------------------- corpora refused
def test_empty_corpus(tmp_path):
    (tmp_path / "a.txt").touch()
    options = options_of(tmp_path, {"path": "a.txt"})
    with pytest.raises(UserError, match=r"empty corpus.*a\.txt.*Check ingest\.sources"):
        commit_shards(prepared(tmp_path, options), None, options, tmp_path / "out")
    with pytest.raises(UserError, match="empty corpus"):
        check_rejects([], options)
    assert not (tmp_path / "out").exists()


def test_only_rejects(tmp_path):
    jsonl(tmp_path / "a.jsonl", ["{broken", "{broken too", {"text": "short"}])
    options = options_of(tmp_path, {"path": "a.jsonl"}, filters={"min_tokens": 5})
    parts = prepared(tmp_path, options)
    with pytest.raises(UserError) as caught:
        check_rejects(parts, options)
    message = str(caught.value)
    assert "all 3 were rejected" in message and "2 × read: " in message
    assert "a:a.jsonl:1: '{broken'" in message and "1 × filters: " in message
    assert f"{parts[0].path}/quarantine.jsonl" in message


def test_share_of_broken_documents(tmp_path):
    jsonl(tmp_path / "a.jsonl", [*labelled(50), *["{broken"] * 6, *[{"text": "short", "label": "a"}] * 30])
    source = {"path": "a.jsonl", "label": "label"}
    strict = options_of(tmp_path, source, filters={"min_tokens": 3}, ingest={"max_reject_share": 0.06})
    parts = prepared(tmp_path, strict)
    with pytest.raises(UserError) as caught:
        check_rejects(parts, strict)
    message = str(caught.value)
    assert "6 of 86 documents are broken: 7.0%" in message and "max_reject_share = 6.0%" in message
    assert "a:a.jsonl:51" in message and "quarantine.jsonl" in message
    check_rejects(
        parts, options_of(tmp_path, source, ingest={"max_reject_share": 0.08})
    )  # filters do not count


def test_a_split_without_documents(tmp_path):
    jsonl(tmp_path / "a.jsonl", labelled(3))
    options = options_of(tmp_path, {"path": "a.jsonl", "label": "label"})
    with pytest.raises(
        UserError, match=r"the (valid|test|train) split is empty; labelled documents: train \d, valid"
    ):
        whole(tmp_path, options)
    assert not (tmp_path / "work" / "shards").exists()
    none = options_of(tmp_path, {"path": "a.jsonl", "label": "label"}, split={"valid": 0, "test": 0})
    assert {r["split"] for r in read(whole(tmp_path, none))} == {"train"}


def test_given_splits_are_not_asked_for_more(tmp_path):
    jsonl(tmp_path / "train.jsonl", labelled(5))
    jsonl(tmp_path / "test.jsonl", [*labelled(2, start=50), {"text": "an unseen label", "label": "c"}])
    options = options_of(
        tmp_path,
        {"path": "train.jsonl", "label": "label", "split": "train"},
        {"path": "test.jsonl", "label": "label", "split": "test"},
    )
    manifest = load_manifest(whole(tmp_path, options).path)
    assert manifest.labels["c"] == {"test": 1}  # unseen in training: allowed, evaluation lists it
    assert set(manifest.documents) == {"train", "test"}


def test_a_held_out_source_without_labels(tmp_path):
    jsonl(tmp_path / "train.jsonl", labelled(5))
    (tmp_path / "test.txt").write_text("no label here\n")
    options = options_of(
        tmp_path,
        {"path": "train.jsonl", "label": "label", "split": "train"},
        {"path": "test.txt", "split": "test"},
    )
    with pytest.raises(UserError, match=r"the test split is empty.*need a label"):
        whole(tmp_path, options)


def test_one_class(tmp_path):
    jsonl(tmp_path / "a.jsonl", labelled(60, labels=["only"]))
    options = options_of(tmp_path, {"path": "a.jsonl", "label": "label"})
    with pytest.raises(UserError, match=r"1 label\(s\): 'only' \(\d+ documents\).*needs 2.*`label`"):
        whole(tmp_path, options)
    assert whole(tmp_path, options, min_labels=1).rows == 60


def test_one_document_with_one_label_for_a_trained_head(tmp_path):
    jsonl(tmp_path / "a.jsonl", labelled(1))
    options = options_of(tmp_path, {"path": "a.jsonl", "label": "label", "split": "train"})
    assert whole(tmp_path, options, min_labels=1, allow_empty_splits=True).rows == 1


def test_only_unlabelled_text_is_fine(tmp_path):
    (tmp_path / "a.txt").write_text("one line\nanother line\n")
    assert whole(tmp_path, options_of(tmp_path, {"path": "a.txt"})).rows == 2


# ------------------------------------------------------------------------------------- accidents
def test_full_disk_while_shards_are_written(tmp_path, monkeypatch):
    jsonl(tmp_path / "a.jsonl", labelled(100))
    options = options_of(tmp_path, {"path": "a.jsonl", "label": "label"})
    parts = prepared(tmp_path, options)

    class Full:
        def __init__(self, path):
            self._file = open(path, "wb")  # noqa: SIM115

        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, name):
            return getattr(self._file, name)

    monkeypatch.setattr(files, "open_sink", Full)
    with pytest.raises(UserError, match=f"{tmp_path}/out/shard-00000.parquet: disk full"):
        commit_shards(parts, None, options, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "work"]


def test_kill_9_at_any_write_then_again_gives_the_same_digest(tmp_path):
    jsonl(tmp_path / "a.jsonl", [*labelled(300), "{broken"])
    options = options_of(
        tmp_path, {"path": "a.jsonl", "label": "label"}, shards={"rows": 50, "row_group": 10}
    )
    expected = whole(tmp_path, options)
    work = tmp_path / "killed"
    code = """
import os, sys
from pathlib import Path
from ftcore.base import files
from ftcore.shards.commit import CommitOptions, commit_shards
from ftcore.shards.prepare import prepare_part, PreparedPart
options = CommitOptions.model_validate_json(sys.argv[1])
left = int(sys.argv[3])
real = files.open_sink
class Sink:
    def __init__(self, path): self.file = real(path)
    def write(self, data):
        global left
        left -= 1
        if left < 0: os.kill(os.getpid(), 9)
        return self.file.write(data)
    def __getattr__(self, name): return getattr(self.file, name)
files.open_sink = Sink
commit_shards([PreparedPart.load(sys.argv[2])], None, options, Path(sys.argv[4]))
"""
    part = prepared(tmp_path, options)[0]
    for writes in (0, 3, 40, 200):
        arguments = [options.model_dump_json(), part.path, str(writes), str(work / "shards")]
        assert subprocess.run([sys.executable, "-c", code, *arguments]).returncode == -9
        assert not (work / "shards").exists()
    assert len(files.remove_stale(work)) == 4
    assert commit_shards([part], None, options, work / "shards").rows == expected.rows
    assert [p.name for p in work.iterdir()] == ["shards"]
    one, two = load_manifest(expected.path), load_manifest(work / "shards")
    assert one.shards == two.shards and one.digest == two.digest
