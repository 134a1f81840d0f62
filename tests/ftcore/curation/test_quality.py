"""Scores of documents: learnt, given, kept above a value or a share; against counting by hand."""

import json
import random

import numpy as np
import pytest

from ftcore.cli import main
from ftcore.config import load_config, parse_config
from ftcore.curation.corpus import curate
from ftcore.curation.quality import auc, quality_model
from ftcore.effects import without_effect
from ftcore.errors import UserError
from ftcore.formats.directory import read_directory
from ftcore.inference.classifier import Classifier
from ftcore.report.shards_page import render_shards, score_rows
from ftcore.shards.look import look_at
from ftcore.shards.manifest import load_manifest
from ftcore.shards.quality import best_share
from ftcore.shards.shards import iter_batches
from ftcore.shards.whole import prepare_corpus

GOOD = ["committee", "report", "history", "river", "委员会", "报告", "历史", "河流"]
BAD = ["click", "buy", "cheap", "win", "点击", "购买", "便宜", "中奖"]


def written(path, words, n, seed):
    """Documents of some words in both languages, a line each."""
    rng = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(n):
            zh = rng.random() < 0.5
            some = rng.choices(words[4:] if zh else words[:4], k=rng.randrange(5, 12))
            file.write(("，" if zh else " ").join(some) + f" {rng.randrange(10**9)}\n")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    written(folder / "good.txt", GOOD, 300, 1)
    written(folder / "other.txt", BAD, 300, 2)
    written(folder / "a.txt", GOOD, 60, 3)
    written(folder / "b.txt", BAD, 140, 4)
    text = (folder / "b.txt").read_text(encoding="utf-8")
    (folder / "c.txt").write_text(text.splitlines()[0] + "\n☃\n", encoding="utf-8")  # a copy; no word
    return {
        "data": str(folder),
        "ingest": {"sources": [{"path": name} for name in ("a.txt", "b.txt", "c.txt")]},
        "filters": {"quality": {"good": [{"path": "good.txt"}], "other": [{"path": "other.txt"}]}},
        "workers": 1,
    }


def changed(tree, **quality):
    return parse_config(tree | {"filters": {"quality": {**tree["filters"]["quality"], **quality}}})


def rows(path):
    return [row for batch in iter_batches(path, ["unlabelled"]) for row in batch.to_pylist()]


def of_shards(path):
    import pyarrow.parquet as pq

    return [
        row
        for entry in load_manifest(path).shards
        for row in pq.read_table(f"{path}/{entry.file}").to_pylist()
    ]


def test_scores_are_a_column_and_the_models_own(tree, tmp_path):
    shards = curate(changed(tree), tmp_path / "shards")
    found = of_shards(shards.path)
    assert len(found) == shards.rows == 201 and "quality" not in rows(shards.path)[0]
    model = read_directory(tmp_path / "shards.quality")
    expected = [
        prediction.probabilities[prediction.labels.index("good")] if prediction.labels else 0
        for prediction in Classifier(model).predict([row["tokens"] for row in found], k=2)
    ]
    assert [row["quality"] for row in found] == pytest.approx(expected, abs=1e-6)
    good = np.array([row["source"] == "a:a.txt" for row in found])
    assert auc(np.array([row["quality"] for row in found]), good) > 0.95
    manifest = load_manifest(shards.path)
    assert (
        manifest.quality is not None and manifest.quality.dropped == {} and manifest.quality.thresholds == {}
    )
    assert sum(map(sum, manifest.quality.scores.values())) == 201
    again = curate(changed(tree), tmp_path / "again")
    assert again.digest == shards.digest


