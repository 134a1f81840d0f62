"""What a configuration cannot lead to is refused before a file is read: no file of these tests exists."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ftcore.config import load_config
from ftcore.errors import UserError
from tasks.before import check_labels, check_text


def session(sources: str, *more: str) -> SimpleNamespace:
    return SimpleNamespace(config=load_config(overrides=[f"ingest.sources={sources}", *more]))


@pytest.mark.parametrize(
    ("sources", "more", "told"),
    [
        ("[{path: docs, format: paragraphs}]", [], "no source gives a label (docs)"),
        ("[{path: a.jsonl}, {path: b.txt}, {path: c.csv}, {path: d}]", [], "(a.jsonl, b.txt, c.csv and 1 more)"),
        ("[{path: tagged.txt, format: fasttext}]", [], "no source gives a label"),
        ("[{path: a.csv, label: l, split: test}, {path: b.txt}]", [], "into the train split: a.csv (split: test)"),
        ("[{path: a.csv, label: l, split: valid}]", [], "into the train split"),
        ("[{path: a.csv, label: l, split: train}]", [], "into the test split: a.csv (split: train)"),
        ("[{path: a.csv, label: l}]", ["split.test=0"], "into the test split"),
    ],
)  # fmt: skip
def test_no_labels_no_classifier(sources: str, more: list[str], told: str):
    with pytest.raises(UserError) as refused:
        check_labels(session(sources, *more))
    assert told in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "sources",
    [
        "[{path: a.csv, label: l}]",
        "[{path: 'a/*', format: paragraphs, label_from: folder}]",
        "[{path: a.txt, format: fasttext, label: __label__}, {path: wiki.txt}]",
        "[{path: a.csv, label: 0, split: train}, {path: b.csv, label: 0, split: test}]",
        "[{path: a.csv, label: l, split_column: s}]",
        "[{path: folder, label: l}]",
        "[]",
    ],
)
def test_what_may_have_labels_goes_on(sources: str):
    check_labels(session(sources, "split.test=0.1"))


@pytest.mark.parametrize("key", ["text.segment.user_dict", "text.stopwords.lists"])
def test_missing_word_lists(tmp_path, key: str):
    path = tmp_path / "words.txt"
    more = [f"{key}=[{path}]", *(["text.stopwords.mode=lists"] if "stopwords" in key else [])]
    with pytest.raises(UserError, match="words.txt: No such file"):
        check_text(session("[]", *more))
    path.write_bytes("好 10\n".encode("utf-16"))
    with pytest.raises(UserError, match="words.txt, line 1: not UTF-8"):
        check_text(session("[]", *more))
    path.write_text("好\n", encoding="utf-8")
    check_text(session("[]", *more))
