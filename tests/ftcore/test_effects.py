"""An option that is set and does nothing is said, with what would give it an effect; one that acts is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftcore.config import Config, Finetune, load_config, parse_config
from ftcore.effects import RULES, SOURCE_RULES, without_effect, without_effect_in_training
from ftcore.text.stopwords import stopwords

SOURCE = "ingest.sources=[{{path: {}, label: y, {}}}]"
ROOT = Path(__file__).resolve().parents[2]


def said(*overrides: str) -> list[str]:
    return without_effect(load_config(None, overrides))


@pytest.mark.parametrize(
    ("overrides", "key", "remedy", "mended"),
    [
        (["text.stopwords.lists=[a.txt]"], "text.stopwords.lists", "mode", ["text.stopwords.mode=lists"]),
        (["text.stopwords.keep=[不]"], "text.stopwords.keep", "mode", ["text.stopwords.mode=zh"]),
        (
            ["text.stopwords.keep_negations=false"],
            "text.stopwords.keep_negations",
            "mode",
            ["text.stopwords.mode=on"],
        ),
        (["finetune.neg=9"], "finetune.neg", "finetune.loss=ns", ["finetune.loss=ns"]),
        (["pretrain.neg=9", "pretrain.loss=hs"], "pretrain.neg", "pretrain.loss=ns", ["pretrain.loss=ns"]),
        (["finetune.bucket=1000"], "finetune.bucket", "word_ngrams", ["finetune.word_ngrams=2"]),
        (
            ["pretrain.minn=0", "pretrain.maxn=0", "pretrain.bucket=5"],
            "pretrain.bucket",
            "maxn",
            ["pretrain.maxn=3"],
        ),
        (
            ["pretrain.enabled=false", "evaluate.neighbors=[a]"],
            "evaluate.neighbors",
            "pretrain.enabled",
            ["pretrain.enabled=true"],
        ),
        (
            ["pretrain.enabled=false", "finetune.freeze=words"],
            "finetune.freeze",
            "pretrain.enabled",
            ["pretrain.enabled=true"],
        ),
        (["threads=3"], "threads", "deterministic=false", ["deterministic=false"]),
        (["split.valid=0", "finetune.refit=true"], "finetune.refit", "split.valid", ["split.valid=.1"]),
        (["engine=cpu", "device=cuda"], "device", "engine", ["engine=auto"]),
        (["engine=reference", "pretrain.updates=shared"], "pretrain.updates", "engine", ["engine=cpu"]),
        (["engine=cpu", "finetune.batch_size=4"], "finetune.batch_size", "engine", ["engine=auto"]),
        (["ingest.sources=[{path: a.txt, split: test}]", "split.test=0.3"], "split.test", "split", []),
        ([SOURCE.format("a.jsonl", "header: false")], "ingest.sources[0].header", "csv", []),
        ([SOURCE.format("a.txt", "delimiter: ';'")], "ingest.sources[0].delimiter", "csv", []),
        ([SOURCE.format("a.txt.gz", "text: body")], "ingest.sources[0].text", "columns", []),
        (
            ["ingest.sources=[{path: a.csv, label_names: {a: b}}]"],
            "ingest.sources[0].label_names",
            "set label",
            ["ingest.sources.0.label=y"],
        ),
        ([SOURCE.format("a.csv", "label_prefix: '#'")], "ingest.sources[0].label_prefix", "fasttext", []),
        (
            [SOURCE.format("a.csv", "split: train, split_column: s")],
            "ingest.sources[0].split_column",
            "one",
            [],
        ),
        (
            ["ingest.cache_bytes=5"],
            "ingest.cache_bytes",
            "address",
            ["ingest.sources=[{path: 's3://b/a.txt'}]"],
        ),
        (
            [SOURCE.format("a.txt", "credentials: 'env:A'")],
            "ingest.sources[0].credentials",
            "here",
            ["data=s3://b"],
        ),
        (["ingest.sources=[{path: a.warc.gz, label: y}]"], "ingest.sources[0].label", "columns", []),
        ([SOURCE.format("a.txt", "split_column: s")], "ingest.sources[0].split_column", "columns", []),
    ],
)
def test_what_does_nothing_is_said_with_the_remedy_which_works(overrides, key, remedy, mended):
    found = [s for s in said(*overrides) if s.startswith(f"{key} has no effect: ")]
    assert len(found) == 1 and remedy in found[0], said(*overrides)
    if mended:
        assert not [s for s in said(*overrides, *mended) if s.startswith(key)]


def test_the_defaults_and_the_examples_say_nothing():
    assert without_effect(Config()) == []
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        assert without_effect(load_config(path)) == [], path


def test_a_configuration_read_back_says_the_same():
    config = load_config(None, ["finetune.neg=9", "threads=2"])
    assert without_effect(parse_config(config.model_dump(mode="json"))) == without_effect(config) != []


def test_an_empty_cell_of_a_split_column_leaves_it_to_the_shares():
    assert not said("ingest.sources=[{path: a.csv, label: y, split_column: s}]", "split.test=0.3")


def test_the_format_is_told_by_the_name_as_reading_tells_it():
    (sentence,) = said(SOURCE.format("a.JSON", "delimiter: ';'"))
    assert sentence.startswith("ingest.sources[0].delimiter")


def test_a_folder_or_glob_whose_format_only_its_files_tell_is_not_judged():
    assert not said("ingest.sources=[{path: data, header: false, text: [0]}]")


def test_every_rule_names_options_that_exist():
    for rule in RULES:
        for key in rule.keys.split():
            default = _default(key)
            load_config(None, [f"{key}={'null' if default is None else default}"])
    source = load_config(None, ["ingest.sources=[{path: a}]"]).ingest.sources[0]
    assert all(hasattr(source, key) for rule in SOURCE_RULES for key in rule.keys.split())


def _default(key: str):
    node = Config()
    for part in key.split("."):
        node = getattr(node, part)
    return "null" if node is None else node if not isinstance(node, bool) else str(node).lower()


def test_own_lists_alone(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("电影\n不\n")
    options = load_config(None, ["text.stopwords.mode=lists", f"text.stopwords.lists={tmp_path}/mine.txt"])
    assert stopwords(options.text.stopwords) == {"电影", "不"}


@pytest.mark.parametrize("head", ["sgd", "linear"])
@pytest.mark.parametrize("held_out", [False, True])
def test_every_option_of_a_training_can_be_asked(head: str, held_out: bool):
    """The rules also read parts of a configuration that a training outside of the pipeline has not."""
    options = Finetune(head=head)
    said = without_effect_in_training(
        dict.fromkeys(Finetune.model_fields), options, vectors=True, valid=held_out, names={}
    )
    refit = [line for line in said if line.startswith("refit ")]
    assert len(refit) == (head == "sgd" or not held_out)