def test_keep_above_drops_what_scores_less_and_says_so(tree, tmp_path):
    every = of_shards(curate(changed(tree), tmp_path / "all").path)
    shards = curate(changed(tree, keep_above={"zh": 0.5}), tmp_path / "shards")
    stays = [row for row in every if row["language"] != "zh" or row["quality"] >= np.float32(0.5)]
    assert of_shards(shards.path) == stays and 0 < len(stays) < len(every)
    manifest = load_manifest(shards.path)
    lost = len(every) - len(stays)
    assert manifest.filtered == lost and manifest.counts["quality"] == {"low score (zh)": lost}
    assert manifest.quality is not None and manifest.quality.dropped == {"zh": lost}
    lines = [json.loads(line) for line in (tmp_path / "shards/quarantine.jsonl").read_text().splitlines()]
    assert len(lines) == manifest.quarantine.rows and sum(line["step"] == "quality" for line in lines) == lost
    look = look_at(shards.path)
    assert any(row["step"] == "quality" for row in look.rejects)
    assert "Scores" in render_shards(look) and "low score (zh)" in render_shards(look)


def test_keep_share_is_exact_for_each_language(tree, tmp_path):
    every = of_shards(curate(changed(tree), tmp_path / "all").path)
    shards = curate(changed(tree, keep_share={"zh": 0.25, "en": 0.6}), tmp_path / "shards")
    left = of_shards(shards.path)
    for language, share in (("zh", 0.25), ("en", 0.6)):
        scores = sorted((row["quality"] for row in every if row["language"] == language), reverse=True)
        least = scores[int(np.ceil(share * len(scores))) - 1]
        mine = [row["quality"] for row in left if row["language"] == language]
        assert len(mine) == sum(score >= least for score in scores) and min(mine) == least


