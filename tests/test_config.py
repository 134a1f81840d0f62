"""Options: YAML, overrides, extends; what is refused is named with key, value and what is allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from ftcore.config import AutoFinetune, Config, Pretrain, digest, load_config, merge, parse_config
from ftcore.errors import UserError


def write(path: Path, tree: dict | str) -> Path:
    path.write_text(
        tree if isinstance(tree, str) else yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8"
    )
    return path


def refused(path: Path | None = None, *overrides: str) -> str:
    with pytest.raises(UserError) as error:
        load_config(path, overrides)
    return str(error.value)


def test_defaults_are_valid_and_frozen():
    config = load_config()
    assert config == Config() and config.pretrain.dim == 100 and config.finetune.batch_size == 16
    with pytest.raises(ValidationError):
        config.pretrain.dim = 3  # type: ignore[misc]


def test_yaml_is_read(tmp_path: Path):
    tree = {
        "name": "a",
        "pretrain": {"dim": 7, "model": "cbow"},
        "ingest": {"sources": [{"path": "数据.txt"}]},
    }
    config = load_config(write(tmp_path / "a.yaml", tree))
    assert (config.name, config.pretrain.dim, config.pretrain.model) == ("a", 7, "cbow")
    assert config.ingest.sources[0].path == "数据.txt"
    assert config.finetune_dim == 7


def test_an_empty_file_means_the_defaults(tmp_path: Path):
    assert load_config(write(tmp_path / "a.yaml", "# nothing yet\n")) == Config()


def test_overrides_win_and_take_yaml_values(tmp_path: Path):
    path = write(tmp_path / "a.yaml", {"seed": 1, "ingest": {"sources": [{"path": "a"}, {"path": "b"}]}})
    words = ["seed=5", "pretrain.enabled=off", "evaluate.top_k=[1, 2]", "ingest.sources.1.path=c.csv"]
    config = load_config(
        path, [*words, "ingest.sources.1.label=3", "finetune.class_weights={a: 2.0}", "tracking.uri="]
    )
    assert config.seed == 5 and config.pretrain.enabled is False and config.evaluate.top_k == [1, 2]
    assert [s.path for s in config.ingest.sources] == ["a", "c.csv"]
    assert config.ingest.sources[1].label == 3
    assert config.finetune.class_weights == {"a": 2.0}
    assert config.tracking.uri == ""


def test_a_hash_in_an_override_is_no_comment():
    assert load_config(None, ["store=/data/a #2"]).store == "/data/a #2"
    assert load_config(None, ["store='a #2'"]).store == "a #2"


def test_the_last_override_wins():
    assert load_config(None, ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("pretrain.dim", ["'pretrain.dim'", "key=value"]),
        ("=3", ["'=3'", "key=value"]),
        ("seed=[1", ["'seed=[1'", "YAML"]),
        ("seed.x=1", ["seed.x"]),
        ("pretrain.dim.x=1", ["pretrain.dim.x"]),
        ("ingest.sources.0.path=a", ["ingest.sources.0.path", "'0'"]),
    ],
)
def test_bad_overrides_are_named(tmp_path: Path, override: str, words: list[str]):
    path = write(tmp_path / "a.yaml", {"seed": 1, "pretrain": {"dim": 5}, "ingest": {"sources": []}})
    message = refused(path, override)
    assert all(w in message for w in words), message


def test_extends_starts_from_another_file(tmp_path: Path):
    base = write(
        tmp_path / "base.yaml", {"seed": 3, "pretrain": {"dim": 7, "epoch": 2}, "evaluate": {"top_k": [1, 5]}}
    )
    middle = write(tmp_path / "middle.yaml", {"extends": str(base), "pretrain": {"epoch": 4}})
    top = write(tmp_path / "top.yaml", {"extends": str(middle), "evaluate": {"top_k": [2]}})
    config = load_config(top, ["seed=9"])
    assert (config.pretrain.dim, config.pretrain.epoch, config.evaluate.top_k, config.seed) == (7, 4, [2], 9)
    assert config.extends == ""
    assert parse_config({"extends": str(base), "seed": 4}).pretrain.dim == 7  # a deployment's parameters


def test_extends_of_a_missing_file_is_refused(tmp_path: Path):
    message = refused(write(tmp_path / "a.yaml", {"extends": str(tmp_path / "gone.yaml")}))
    assert "gone.yaml" in message and "no such configuration file" in message


def test_extends_starts_beside_its_own_file(tmp_path: Path, monkeypatch):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write(tmp_path / "deep" / "base.yaml", {"seed": 3})
    write(tmp_path / "base.yaml", {"seed": 4})
    middle = write(tmp_path / "deep" / "er" / "middle.yaml", {"extends": "../base.yaml", "name": "m"})
    monkeypatch.chdir(tmp_path)
    assert load_config(middle).seed == 3
    assert load_config(write(tmp_path / "top.yaml", {"extends": "deep/er/middle.yaml"})).seed == 3
    assert parse_config({"extends": "base.yaml"}).seed == 4  # a flow's parameters: the working directory


def test_extends_of_itself_is_refused(tmp_path: Path):
    path = tmp_path / "a.yaml"
    write(path, {"extends": str(path)})
    with pytest.raises(UserError, match="extends itself"):
        load_config(path)


def test_unknown_keys_come_with_a_suggestion(tmp_path: Path):
    message = refused(None, "pretrain.dims=3")
    assert "unknown key 'pretrain.dims'" in message and "did you mean 'dim'" in message
    assert "did you mean 'pretrain'" in refused(None, "pretrian.dim=3")
    assert "known keys" in refused(None, "evaluate.zzzzzzzz=3") and "top_k" in refused(
        None, "evaluate.zzzzzzzz=3"
    )
    path = write(tmp_path / "a.yaml", {"ingest": {"sources": [{"path": "a", "lable": "x"}]}})
    message = refused(path)
    assert "ingest.sources.0.lable" in message and "did you mean 'label'" in message and "a.yaml" in message


@pytest.mark.parametrize(
    ("override", "key", "value", "allowed"),
    [
        ("pretrain.dim=0", "pretrain.dim", "0", ">= 1 and <= 10000"),
        ("pretrain.dim=many", "pretrain.dim", "'many'", ">= 1 and <= 10000"),
        ("pretrain.dim=1.5", "pretrain.dim", "1.5", ">= 1 and <= 10000"),
        ("finetune.lr=0", "finetune.lr", "0", "> 0 and <= 100"),
        ("finetune.dropout=1", "finetune.dropout", "1", ">= 0 and < 1"),
        ("finetune.loss=hinge", "finetune.loss", "'hinge'", "'softmax', 'ova', 'hs', 'ns'"),
        ("pretrain.loss=ova", "pretrain.loss", "'ova'", "'ns', 'hs', 'softmax'"),
        ("seed=-1", "seed", "-1", ">= 0"),
        ("ingest.max_reject_share=2", "ingest.max_reject_share", "2", ">= 0 and <= 1"),
        ("text.stopwords.mode=fr", "text.stopwords.mode", "'fr'", "'off', 'on', 'zh', 'en', 'lists'"),
        ("text.normalize.urls=drop", "text.normalize.urls", "'drop'", "'keep', 'remove'"),
        ("shards.rows=1", "shards.rows", "1", ">= 10"),
        ("engine=gpu", "engine", "'gpu'", "'auto'"),
    ],
)
def test_ranges_are_named_with_key_value_and_what_is_allowed(
    override: str, key: str, value: str, allowed: str
):
    message = refused(None, override)
    assert f"{key} = {value}" in message and allowed in message, message
    assert "Traceback" not in message and "pydantic.dev" not in message


def test_every_error_is_told_at_once():
    message = refused(None, "pretrain.dim=0", "finetune.epoch=-1", "sed=1")
    assert all(k in message for k in ("pretrain.dim", "finetune.epoch", "'sed'")), message


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["split.valid=0.6", "split.test=0.5"], ["split", "1.1"]),
        (["pretrain.minn=4", "pretrain.maxn=3"], ["minn 4", "maxn 3"]),
        (["finetune.bucket=0", "finetune.word_ngrams=2"], ["bucket 0"]),
        (["pretrain.word_ngrams=2"], ["word_ngrams"]),
        (["finetune.dim=50"], ["finetune.dim 50", "pretrain.dim 100", "pretrain.enabled=false"]),
        (["device=tpu"], ["device", "'tpu'"]),
        (["name=a b"], ["name", "'a b'"]),
    ],
)
def test_options_that_contradict_each_other_are_refused(overrides: list[str], words: list[str]):
    message = refused(None, *overrides)
    assert all(w in message for w in words), message


@pytest.mark.parametrize(
    ("content", "words"),
    [("a: [1", ["not valid YAML"]), ("- 1\n", ["list"]), ("just text\n", ["str"])],
)
def test_files_that_are_no_options_are_refused(tmp_path: Path, content: str, words: list[str]):
    message = refused(write(tmp_path / "a.yaml", content))
    assert "a.yaml" in message and all(w in message for w in words), message


def test_a_file_in_another_encoding_is_refused(tmp_path: Path):
    path = tmp_path / "a.yaml"
    path.write_bytes("name: 数据\n".encode("gb18030"))
    assert "a.yaml" in refused(path)


def test_a_missing_file_is_refused(tmp_path: Path):
    assert "no.yaml: no such configuration file" in refused(tmp_path / "no.yaml")


def test_merge_replaces_lists_and_merges_groups():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    assert merge(base, {"a": {"c": [3]}, "d": {"e": 1}}) == {"a": {"b": 1, "c": [3]}, "d": {"e": 1}}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_digest_depends_on_values_alone():
    assert digest(Config()) == digest(Config(pretrain=Pretrain()))
    assert digest(Config()) != digest(Config(finetune=AutoFinetune(lr=0.2)))
    assert digest({"a": 1, "b": [1]}) == digest({"b": [1], "a": 1}) != digest({"a": 1, "b": [2]})


def test_a_configuration_survives_json_and_yaml():
    config = load_config(
        None, ["finetune.class_weights={a: 2.0}", "ingest.sources=[{path: x, text: [0, b]}]"]
    )
    assert parse_config(json.loads(json.dumps(config.model_dump(mode="json")))) == config
    assert parse_config(yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))) == config


def test_every_option_explains_itself():
    """The form on Prefect's page and the documentation are made from the descriptions."""
    from ftcore.config import Options

    groups, silent = [Config], []
    while groups:
        group = groups.pop()
        for name, field in group.model_fields.items():
            if isinstance(field.default, Options):
                groups.append(type(field.default))
            elif name != "sources" and not field.description:
                silent.append(f"{group.__name__}.{name}")
    assert not silent


