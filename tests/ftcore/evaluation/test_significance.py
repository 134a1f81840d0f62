import numpy as np
import pytest

from ftcore.evaluation.comparison import compare_predictions
from ftcore.evaluation.metrics import evaluate_classification
from ftcore.evaluation.significance import (
    Interval,
    Outcomes,
    bootstrap_label_f1,
    bootstrap_macro_f1,
    mcnemar,
    paired_bootstrap,
    significantly_worse,
)


def answers(rng, truth, labels, skill):
    guess = rng.integers(0, len(labels), len(truth))
    return [labels[t] if rng.random() < skill else labels[g] for t, g in zip(truth, guess, strict=True)]


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(2)
    labels = ["体育", "财经", "科技", "sport"]
    truth = rng.choice(4, 500, p=[0.5, 0.3, 0.15, 0.05])
    gold = [[labels[t]] for t in truth]
    return labels, gold, answers(rng, truth, labels, 0.6), answers(rng, truth, labels, 0.75)


def bootstrap_metric(metric, documents: int, *, samples: int, seed: int) -> Interval:
    """Slowly: documents are drawn one by one; `metric` takes their numbers and gives b - a."""
    rng = np.random.default_rng(seed)
    drawn = [metric(rng.integers(0, documents, documents)) for _ in range(samples)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(metric(np.arange(documents))), float(low), float(high), p=np.nan)


def right(gold, predicted):
    return np.array([p in g for g, p in zip(gold, predicted, strict=True)])


def macro_f1(gold, predicted):
    sk = pytest.importorskip("sklearn.metrics")
    return sk.f1_score([g[0] for g in gold], predicted, average="macro")


def test_interval_agrees_with_drawing_documents_one_by_one(task):
    _, gold, a, b = task
    x, y = right(gold, a), right(gold, b)
    fast = paired_bootstrap(x, y, samples=4000)
    slow = bootstrap_metric(lambda rows: y[rows].mean() - x[rows].mean(), len(x), samples=4000, seed=7)
    assert fast.difference == pytest.approx(slow.difference) == pytest.approx(y.mean() - x.mean())
    assert fast.low == pytest.approx(slow.low, abs=0.006) and fast.high == pytest.approx(slow.high, abs=0.006)
    assert fast.low > 0 and fast.p < 0.01 and fast.side == "better"


def test_macro_f1_interval_agrees_with_scikit_learn_on_resamples(task):
    _, gold, a, b = task
    fast = bootstrap_macro_f1(Outcomes.of(gold, a, b), samples=1500)
    assert fast.difference == pytest.approx(macro_f1(gold, b) - macro_f1(gold, a))

    def once(rows):
        part = [gold[row] for row in rows]
        return macro_f1(part, [b[row] for row in rows]) - macro_f1(part, [a[row] for row in rows])

    slow = bootstrap_metric(once, len(gold), samples=300, seed=3)
    assert fast.low == pytest.approx(slow.low, abs=0.025) and fast.high == pytest.approx(slow.high, abs=0.025)


def test_equal_models_are_not_apart(task):
    _, gold, a, _ = task
    for interval in (
        paired_bootstrap(right(gold, a), right(gold, a)),
        bootstrap_macro_f1(Outcomes.of(gold, a, a)),
    ):
        assert (interval.difference, interval.low, interval.high, interval.p) == (0, 0, 0, 1)
        assert not significantly_worse(interval)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(11)
    hits = 0
    for seed in range(200):
        a, b = rng.random(300) < 0.7, rng.random(300) < 0.75
        interval = paired_bootstrap(a, b, samples=400, seed=seed)
        hits += interval.low <= 0.05 <= interval.high
    assert 0.90 <= hits / 200 <= 0.99


def test_seed_decides(task):
    _, gold, a, b = task
    assert bootstrap_macro_f1(Outcomes.of(gold, a, b), seed=1) == bootstrap_macro_f1(
        Outcomes.of(gold, a, b), seed=1
    )
    assert bootstrap_macro_f1(Outcomes.of(gold, a, b), seed=1) != bootstrap_macro_f1(
        Outcomes.of(gold, a, b), seed=2
    )


