"""A test set, models' answers on it, and what must be known before their scores are read."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ftcore.config import Config
from ftcore.dataset import TextDataset
from ftcore.errors import UserError
from ftcore.evaluation.comparison import Comparison, Flip
from ftcore.fasttext import FastText
from ftcore.inference.classifier import Classifier
from tasks import compare as room
from tasks.compare import answer, best_times, read_test_set, require_known_labels, speed, warnings_of
from tasks.origin import Origin

WORDS = {"sport": "match goal team coach", "food": "dough oven salt soup", "tech": "phone chip code app"}


def documents(labels: dict[str, str], each: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(0)
    return [
        (" ".join(rng.choice(words.split(), 3)) + f" {n}", label)
        for n in range(each)
        for label, words in labels.items()
    ]


def saved(folder: Path, labels: dict[str, str]) -> Path:
    texts, golds = zip(*documents(labels, 20), strict=True)
    model = FastText.from_texts(texts, golds, dim=8, bucket=100, minn=0, maxn=0)
    model.fit(TextDataset(list(texts), list(golds)), epochs=10, lr=1.0)
    model.save(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    """`topics` knows sport, food, tech; `more` knows sport, food, travel; `binary` knows 0 and 1."""
    home = tmp_path_factory.mktemp("models")
    words = list(WORDS.values())
    travel = {"sport": words[0], "food": words[1], "travel": words[2]}
    return {
        "topics": saved(home / "topics", WORDS),
        "more": saved(home / "more", travel),
        "binary": saved(home / "binary", {"0": words[0], "1": words[1]}),
    }


@pytest.fixture
def session(models, monkeypatch) -> SimpleNamespace:
    """Models by their short names; no run is known of them."""
    monkeypatch.setattr(room, "origin_of", lambda tracker, exact: Origin())
    tracker = SimpleNamespace(download=lambda uri: (models[uri], uri), link=lambda run: "")
    return SimpleNamespace(tracker=tracker, config=Config(), run="r")


def file_of(path: Path, rows: list[tuple[str, str | None]]) -> Path:
    path.write_text("".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in rows))
    return path


def answered(session, path: Path, *names: str) -> list:
    test = read_test_set.plain(session, str(path), "text", "label")
    return [answer.plain(session, name, test) for name in names]


def test_a_test_set_of_a_task_that_no_model_knows_is_refused_by_its_labels(session, tmp_path):
    path = file_of(tmp_path / "t.jsonl", documents({"体育": "match goal", "财经": "oven salt"}, 20))
    with pytest.raises(
        UserError, match=r"no model knows any of the test set's labels \(体育, 财经\)"
    ) as error:
        require_known_labels(answered(session, path, "topics", "binary"))
    assert "topics knows" in str(error.value) and "binary knows 0, 1" in str(error.value)
    with pytest.raises(UserError, match="no model knows"):
        require_known_labels(answered(session, path, "topics"))  # the first promotion, too


def test_one_model_that_knows_them_is_enough_to_compare(session, tmp_path):
    path = file_of(tmp_path / "t.jsonl", documents(WORDS, 20))
    found = answered(session, path, "topics", "binary")
    require_known_labels(found)
    assert [c.evidence.answerable for c in found] == [60, 0]
    said = warnings_of(read_test_set.plain(session, str(path), "text", "label"), found)
    assert said[0].startswith("topics and binary share no label"), "labels first"
    assert "binary does not know 3 of the test set's labels" in said[1] and "60 of 60" in said[1]


def test_labels_that_changed_are_warned_of_with_their_documents(session, tmp_path):
    path = file_of(tmp_path / "t.jsonl", documents(WORDS, 20))
    found = answered(session, path, "topics", "more")
    assert found[0].evidence.accuracy > 0.9 > 0.7 > found[1].evidence.accuracy
    said = warnings_of(read_test_set.plain(session, str(path), "text", "label"), found)
    assert "only topics knows tech; only more knows travel; they share 2" in said[0]
    assert "more does not know 1 of the test set's labels (tech)" in said[1] and "20 of 60" in said[1]


def test_documents_that_a_model_knows_no_word_of_are_counted(session, tmp_path):
    rows = [*documents(WORDS, 20), ("。。。", "food"), ("zzzzz qqqqq", "tech")]
    path = file_of(tmp_path / "t.jsonl", rows)
    said = warnings_of(
        read_test_set.plain(session, str(path), "text", "label"), answered(session, path, "topics")
    )
    assert said == ["topics knows no word of 2 of 62 documents."]


def test_copies_count_once_and_what_is_left_out_is_said(session, tmp_path):
    rows = [("goal match", "sport")] * 40 + [("oven salt", "food")] * 40 + [("no label", None)] * 3
    path = file_of(tmp_path / "t.jsonl", rows)
    path.write_text(path.read_text() + "{broken\n")
    test = read_test_set.plain(session, str(path), "text", "label")
    (found,) = answered(session, path, "topics")
    assert found.evidence.documents == found.evidence.answerable == 2, (
        "too few, however often they are written"
    )
    said = " ".join(warnings_of(test, [found]))
    assert "78 of 80 test documents are copies" in said
    assert "3 without a label and 1 unreadable left out; 80 documents remain" in said


def test_a_file_without_labels_says_what_it_holds_instead(session, tmp_path):
    path = file_of(tmp_path / "t.jsonl", [("a b", None)] * 7)
    with pytest.raises(UserError, match=r"no labelled document in it \(7 without a label\)"):
        read_test_set.plain(session, str(path), "text", "label")


def test_documents_of_the_training_are_counted(session, tmp_path, monkeypatch):
    rows = documents(WORDS, 20)
    path = file_of(tmp_path / "t.jsonl", rows)
    model = FastText.load(session.tracker.download("topics")[0])
    known = set(model.tokenizer.keys([text for text, _ in rows[:9]]))
    made = Origin("r", {}, {"data.digest": "d"}, shards="somewhere")
    monkeypatch.setattr(room, "origin_of", lambda tracker, exact: made)
    monkeypatch.setattr(room, "trained_on", lambda origin, ids: known & set(ids))
    found = answered(session, path, "topics")
    assert found[0].evidence.seen == 9
    said = warnings_of(read_test_set.plain(session, str(path), "text", "label"), found)
    assert said == ["9 of 60 test documents were in the training data of topics."]


def test_probabilities_that_are_no_numbers_are_refused(session, tmp_path, monkeypatch):
    monkeypatch.setattr(Classifier, "told", lambda self, lines: (np.ones(60, bool), np.full((60, 3), np.nan)))
    with pytest.raises(UserError, match="topics: its probabilities are not numbers"):
        answered(session, file_of(tmp_path / "t.jsonl", documents(WORDS, 20)), "topics")


def test_a_run_s_linear_baseline_counts_on_its_own_test_set_alone(session, tmp_path, monkeypatch):
    path = file_of(tmp_path / "t.jsonl", documents(WORDS, 20))
    digest = read_test_set.plain(session, str(path), "text", "label").digest
    for data, there in ((digest, True), ("another", False)):
        made = Origin(
            "r",
            {},
            {"data.digest": data},
            {"test/linear_macro_f1": 0.7, "test/linear_accuracy": 0.8, "test/en/linear_accuracy": 0.1},
        )
        monkeypatch.setattr(room, "origin_of", lambda tracker, exact, made=made: made)
        (found,) = answered(session, path, "topics")
        assert (found.entry.metrics.get("linear_macro_f1") == 0.7) == there
        assert (found.entry.metrics.get("linear_accuracy") == 0.8) == there


def test_flips_shown_are_the_surest_of_each_language():
    """60 confident Chinese flips and 3 doubtful English ones: both are seen."""
    languages = ["zh"] * 60 + ["en"] * 3
    confidence = np.r_[np.linspace(0.99, 0.5, 60), 0.3, 0.4, 0.35]
    other = SimpleNamespace(name="b", confidences=confidence)
    found = Comparison([], [Flip("b", n, "broken") for n in range(63)], {})
    shown = room.shown_flips(found, [SimpleNamespace(name="a"), other], languages)
    assert [f.document for f in shown[:6]] == [0, 61, 1, 62, 2, 60]
    assert len(shown) == room.FLIPS and [f.document for f in shown[6:]] == list(range(3, 37))


def test_flips_on_shards_are_shown_as_they_were_written(session, models, monkeypatch):
    test = room.TestSet(
        "t", "d", ["a b", "c d"], [["x"], ["x"]], ["en", "zh"], ["s:f", "s:g"], True, ["1", "2"]
    )
    c = [SimpleNamespace(name=n, path=models["topics"], answers=a, confidences=[0.9, 0.8])
         for n, a in (("old", ["x", "y"]), ("new", ["y", "x"]))]  # fmt: skip
    asked = {}

    def found(config, sources, ids, keys):
        asked.update(zip(ids, sources, strict=True))
        return [room.RawText("C, d!", 7) if i == "2" else None for i in ids]

    monkeypatch.setattr(room, "raw_texts", found)
    shown = room.flip_examples(session, test, c, [Flip("new", 0, "broken"), Flip("new", 1, "fixed")])
    assert asked == {"1": "s:f", "2": "s:g"}
    assert [(f.text, f.source, f.before, f.after) for f in shown] == [
        ("a b", "s:f", "x", "y"),
        ("C, d!", "s:g:7", "y", "x"),
    ]


def test_speed_is_measured_in_turns_on_the_same_documents(session, tmp_path):
    path = file_of(tmp_path / "t.jsonl", documents(WORDS, 20))
    test = read_test_set.plain(session, str(path), "text", "label")
    found = speed.plain(session, test, answered(session, path, "topics", "binary"))
    assert all(c.entry.documents_per_second > 100 for c in found)


def test_best_times_take_turns_and_leave_the_first_pass_out(monkeypatch):
    """CPU seconds of the passes of a and b; the first of each loads what the others find loaded."""
    costs = {"a": [0.9, 0.3, 0.1, *[0.4] * 5], "b": [0.01, 0.5, 0.2, *[0.25] * 5]}
    clock, order = [0.0], []

    def work(name: str) -> None:
        order.append(name)
        clock[0] += costs[name].pop(0)

    monkeypatch.setattr(room.time, "process_time", lambda: clock[0])
    assert best_times([lambda: work("a"), lambda: work("b")]) == pytest.approx([0.1, 0.2])
    assert "".join(order) == "ab" * (room.PASSES + 1)
    order.clear()
    costs |= {"a": [4.0] * 9, "b": [4.0] * 9}
    assert best_times([lambda: work("a"), lambda: work("b")]) == pytest.approx([4.0, 4.0])
    assert "".join(order) == "abab", "slow models are measured once"