def test_the_examples_are_valid(tmp_path: Path):
    root = Path(__file__).resolve().parent.parent
    for path in sorted((root / "examples").glob("*.yaml")):
        assert load_config(path).ingest.sources, path


@pytest.mark.parametrize("word", ["on", "off"])
def test_a_bare_on_or_off_is_the_word(tmp_path: Path, word: str):
    assert load_config(None, [f"text.stopwords.mode={word}"]).text.stopwords.mode == word
    path = write(tmp_path / "a.yaml", f"text: {{stopwords: {{mode: {word}}}}}\nfilters: {{dedup: off}}\n")
    assert load_config(path).filters.dedup == "off"


# ------------------------------------------------------------------------------------- dry run
@pytest.mark.flow
def test_dry_run_prints_the_resolved_configuration_and_plans_every_stage(project, invoke):
    before = sorted(p.name for p in project.store.iterdir())
    done = invoke("pipeline", "--config", project.config, "--dry-run", "pretrain.dim=12")
    assert done.code == 0
    text, _, _ = done.out.rpartition("\n{")
    resolved = yaml.safe_load(text)
    assert resolved["pretrain"]["dim"] == 12 and resolved["finetune"]["lr"] == 1.0
    assert resolved == load_config(project.config, ["pretrain.dim=12"]).model_dump(mode="json")
    plan = json.loads(done.out.strip().splitlines()[-1])
    stages = {name.split("/")[0] for name in plan}
    assert stages == {
        "prepare", "dedup", "commit", "dictionary-pretrain", "pretrain",
        "dictionary-finetune", "finetune", "baseline", "evaluate", "register", "report",
    }  # fmt: skip
    assert {p["would"] for p in plan.values()} == {"planned"}
    assert {p["why"] for p in plan.values()} == {"no earlier output"}
    assert sorted(p.name for p in project.store.iterdir()) == before, "a dry run writes nothing"


