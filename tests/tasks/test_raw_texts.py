"""Errors are shown as they were written, found again in their files by the digest of their text."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ftcore.config import Config, Ingest, Normalize, Source, Text
from ftcore.reading.documents import DOCUMENT
from ftcore.text.tokenizer import Tokenizer
from tasks.evaluate import Scored, error_table
from tasks.raw_texts import RawText, raw_texts

TEXTS = ["The  Match, it was GREAT!!!", "<b>Dough</b> &amp; oven…", "这部手机（的）屏幕很清晰！", "买了T恤"]


@pytest.fixture
def corpus(tmp_path):
    """The four texts in formats that count their documents differently."""
    lines = [{"text": "something else", "label": "x"}] + [{"text": t, "label": "y"} for t in TEXTS]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in lines))
    with gzip.open(tmp_path / "b.csv.gz", "wt", encoding="utf-8") as file:
        pd.DataFrame(lines).to_csv(file, index=False)
    pd.DataFrame(lines).to_parquet(tmp_path / "c.parquet")
    sources = [Source(path=name, label="label") for name in ("a.jsonl", "b.csv.gz", "c.parquet")]
    return Config(data=str(tmp_path), ingest=Ingest(sources=sources))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(Text(normalize=Normalize(simplify=False)))


def test_keys_are_those_of_the_preparation(tokenizer):
    """Whatever comes to normalise differently: the ids of shards are found by `keys` alone."""
    rows = [
        {"source": "s", "line": n, "text": t, "labels": [], "language": "", "split": ""}
        for n, t in enumerate(TEXTS)
    ]
    made, _ = tokenizer.apply(pa.RecordBatch.from_pylist(rows, schema=DOCUMENT))
    counted = tokenizer.counts.copy()
    assert tokenizer.keys(TEXTS) == made.column("key").to_pylist()
    assert tokenizer.counts == counted, "looking is no preparation"


def names_of(config: Config) -> dict[str, str]:
    from ftcore.reading.sources import list_files

    return {f.relative: f"{f.name}:{f.relative}" for f in list_files(config.ingest, config.data)}


@pytest.mark.parametrize(("name", "first"), [("a.jsonl", 2), ("b.csv.gz", 3), ("c.parquet", 2)])
def test_each_text_is_found_as_it_was_written_with_its_line(corpus, tokenizer, name, first):
    ids = tokenizer.keys(TEXTS)
    source = names_of(corpus)[name]
    found = raw_texts(corpus, [source] * 4, ids, tokenizer.keys)
    assert found == [RawText(text, first + n) for n, text in enumerate(TEXTS)]


def test_a_text_is_found_where_it_stands_now(corpus, tokenizer, tmp_path):
    """Lines that were put before it since do not hide it, nor does it answer for another one."""
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "a new line", "label": "x"}) + "\n" + path.read_text())
    found = raw_texts(corpus, [names_of(corpus)["a.jsonl"]], tokenizer.keys(TEXTS[:1]), tokenizer.keys)
    assert found == [RawText(TEXTS[0], 3)]


def test_what_has_gone_is_none(corpus, tokenizer, tmp_path):
    ids, source = tokenizer.keys(TEXTS), names_of(corpus)["a.jsonl"]
    assert raw_texts(corpus, ["elsewhere:a.jsonl"] * 4, ids, tokenizer.keys) == [None] * 4
    assert raw_texts(corpus, [source] * 4, ids, tokenizer.keys, seconds=-1) == [None] * 4, "no time"
    edited = (tmp_path / "a.jsonl").read_text().replace("GREAT", "bad")
    (tmp_path / "a.jsonl").write_text(edited)
    assert [t is None for t in raw_texts(corpus, [source] * 4, ids, tokenizer.keys)] == [
        True,
        False,
        False,
        False,
    ]
    (tmp_path / "a.jsonl").unlink()
    assert raw_texts(corpus, [source] * 4, ids, tokenizer.keys) == [None] * 4


def test_the_table_of_errors_holds_raw_text_or_tokens(corpus, tokenizer):
    tokens, source = tokenizer.tokenize(TEXTS), names_of(corpus)["c.parquet"]
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.95, 0.05], [0.1, 0.9]], np.float32)
    ids = [*tokenizer.keys(TEXTS)[:2], "0" * 32, "1" * 32]
    scored = Scored(
        tokens, [["y"]] * 4, ["en", "en", "zh", "zh"], [source] * 4, probabilities, ["x", "y"], ids
    )
    table = error_table(scored, 10, lambda s, i: raw_texts(corpus, s, i, tokenizer.keys))
    assert dict(zip(table["text"], table["source"], strict=True)) == {
        TEXTS[0]: f"{source}:2",
        TEXTS[1]: f"{source}:3",
        tokens[2]: source,
    }
    assert table.set_index("text")["raw"].to_dict() == {TEXTS[0]: True, TEXTS[1]: True, tokens[2]: False}
