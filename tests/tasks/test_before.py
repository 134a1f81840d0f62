"""What a configuration cannot lead to is refused before a file is read: no file of these tests exists."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ftcore.config import load_config
from ftcore.errors import UserError
from tasks.before import check_files_of_classifier, check_labels, check_named_labels, check_text
from tasks.tune import check_goal


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
        ("[{path: a.csv, label: l}]", ["split.valid=0", "abstain.coverage=.8"], "abstain is chosen on the valid split"),
        ("[{path: a.csv, label: l}]", ["split.valid=0", "finetune.head=auto"], "finetune.head = auto is chosen on"),
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


@pytest.mark.parametrize("valid", ["split: valid", "split_column: s", "split: train"])
def test_abstention_is_chosen_on_a_valid_split_that_is_given_or_cut(valid: str):
    sources = f"[{{path: a.csv, label: l, split: train}}, {{path: b.csv, label: l, {valid}}}, {{path: c.csv, label: l, split: test}}]"
    share = "split.valid=0" if "train" not in valid else "split.valid=.1"  # a share of train
    check_labels(session(sources, "abstain.coverage=.8", "finetune.head=auto", share))


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


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["finetune.lexicon=gone.yaml"], "finetune.lexicon: there is no file gone.yaml"),
        (["rules.patterns=gone.yaml"], "rules.patterns: there is no file gone.yaml"),
        (["rules.patterns={a: ['(b']}"], "rules: a: the pattern '(b' of 'a' is none"),
        (["pretrain.enabled=false", "finetune.pretrained_vectors=gone.vec"], "there is no file or folder gone.vec"),
        (["pretrain.enabled=false", "finetune.earlier=gone"], "finetune.earlier: there is no folder gone"),
        (["finetune.lexicon={a: [x], b: [x]}"], "'x' is a word of 'a' and of 'b'"),
    ],
)  # fmt: skip
def test_files_of_a_classifier_are_looked_at_before_any_work(more: list[str], told: str):
    with pytest.raises(UserError) as refused:
        check_files_of_classifier(session("[]", *more))
    assert told in str(refused.value)


def test_files_that_are_there_and_an_address_go_on(tmp_path):
    (tmp_path / "words.tsv").write_text("good\tyes\n")
    (tmp_path / "rules.yaml").write_text("'yes': [fine]\n")
    check_files_of_classifier(
        session("[]", f"finetune.lexicon={tmp_path}/words.tsv", f"rules.patterns={tmp_path}/rules.yaml")
    )
    check_files_of_classifier(session("[]", "pretrain.enabled=false", "finetune.earlier=models:/m@champion"))


@pytest.mark.parametrize("option", ["finetune.lexicon={c: [x]}", "rules.patterns={c: [x]}", "finetune.class_weights={c: 2}"])  # fmt: skip
def test_labels_that_no_document_has_are_refused_before_pretraining(option: str):
    with pytest.raises(UserError, match="label 'c'"):
        check_named_labels(session("[]", option), ["a", "b"])
    check_named_labels(session("[]", option), ["a", "c"])
    check_named_labels(session("[]", option, "pretrain.enabled=false", "finetune.earlier=m"), ["a"])


def test_a_search_begins_with_no_earlier_model():
    with pytest.raises(UserError, match="finetune.earlier = models:/m/1: it goes on with its own n-grams"):
        check_goal(session("[]", "pretrain.enabled=false", "finetune.earlier=models:/m/1"))


def test_a_path_may_start_at_home():
    config = session("[]", "finetune.lexicon=~/w.tsv", "rules.patterns=~/r.yaml").config
    assert config.finetune.lexicon.endswith("/w.tsv") and not config.finetune.lexicon.startswith("~")
    assert not config.rules.patterns.startswith("~")