@pytest.mark.flow
def test_dry_run_says_what_would_be_reused_and_why_the_rest_would_not(ready, invoke):
    plan = json.loads(invoke("pipeline", "--config", ready.config, "--dry-run").out.strip().splitlines()[-1])
    assert {p["would"] for p in plan.values()} == {"reused"}
    done = invoke("pipeline", "--config", ready.config, "--dry-run", "finetune.lr=0.2")
    plan = json.loads(done.out.strip().splitlines()[-1])
    assert plan["pretrain"]["would"] == plan["commit"]["would"] == "reused"
    assert plan["finetune"] == {"would": "planned", "why": "finetune.lr: 1.0 → 0.2"}
    assert plan["evaluate"]["would"] == "planned" and "input changed: model" in plan["evaluate"]["why"]


# ---------------------------------------------------------------------------------- YAML's traps
def in_file(tmp_path: Path, text: str):
    return load_config(write(tmp_path / "a.yaml", text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ingest:\n  sources:\n    - path: a.csv\n      label: no", ["a.yaml:4", "label = no", "quotes"]),
        ("finetune:\n  epoch: yes", ["a.yaml:2", "finetune.epoch = yes", "boolean"]),
        ("finetune:\n  bucket: 010", ["a.yaml:2", "octal"]),
        ("finetune: {lr: 1}\nseed: 1\nfinetune: {epoch: 3}", ["a.yaml:3", "'finetune'", "line 1"]),
        ("finetune:\n  class_weights: {a: true}", ["a.yaml:2", "class_weights", "boolean"]),
        (
            "ingest:\n  sources:\n    - {path: a, label_names: {a: off}}",
            ["a.yaml:3", "label_names", "quotes"],
        ),
        ("finetune:\n  dim: 1.5", ["a.yaml:2", "finetune.dim = 1.5", "integer"]),
        ("a: 1\npretrain:\n  dims: 3", ["a.yaml:1", "unknown key 'a'", "a.yaml:3", "pretrain.dims"]),
        ("ingest:\n  sources:\n    - {path: a, label: 1.0}", ["a.yaml:3", "label", "quotes"]),
        ("name: [a]", ["a.yaml:1", "name"]),
    ],
)
def test_what_yaml_would_turn_into_something_else_is_refused_with_its_line(tmp_path: Path, text, words):
    with pytest.raises(UserError) as error:
        in_file(tmp_path, text)
    assert all(w in str(error.value) for w in words), error.value


