"""fastText's metrics of a search, against the original's own meter and against slow loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.dictionary.encode import BagCorpus
from ftcore.errors import UserError
from ftcore.model.losses import huffman_tree, log_probabilities
from ftcore.model.module import TwoTables
from ftcore.training.objective import Metric, TopLabels, answer
from tests.reference.peer import run_peer


def answers(labels, scores, gold: list[list[int]], classes: int) -> TopLabels:
    labels = np.asarray(labels, np.int64)
    hits = np.array([[said in true for said in row] for row, true in zip(labels, gold, strict=True)], bool)
    golds = np.bincount([g for row in gold for g in row], minlength=classes)
    return TopLabels(labels, np.asarray(scores, np.float32), hits.reshape(labels.shape), golds)


# ------------------------------------------------------------------------------------------- the words
@pytest.mark.parametrize(
    ("text", "kind", "level", "label"),
    [
        ("f1", "f1", 0, ""),
        ("f1:__label__a:b", "f1", 0, "__label__a:b"),
        ("precisionAtRecall:30", "precisionAtRecall", 0.3, ""),
        ("recallAtPrecision:12.5:__label__x", "recallAtPrecision", 0.125, "__label__x"),
    ],
)
def test_metrics_are_read(text, kind, level, label):
    assert Metric.parse(text) == Metric(kind, level, label)


@pytest.mark.parametrize(
    "text",
    ["", "F1", "accuracy", "f1:", "precisionAtRecall", "precisionAtRecall:", "precisionAtRecall:x",
     "recallAtPrecision:101", "recallAtPrecision:-1", "recallAtPrecision:50:", "recallAtPrecision:nan"],
)  # fmt: skip
def test_what_is_no_metric_is_refused_by_name(text):
    with pytest.raises(UserError, match="metric"):
        Metric.parse(text)


def test_a_label_that_training_does_not_have():
    with pytest.raises(UserError, match=r"'x'.*a, b"):
        Metric.parse("f1:x").column(["a", "b"])
    assert Metric.parse("f1:b").column(["a", "b"]) == 1 and Metric().column(["a"]) is None


# ------------------------------------------------------------------------------------------ the figures
def test_f1_by_hand():
    # said 0 0 1 2, true {0} {1} {1} {0,2}: 3 hits of 4 said and 5 gold
    found = answers([[0], [0], [1], [2]], [[0.9]] * 4, [[0], [1], [1], [0, 2]], 3)
    assert Metric().score(found) == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    assert Metric("f1", 0, "a").score(found, 0) == pytest.approx(2 * 1 / (2 + 2))
    assert (found.precision, found.recall) == (0.75, 0.6)
    nothing = answers([[0]], [[0.9]], [[1]], 2)
    assert Metric().score(nothing) == 0.0  # not nan, which nothing would ever exceed


LABELS = ["__label__a", "__label__b", "__label__c"]
QUERIES = [
    f"{kind}:{level}{label}"
    for kind in ("precisionAtRecall", "recallAtPrecision")
    for level in (0, 20, 35, 50, 80, 100)
    for label in ("", *(f":{name}" for name in LABELS))
]
MEASURE = """
import tempfile, os
rng = np.random.default_rng(0)
words = [f"w{i}" for i in range(30)]
names = ["__label__a", "__label__b", "__label__c"]
def lines(n):
    made = []
    for _ in range(n):
        said = rng.choice(3, rng.integers(1, 3), replace=False)
        text = [words[10 * s + rng.integers(10)] if rng.random() < .4 else words[rng.integers(30)] for s in said for _ in range(3)]
        made.append(" ".join([*(names[s] for s in said), *text]))
    return made
held_out = lines(150)
with tempfile.TemporaryDirectory() as folder:
    train, valid = os.path.join(folder, "t"), os.path.join(folder, "v")
    open(train, "w").write("\\n".join(lines(400)) + "\\n")
    open(valid, "w").write("\\n".join(held_out) + "\\n")
    model = fasttext.train_supervised(train, epoch=8, dim=8, thread=12, verbose=0)
    for k in (1, 2):
        meter = model.f.getMeter(valid, k)
        texts = [" ".join(w for w in line.split() if not w.startswith("__label__")) for line in held_out]
        said, p = model.predict(texts, k=k)
        out[f"said{k}"] = np.array([[names.index(s) for s in row] for row in said])
        out[f"p{k}"] = np.array(p, np.float32)
        figures = []
        for query in given["queries"]:
            kind, level, *label = str(query).split(":")
            if label:
                figures.append(getattr(meter, kind + "Label")(model.get_labels().index(label[0]), float(level) / 100))
            else:
                figures.append(getattr(meter, kind)(float(level) / 100))
        out[f"figures{k}"] = np.array(figures)
        n, precision, recall = model.f.test(valid, k, 0.0)
        out[f"test{k}"] = np.array([n, precision, recall])
        by_label = model.f.testLabel(valid, k, 0.0)
        out[f"f1{k}"] = np.array([by_label[name]["f1score"] for name in names])