def test_several_gold_labels_follow_metrics():
    gold = [["x", "y"], ["x"], ["y"], ["z"], []]
    a, b = ["x", "y", "y", "x", "x"], ["y", "x", "x", "z", "x"]
    labels = ["x", "y", "z"]

    def score(predicted):
        p = np.array([[float(label == name) for name in labels] for label in predicted])
        return evaluate_classification(gold, p, labels, [""] * 5).metrics["macro_f1"]

    assert bootstrap_macro_f1(Outcomes.of(gold, a, b), samples=10).difference == pytest.approx(
        score(b) - score(a)
    )


def test_worse_rule():
    below, touching = Interval(-0.1, -0.2, -0.01, 0.01), Interval(-0.1, -0.2, 0.0, 0.06)
    assert significantly_worse(below) and significantly_worse(touching, below)
    assert not significantly_worse(touching) and (below.side, touching.side) == ("worse", "even")


def test_label_f1(task):
    labels, gold, a, b = task
    found = bootstrap_label_f1(Outcomes.of(gold, a, b), samples=200)
    assert set(found) == set(labels) and found["体育"].low > 0


def test_mcnemar_exact_and_large():
    stats = pytest.importorskip("scipy.stats")
    a = np.array([1] * 15 + [0] * 6 + [1] * 50, bool)
    b = np.array([0] * 15 + [1] * 6 + [1] * 50, bool)
    assert mcnemar(a, b).p == pytest.approx(stats.binomtest(6, 21).pvalue)
    a, b = np.repeat([True, False], [1100, 1000]), np.repeat([False, True], [1100, 1000])
    assert mcnemar(a, b).p == pytest.approx(stats.chi2.sf(99**2 / 2100, 1))
    assert mcnemar([1, 0], [1, 0]).p == 1


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="same documents"):
        paired_bootstrap([1], [1, 0])
    with pytest.raises(ValueError, match="not finite"):
        paired_bootstrap([1.0], [float("nan")])
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_macro_f1(Outcomes.of([], [], []))
    with pytest.raises(ValueError, match="at least two models"):
        compare_predictions([["a"]], {"one": ["a"]}, ["en"])


def test_comparison_of_three_models(task):
    labels, gold, a, b = task
    languages = ["zh", "en"] * 250
    worse = [labels[0]] * 500
    found = compare_predictions(gold, {"a": a, "b": b, "c": worse}, languages, samples=300)
    assert not found.worse("b") and found.worse("c")
    overall = {(row.model, row.metric): row for row in found.rows if row.scope == "overall"}
    assert overall["b", "accuracy"].first == pytest.approx(right(gold, a).mean())
    assert overall["b", "macro_f1"].other == pytest.approx(macro_f1(gold, b))
    assert {row.key for row in found.rows if row.scope == "language"} == {"zh", "en"}
    label = next(row for row in found.rows if row.scope == "label" and row.model == "b" and row.key == "财经")
    assert label.documents == sum(g == ["财经"] for g in gold)
    assert label.other - label.first == pytest.approx(label.interval.difference)
    broken = [flip for flip in found.flips if flip.model == "b" and flip.change == "broken"]
    assert len(broken) == found.tests["b"].only_a == (right(gold, a) & ~right(gold, b)).sum()
    assert all(a[f.document] in gold[f.document] and b[f.document] not in gold[f.document] for f in broken)


@pytest.mark.parametrize(("documents", "tells"), [(2, False), (29, False), (30, True)])
def test_too_few_documents_tell_nothing(documents, tells):
    """Two documents, both right before and wrong now: the percentile interval is [-1, -1]."""
    gold, wrong = [["x"]] * documents, ["y"] * documents
    found = compare_predictions(gold, {"a": ["x"] * documents, "b": wrong}, ["en"] * documents, samples=50)
    assert all(row.interval.high < 0 for row in found.rows if row.scope == "overall")
    assert all(row.few != tells for row in found.rows if row.scope == "overall")
    assert found.worse("b") == tells


def test_few_is_of_each_row(task):
    _, gold, a, b = task
    found = compare_predictions(gold, {"a": a, "b": b}, ["zh"] * 480 + ["en"] * 20, samples=50)
    few = {row.key for row in found.rows if row.scope == "language" and row.few}
    assert few == {"en"} and not any(row.few for row in found.rows if row.scope == "overall")