def test_the_line_is_that_of_the_file_that_says_it(tmp_path: Path):
    write(tmp_path / "base.yaml", "name: b\n\nfinetune:\n  epoch: -1\n  lr: 0.5")
    top = write(tmp_path / "top.yaml", "extends: base.yaml\nfinetune:\n  lr: yes")
    message = refused(top)
    assert "base.yaml:4: finetune.epoch" in message and "top.yaml:3: finetune.lr" in message


def test_values_are_taken_as_they_are_meant(tmp_path: Path):
    config = in_file(
        tmp_path,
        """
        ingest:
          sources:
            - {path: a.csv, text: title, label: 'no', label_names: {0: neg, 1: pos}}
            - {path: b.csv, text: [0, body], label: 2, label_names: {a: 1}}
        filters: {languages: zh, dedup: off}
        text: {segment: {user_dict: my.txt}, normalize: {html: no}}
        finetune: {bucket: 2e6, class_weights: {0: 2.0, 1: 3}}
        evaluate: {top_k: 1, neighbors: [1984, 北京]}
        """,
    )
    first, second = config.ingest.sources
    assert (first.text, first.label, first.label_names) == (["title"], "no", {"0": "neg", "1": "pos"})
    assert (second.text, second.label, second.label_names) == ([0, "body"], 2, {"a": "1"})
    assert config.filters.languages == ["zh"] and config.filters.dedup == "off"
    assert config.text.segment.user_dict == ["my.txt"] and config.text.normalize.html is False
    assert config.finetune.bucket == 2_000_000 and type(config.finetune.bucket) is int
    assert config.finetune.class_weights == {"0": 2.0, "1": 3.0}
    assert config.evaluate.top_k == [1] and config.evaluate.neighbors == ["1984", "北京"]
    words = ["finetune.class_weights={0: 2.0}", "finetune.bucket=2e5", "ingest.sources.0.label_names.0=n"]
    changed = load_config(tmp_path / "a.yaml", words)
    assert changed.finetune.class_weights == {"0": 2.0} and changed.finetune.bucket == 200_000
    assert changed.ingest.sources[0].label_names == {"0": "n", "1": "pos"}


