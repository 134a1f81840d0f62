"""Tokens kept apart from labels: the same documents as in one go, whatever the labels are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ftcore.shards.cut
from ftcore.config import Source, parse_config
from ftcore.errors import UserError
from ftcore.reading.sources import cut_file, list_files
from ftcore.shards.cut import LABELLING, cut_pack, has_labels
from ftcore.shards.packs import Pack
from ftcore.shards.prepare import DOCS, KEYS, QUARANTINE, PreparedPart, PrepareOptions, prepare_part
from ftcore.shards.shards import iter_file
from ftcore.text.tokenizer import Tokenizer

ROWS = [
    {"text": "买了<b>手机</b>，很好！", "label": "pos", "cat": "tech", "where": "train", "tags": ["a", "b"]},
    {"text": "The soup was cold.", "label": "neg", "cat": "food", "where": "test", "tags": []},
    {"text": "!!!", "label": "neg", "cat": "none", "where": "valid", "tags": ["a"]},
    {"text": "The soup was cold.", "label": None, "cat": "food", "where": "valid", "tags": ["b"]},
    {"text": "label is an object", "label": {"x": 1}, "cat": "odd", "where": "train", "tags": ["c"]},
    {"text": "split is unknown", "label": "pos", "cat": "odd", "where": "nowhere", "tags": ["c"]},
    {"text": "一场新的比赛", "label": 3, "cat": "sport", "where": "train", "tags": ["a", 1]},
]
LABELS = [
    {"label": "label"},
    {"label": "cat"},
    {"label": ["cat", "tags"]},
    {"label": "tags", "split_column": "where"},
    {"label": "label", "label_names": {"pos": "good", "neg": "bad"}, "split": "train"},
    {"split_column": "where"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        lines = [json.dumps(row, ensure_ascii=False) for row in ROWS[number:] * (1 + 800 * (number == 2))]
        (tmp_path / f"{number}.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n", encoding="utf-8")
    return tmp_path


def pack_of(folder: Path, **source) -> tuple[Pack, PrepareOptions]:
    tree = {"sources": [{"path": "*.jsonl", "name": "s", **source}]}
    options = PrepareOptions.of(parse_config({"data": str(folder), "ingest": tree}))
    files = list_files(options.ingest, str(folder))
    return Pack(part for file in files for part in cut_file(file, options.ingest)), options


def content(part: PreparedPart) -> dict[str, object]:
    rows = [row for b in iter_file(Path(part.path) / DOCS, ["id", "split", "labels", "tokens"], 999) for row in
            b.to_pylist()]  # fmt: skip
    files = {name: (Path(part.path) / name).read_bytes() for name in (DOCS, KEYS, QUARANTINE)}
    return {"rows": rows, "files": files, "tokenizer": part.tokenizer, "read": part.read}


def test_one_cut_serves_every_labelling(folder: Path, tmp_path: Path, monkeypatch):
    pack, options = pack_of(folder, **LABELS[0])
    cut_pack(pack, options.ingest, options.text, tmp_path / "cut")
    for number, labels in enumerate(LABELS):
        pack, options = pack_of(folder, **labels)
        whole = prepare_part(pack, options, tmp_path / f"whole{number}")
        with monkeypatch.context() as patch:
            patch.setattr(Tokenizer, "apply", lambda *_: pytest.fail("the text is cut anew"))
            joined = prepare_part(pack, options, tmp_path / f"joined{number}", tmp_path / "cut")
        assert content(joined) == content(whole) and whole.rows > 1000, labels
        assert joined.rejected == whole.rejected > 0


def test_what_was_removed_does_not_depend_on_the_labels(folder: Path, tmp_path: Path):
    """The figures go into the manifest, whose digest must not tell which labels were asked for before."""
    counts = []
    for number, labels in enumerate(LABELS[:2]):
        pack, options = pack_of(folder, **labels)
        cut_pack(pack, options.ingest, options.text, tmp_path / f"cut{number}")
        counts.append({p.name: p.read_bytes() for p in (tmp_path / f"cut{number}").iterdir()})
    assert counts[0] == counts[1]


def test_a_label_column_that_is_not_there_is_said_before_the_cutting(
    folder: Path, tmp_path: Path, monkeypatch
):
    pack, options = pack_of(folder, label="lable")
    monkeypatch.setattr(Tokenizer, "apply", lambda *_: pytest.fail("the text is cut"))
    with pytest.raises(UserError, match="no column 'lable'.*cat"):
        cut_pack(pack, options.ingest, options.text, tmp_path / "cut")


def test_which_options_count_as_labels():
    """A new option of a source shapes the text unless it is said to be of labels."""
    of_labels = {n for n in Source.model_fields if n.startswith(("label", "split")) and n != "label_prefix"}
    assert of_labels == set(LABELLING), "the prefix of fastText's format is part of reading the text"
    assert not has_labels(Source(path="a"))
    assert has_labels(Source(path="a", label=0)) and has_labels(Source(path="a", split="train"))
    assert {name: Source.model_fields[name].get_default() for name in LABELLING} == LABELLING


def test_the_shared_tokenizer_is_one(folder: Path):
    _, options = pack_of(folder)
    with ftcore.shards.cut.shared_tokenizer(options.text) as one:
        pass
    with ftcore.shards.cut.shared_tokenizer(options.text) as other:
        assert one is other
