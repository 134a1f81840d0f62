"""A dry run against the filters themselves, each alone; and what a user sees of it."""

import json
from collections import Counter

import pytest

from ftcore.cli import main
from ftcore.config import parse_config
from ftcore.curation.sample import Extent, sampled, spread
from ftcore.curation.trial import EXAMPLES, try_filters
from ftcore.errors import UserError
from ftcore.report.filters_page import number, render_trial
from ftcore.shards.manifest import load_manifest
from ftcore.shards.whole import prepare_corpus
from ftcore.text.tokenizer import Tokenizer

ROWS = [
    "The committee has met in the spring, and it works with the city.",
    "Call 1234567890 1234567890 now",
    "click here click here click here click here",
    "委员会在春天第一次开会，和市政府一起工作。",
    "１２３４５６７ 八九",
    "坏词在这里",
    "<script>x</script> see http://a.example/very/long",
]


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "ab":
        rows = [{"text": f"{text} {name}{n}"} for n in range(10) for text in ROWS]
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join([*lines, "{broken"]) + "\n", encoding="utf-8")
    (tmp_path / "words.txt").write_text("坏词\n", encoding="utf-8")
    filters = {
        "max_digits": {"en": 0.3, "zh": 0.5},
        "max_common_ngrams": [0.5],
        "blocklist": [str(tmp_path / "words.txt")],
        "dedup": "off",
    }
    source = {"path": "*.jsonl", "name": "docs"}
    return {"data": str(folder), "ingest": {"sources": [source]}, "filters": filters, "workers": 1}


def test_each_filter_drops_what_it_would_drop_alone(tree, tmp_path):
    trial = try_filters(parse_config(tree), 1000)
    assert trial.documents.total() == 140 and trial.extent.files == (2, 2)
    assert (trial.extent.read, trial.extent.broken) == (142, 2)
    by_option = {rule.option: rule for rule in trial.rules}
    alone = {
        "max_digits": {"max_digits": tree["filters"]["max_digits"]},
        "max_common_ngrams (2)": {"max_common_ngrams": [0.5]},
        "max_blocked": {"blocklist": tree["filters"]["blocklist"]},
    }
    for option, filters in alone.items():
        shards = prepare_corpus(
            parse_config(tree | {"filters": {**filters, "dedup": "off"}}), tmp_path / "shards"
        )
        manifest = load_manifest(shards.path)
        assert by_option[option].dropped.total() == sum(manifest.counts["filters"].values()) > 0
        left = Counter({name: n for counts in manifest.documents.values() for name, n in counts.items()})
        assert by_option[option].dropped == trial.documents - left
    whole = load_manifest(prepare_corpus(parse_config(tree), tmp_path / "shards").path)
    assert trial.kept.total() == whole.rows
    assert sum(rule.alone.total() for rule in trial.rules) <= 140 - whole.rows
    blocked = by_option["max_blocked"]
    assert {example.value for example in blocked.examples} == {"坏词"} and len(blocked.examples) == EXAMPLES
    assert trial.spread["digits"]["en"][3] <= trial.spread["digits"]["en"][-1] <= 1


def test_a_sample_is_bounded_and_always_the_same(tree):
    config = parse_config(tree)

    def drawn(most):
        extent = Extent()
        batches = sampled(config.ingest, config.data, Tokenizer(), most, extent)
        rows = [(row["source"], row["line"]) for batch in batches for row in batch.to_pylist()]
        return rows, extent

    rows, extent = drawn(6)
    assert (
        len(rows) == 6
        and {source for source, _ in rows} == {"docs:a.jsonl", "docs:b.jsonl"}
        and extent.read <= 142
    )
    assert len({line for _, line in rows}) > 1 and drawn(6)[0] == rows
    assert len(drawn(10_000)[0]) == 140
    assert spread([], 3) == [] and spread([1, 2], 5) == [1, 2]
    with pytest.raises(UserError, match=r"ingest.sources is empty"):
        try_filters(parse_config({}))


def test_the_command_and_the_page(tree, tmp_path, capsys):
    (tmp_path / "corpus.yaml").write_text(json.dumps(tree))
    command = ["prepare", "--config", str(tmp_path / "corpus.yaml")]
    before = sorted(tmp_path.rglob("*"))
    assert main([*command, "--dry-run", "--sample", "70"]) == 0
    shown = capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before
    for part in ("max_digits", "坏词", "docs:a.jsonl", "Chinese", "would drop"):
        assert part in shown, part
    page = tmp_path / "page.html"
    assert main([*command, "--dry-run", "--html", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<script>x" not in text and "too many digits" in text and "blocklist" in text
    assert main(command) == 1 and "--out" in capsys.readouterr().err
    assert main([*command, "--out", str(tmp_path / "s"), "--html", "x"]) == 1
    assert "--dry-run" in capsys.readouterr().err


def test_an_empty_corpus_has_an_empty_page(tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    trial = try_filters(parse_config({"ingest": {"sources": [{"path": str(tmp_path / "a.jsonl")}]}}))
    assert trial.documents.total() == 0 and "What the filters would drop" in render_trial(trial)
    assert [number(value) for value in (3.0, 13109.18, 99.5)] == ["3", "13,109", "99.500"]


def test_what_is_held_of_a_part_is_bounded(tree, monkeypatch):
    from ftcore.curation import sample

    config, extent = parse_config(tree), Extent()
    monkeypatch.setattr(sample, "BYTES", 1)
    monkeypatch.setattr("ftcore.reading.documents.BATCH_ROWS", 10)
    drawn = [
        row
        for batch in sampled(config.ingest, config.data, Tokenizer(), 1000, extent)
        for row in batch["line"].to_pylist()
    ]
    assert len(drawn) == 20 and extent.read == 20, "one batch of each file"
