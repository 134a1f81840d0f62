import subprocess
import sys

import numpy as np
import pytest

from ftcore.evaluation import plots
from ftcore.evaluation.metrics import evaluate_classification

LABELS = ["体育", "财经", "price $5 or $6", "科技"]


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 300)
    p = rng.dirichlet(np.ones(4), 300) + np.eye(4)[truth] * 0.5
    return evaluate_classification(
        [[LABELS[t]] for t in truth], p / p.sum(1, keepdims=True), LABELS, ["zh"] * 300
    )


def figures(report):
    tables = report.tables
    return [
        plots.confusion_figure(tables["confusion"], LABELS),
        plots.precision_recall_figure(tables["precision_recall"]),
    ]


def test_every_figure_draws_the_same_twice(report, recwarn):
    first = [plots.figure_svg(figure) for figure in figures(report)]
    assert first == [plots.figure_svg(figure) for figure in figures(report)]
    assert all(svg.lstrip().startswith("<?xml") for svg in first)
    if plots.cjk_font():
        assert "体育" in first[0]  # text stays text
        assert not [w for w in recwarn if "missing from" in str(w.message)], "glyphs without a font"


def test_without_a_cjk_font_labels_become_numbers_with_a_legend(report, monkeypatch, recwarn):
    monkeypatch.setattr(plots, "cjk_font", lambda: None)
    figure = plots.confusion_figure(report.tables["confusion"], LABELS)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["L0", "L1", r"price \$5 or \$6", "L3"]
    assert r"L0 = \u4f53\u80b2" in figure.get_supxlabel()
    plots.figure_svg(figure)
    assert not [w for w in recwarn if "missing from" in str(w.message)]


def test_importing_is_light_and_pyplot_is_never_loaded():
    code = (
        "import sys; from ftcore.evaluation import plots, metrics, similarity, comparison\n"
        "assert not {'matplotlib', 'pandas'} & set(sys.modules), 'heavy import'\n"
        "import pandas\n"
        "curve = pandas.DataFrame({'label': '', 'recall': [0.0, 1.0], 'precision': [1.0, 0.5]})\n"
        "plots.figure_svg(plots.precision_recall_figure(curve))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