# ------------------------------------------------------------------------------- names and places
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("tracking.model_name=nlp/reviews", ["tracking.model_name", "'/'"]),
        ("tracking.model_name='a:b'", ["tracking.model_name", "':'"]),
        ("tracking.model_name=..", ["tracking.model_name", "no name"]),
        ("tracking.model_name=' '", ["tracking.model_name", "no name"]),
        (f"tracking.model_name={'x' * 257}", ["tracking.model_name", "256"]),
        ("tracking.experiment=../out", ["tracking.experiment", "no name"]),
        ("tracking.experiment=/tmp/x", ["tracking.experiment", "no name"]),
        (f"tracking.experiment={'x' * 501}", ["tracking.experiment"]),
        ('tracking.experiment="a\\nb"', ["tracking.experiment"]),
        ("store=what?", ["store", "'?'"]),
        ("store=''", ["store", "empty"]),
        ("store=~nobody-of-that-name/x", ["store", "no such user"]),
    ],
)
def test_names_that_mlflow_or_the_disk_refuse_are_refused_before_any_work(override: str, words: list[str]):
    message = refused(None, override)
    assert all(w in message for w in words), message


def test_names_that_mlflow_takes_are_taken():
    config = load_config(
        None, ["tracking.experiment=goal/part 1", "tracking.model_name=评论 v2%20", "store=a%20b"]
    )
    assert (config.tracking.experiment, config.tracking.model_name) == ("goal/part 1", "评论 v2%20")


def test_a_tilde_is_the_home_folder_in_every_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config = load_config(
        None,
        [
            "store=~/x", "data=~/", "ingest.sources=[{path: ~/a.txt}]", "text.segment.user_dict=~/d.txt",
            "evaluate.similarity=[~/s.txt]", "text.stopwords.lists=[./~b]", "text.stopwords.mode=on",
        ],
    )  # fmt: skip
    assert (config.store, config.data, config.ingest.sources[0].path) == (
        "/home/me/x",
        "/home/me",
        "/home/me/a.txt",
    )
    assert config.text.segment.user_dict == ["/home/me/d.txt"] and config.evaluate.similarity == [
        "/home/me/s.txt"
    ]
    assert config.text.stopwords.lists == ["./~b"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["finetune.head=linear", "finetune.loss=hs"], "head linear knows softmax and ova"),
        (["finetune.self_training=2", "finetune.loss=ova"], "self_training says one label of a document"),
    ],
)
def test_options_that_exclude_one_another_are_refused_before_any_work(overrides, message):
    with pytest.raises(UserError, match=message):
        load_config(None, overrides)