out["gold"] = np.array([[name in line.split() for name in names] for line in held_out])
"""


def test_every_metric_is_the_original_s_own():
    seen = run_peer(MEASURE, queries=QUERIES)
    gold = [np.flatnonzero(row).tolist() for row in seen["gold"]]
    for k in (1, 2):
        found = answers(seen[f"said{k}"], np.minimum(seen[f"p{k}"], 1), gold, 3)
        n, precision, recall = seen[f"test{k}"]
        assert (n, found.precision, found.recall) == (150, precision, recall)
        assert Metric().score(found) == pytest.approx(2 * precision * recall / (precision + recall))
        for name, expected in zip(LABELS, seen[f"f1{k}"], strict=True):
            metric = Metric.parse(f"f1:{name}")
            assert metric.score(found, metric.column(LABELS)) == pytest.approx(expected)
        values = []
        for query in QUERIES:
            metric = Metric.parse(query)
            values.append(metric.score(found, metric.column(LABELS)))
        np.testing.assert_allclose(values, seen[f"figures{k}"], atol=1e-9)
        assert len({round(v, 6) for v in values}) > 10  # the queries tell something


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_curves_by_a_slow_loop_over_thresholds(data):
    n = data.draw(st.integers(1, 12))
    score = [data.draw(st.sampled_from([0.1, 0.2, 0.5, 0.9])) for _ in range(n)]
    gold = [data.draw(st.sampled_from([[0], [1], [0, 1]])) for _ in range(n)]
    said = [data.draw(st.integers(0, 1)) for _ in range(n)]
    level = data.draw(st.sampled_from([0, 25, 50, 75, 100]))
    found = answers([[s] for s in said], [[s] for s in score], gold, 2)
    golds, points = sum(map(len, gold)), [(1.0, 0.0)]
    for threshold in sorted(set(score), reverse=True):
        chosen = [i for i in range(n) if np.float32(score[i]) >= np.float32(threshold)]
        right = sum(said[i] in gold[i] for i in chosen)
        points.append((right / len(chosen), right / golds))
        if right == golds:
            break
    at = level / 100
    assert Metric.parse(f"precisionAtRecall:{level}").score(found) == pytest.approx(
        max([p for p, r in points if r >= at], default=0)
    )
    assert Metric.parse(f"recallAtPrecision:{level}").score(found) == pytest.approx(
        max([r for p, r in points if p >= at], default=0)
    )


# ------------------------------------------------------------------------------------------- the answers
@pytest.mark.parametrize("loss", ["softmax", "ova", "ns", "hs"])
def test_answers_are_the_best_labels_of_documents_that_take_part(loss):
    rng = np.random.default_rng(1)
    tables = TwoTables(torch.randn(20, 6), torch.randn(4, 6))
    rows = [[1, 2, 3], [], [4], [5, -8], [6, 6]]  # without a feature, without a label, a bucket without a row
    gold = [[0], [1], [], [2, 2, 3], [3]]
    corpus = BagCorpus(
        np.array([i for row in rows for i in row], np.int32),
        np.cumsum([0, *map(len, rows)]),
        np.array([i for row in gold for i in row], np.int32),
        np.cumsum([0, *map(len, gold)]),
    )
    tree = huffman_tree(rng.integers(1, 9, 4).cumsum()[::-1]) if loss == "hs" else None
    found = answer(tables, corpus, loss, 2, seed=5, tree=tree)
    assert found.golds.tolist() == [1, 0, 2, 2] and len(found.labels) == 3
    from ftcore.dictionary.init import bucket_numbers, initial_rows

    absent = torch.from_numpy(initial_rows(5, bucket_numbers(np.array([7])), 6))
    for place, document in enumerate((0, 3, 4)):
        vectors = [absent[0] if i < 0 else tables.input[i] for i in rows[document]]
        p = log_probabilities((torch.stack(vectors).mean(0) @ tables.output.T)[None], loss, tree)[0].exp()
        best = sorted(range(4), key=lambda c: -p[c].item())[:2]
        assert found.labels[place].tolist() == best
        assert found.scores[place].tolist() == pytest.approx(
            [min(p[b].item() + 1e-5, 1) for b in best], abs=1e-6
        )
        assert found.hits[place].tolist() == [b in gold[document] for b in best]
