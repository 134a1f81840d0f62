"""Which head a configuration gets that names none: what the texts and the other options ask for."""

from __future__ import annotations

from typing import Any

import pytest

from ftcore.config import AutoFinetune, load_config, parse_config
from ftcore.shards.manifest import FileEntry, Manifest
from tasks.head import MOST_DOCUMENTS, MOST_LABELS, default_head

NOTHING = {"shards": [], "read": 0, "rejected": 0, "filtered": 0, "duplicates": 0, "counts": {}}


def manifest(documents: dict[str, int], labels: dict[str, int]) -> Manifest:
    return Manifest(
        inputs="", options="", quarantine=FileEntry(file="q", bytes=0, rows=0, sha256="0" * 64), rows=0,
        documents={"train": documents}, labels={name: {"train": n} for name, n in labels.items()}, **NOTHING,
    )  # fmt: skip


def chosen(documents: dict[str, int], labels: dict[str, int] | None = None, *words: str) -> dict[str, Any]:
    half = sum(documents.values()) // 2
    config = load_config(overrides=words)
    return default_head(config, manifest(documents, labels or {"a": half, "b": half}))[0]


@pytest.mark.parametrize(
    ("documents", "minn", "maxn"),
    [
        ({"en": 900, "zh": 50}, 2, 5),
        ({"zh": 900, "en": 50}, 1, 3),
        ({"zh": 500, "en": 500}, 1, 5),
        ({"mixed": 100}, 1, 5),
        ({"other": 100}, 2, 5),
    ],
)
def test_n_grams_suit_the_language(documents, minn, maxn):
    found = chosen(documents)
    assert found == {"head": "linear", "refit": True, "word_ngrams": 2, "minn": minn, "maxn": maxn}


def test_n_grams_that_were_given_stay():
    assert chosen({"en": 100}, None, "finetune.word_ngrams=3") == {"head": "linear", "refit": True}
    assert chosen({"en": 100}, None, "finetune.bucket=0") == {"head": "linear", "refit": True}


@pytest.mark.parametrize(
    ("documents", "labels", "words"),
    [
        ({"en": 100}, {"a": 100}, ()),  # one label has nothing to tell apart
        ({"en": 10_000}, {str(n): 10 for n in range(MOST_LABELS + 1)}, ()),
        ({"en": 100}, {"a": 80, "b": 70}, ()),  # several labels a text
        ({"en": 3 * MOST_DOCUMENTS}, {"a": MOST_DOCUMENTS, "b": MOST_DOCUMENTS}, ()),
        ({"en": 100}, {"a": 50, "b": 50}, ("engine=reference",)),
    ],
)
def test_steps_where_a_linear_head_cannot_be(documents, labels, words):
    assert chosen(documents, labels, *words) == {"head": "sgd"}


@pytest.mark.parametrize(
    "words",
    ["epoch=3", "lr=0.3", "dropout=0.2", "freeze=all", "dim=20", "loss=hs", "patience=2", "keep_best=true"],
)
def test_who_gives_an_option_of_steps_has_chosen_them(words):
    config = load_config(overrides=["pretrain.enabled=false", f"finetune.{words}"])
    assert config.finetune.head == "sgd"
    assert parse_config(config.model_dump(mode="json")) == config


def test_a_configuration_read_back_chooses_the_same():
    config = load_config()
    assert config.finetune.head == "default" and parse_config(config.model_dump(mode="json")) == config
    assert (
        AutoFinetune(epoch="auto").head == "default" and AutoFinetune(head="linear", lr=0.5).head == "linear"
    )