def test_the_best_share_of_many_scores(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(5)
    parts, gone, every = [], tmp_path / "gone", []
    gone.mkdir()
    for number, n in enumerate((1000, 0, 1)):
        scores = rng.random(n).astype(np.float32) ** 4
        scores[: n // 3] = np.float32(0.125)  # many alike
        (tmp_path / f"part{number}").mkdir()
        languages = np.where(rng.random(n) < 0.3, "zh", "en")
        pq.write_table(
            pa.table({"language": pa.array(languages, pa.string())}), tmp_path / f"part{number}/docs.parquet"
        )
        np.save(tmp_path / f"{number}.npy", scores)
        drop = np.flatnonzero(rng.random(n) < 0.1)
        np.save(gone / f"{number}.npy", drop)
        stays = np.ones(n, bool)
        stays[drop] = False
        every += list(zip(languages[stays].tolist(), scores[stays].tolist(), strict=True))
        parts.append(tmp_path / f"part{number}")
    for share in (1e-9, 0.1, 0.5, 0.9, 1.0):
        found = best_share(parts, gone, tmp_path, {"zh": share, "en": share, "mixed": share})
        assert set(found) == {"zh", "en"}
        for language, least in found.items():
            mine = sorted((score for name, score in every if name == language), reverse=True)
            assert least == mine[max(1, int(np.ceil(share * len(mine) - 1e-12))) - 1]


def test_a_model_that_is_given(tree, tmp_path):
    learnt = curate(changed(tree, keep_above=0.5), tmp_path / "learnt")
    given = parse_config(
        tree | {"filters": {"quality": {"model": str(tmp_path / "learnt.quality"), "keep_above": 0.5}}}
    )
    shards = curate(given, tmp_path / "given")
    assert of_shards(shards.path) == of_shards(learnt.path) and not (tmp_path / "given.quality").exists()
    other = {"filters": {"quality": {"model": str(tmp_path / "learnt.quality"), "label": "great"}}}
    with pytest.raises(
        UserError, match=r"no label 'great'; it has good, other|no label 'great'; it has other, good"
    ):
        quality_model(parse_config(tree | other))
    with pytest.raises(UserError, match=r"cuts text in another way"):
        quality_model(
            given.model_copy(update={"text": parse_config({"text": {"segment": {"hmm": False}}}).text})
        )
    with pytest.raises(UserError, match=r"nowhere"):
        quality_model(parse_config({"filters": {"quality": {"model": "nowhere.bin"}}}))
    with pytest.raises(UserError, match=r"curate"):
        prepare_corpus(given, tmp_path / "x")


def test_random_documents_of_the_corpus_are_the_others_by_default(tree, tmp_path, caplog):
    quality = {"good": [{"path": "good.txt"}], "documents": 50}
    judge = quality_model(parse_config(tree | {"filters": {"quality": quality}}))
    assert judge.held_out is not None and set(judge.held_out.learnt) == {"zh", "en"}
    assert max(judge.held_out.learnt.values()) <= 50 and judge.held_out.documents > 0
    (tmp_path / "zh.txt").write_text("只有中文的文件\n")
    quality = {"good": [{"path": str(tmp_path / "zh.txt")}], "other": [{"path": "other.txt"}]}
    judge = quality_model(parse_config(tree | {"filters": {"quality": quality}}))
    assert set(judge.held_out.learnt) == {"zh"} and "all documents in en are 'other'" in caplog.text
    (tmp_path / "en.txt").write_text("english alone\n")
    quality["other"] = [{"path": str(tmp_path / "en.txt")}]
    with pytest.raises(UserError, match=r"nothing to tell apart"):
        quality_model(parse_config(tree | {"filters": {"quality": quality}}))


def test_a_histogram_begins_and_ends_with_what_is_there():
    rows = score_rows({"zh": [0, 3, 0, 1, 0], "en": [0] * 5, "mixed": [0, 1, 0, 0, 0]}, {"mixed": 0.85})
    shown = [(name, part, n) for name, part, n, _, _ in rows]
    assert shown[:3] == [
        ("Chinese", "0.20–0.40", 3),
        ("Chinese", "0.40–0.60", 0),
        ("Chinese", "0.60–0.80", 1),
    ]
    assert [part for name, part, _ in shown if name == "Mixed"] == [
        "0.20–0.40", "0.40–0.60", "0.60–0.80", "0.80–1.00",
    ]  # fmt: skip
    assert len(shown) == 7 and rows[-1][4] == "kept from 0.8500 on"


def test_the_command_with_scores(tree, tmp_path, capsys):
    (tmp_path / "corpus.yaml").write_text(json.dumps(tree))
    command = ["prepare", "--config", str(tmp_path / "corpus.yaml"), "filters.quality.keep_share=0.5"]
    assert main([*command, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "keep_share" in shown and "AUC" in shown and "█" in shown
    page = tmp_path / "page.html"
    assert main([*command, "--dry-run", "--html", str(page)]) == 0
    assert '<a href="#scores">' in page.read_text(encoding="utf-8")
    assert main([*command, "--out", str(tmp_path / "shards")]) == 0
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "shards")]) == 0
    assert "scores" in capsys.readouterr().out


def test_options_that_do_not_go_together():
    for given in (
        ["filters.quality.model=m", "filters.quality.good=[{path: a}]"],
        ["filters.quality.keep_above=0.5", "filters.quality.keep_share=0.5"],
    ):
        with pytest.raises(UserError, match=r"give one"):
            load_config(None, given)
    said = " ".join(
        without_effect(load_config(None, ["filters.quality.keep_above=0.5", "filters.quality.dim=9"]))
    )
    assert "filters.quality.keep_above" in said and "filters.quality.dim" in said


def test_neither_folder_is_replaced_by_mistake(tree, tmp_path):
    mine = tmp_path / "shards.quality"
    mine.mkdir()
    (mine / "diary.txt").write_text("mine")
    with pytest.raises(UserError, match=r"shards.quality: a folder that holds something else than a model"):
        curate(changed(tree), tmp_path / "shards")
    with pytest.raises(UserError, match=r"shards.quality: a folder that holds something else than shards"):
        curate(changed(tree), mine)
    assert [path.name for path in tmp_path.rglob("*")] == ["shards.quality", "diary.txt"]
    first = curate(changed(tree), tmp_path / "out")
    assert curate(changed(tree), tmp_path / "out").digest == first.digest
