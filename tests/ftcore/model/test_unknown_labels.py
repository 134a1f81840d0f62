"""Texts of labels that no training saw: the model is less certain of them than of others, on made-up and on real intents."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from ftcore import config
from ftcore.engines.choice import choose_engine
from ftcore.inference.classifier import Classifier
from ftcore.model.abstention import MEASURES, certainty, choose_abstention
from ftcore.text.tokenizer import Tokenizer
from ftcore.training import recipe
from ftcore.training.documents import Tokenized
from tests.reference.peer import data_file

HOW = recipe.Conditions(choose_engine("cpu", "cpu"))
COMMON = [f"c{i}" for i in range(40)]


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """The share of pairs in which the text of a known label is the more certain one."""
    return float(
        np.mean(known[:, None] > unknown[None, :]) + 0.5 * np.mean(known[:, None] == unknown[None, :])
    )


def taught(lines: list[str], labels: list[str], **options) -> Classifier:
    documents = Tokenized.of(lines, [[label] for label in labels])
    return Classifier(recipe.learn(documents, config.Finetune(head="linear", **options), HOW)[0])


def intents(draw: np.random.Generator, labels: int, texts: int) -> tuple[list[str], list[str]]:
    """Texts of common words, two of a label's own ten and one of its neighbour's, as those of intents are."""
    lines, names = [], []
    for label in range(labels):
        for _ in range(texts):
            words = [*draw.choice(COMMON, 4), *(f"w{label}.{i}" for i in draw.integers(0, 10, 2))]
            words.append(f"w{(label + 1) % labels}.{draw.integers(10)}")
            lines.append(" ".join(draw.permutation(words)))
            names.append(str(label))
    return lines, names


def test_unknown_intents_are_less_certain():
    draw = np.random.default_rng(0)
    lines, names = intents(draw, 30, 40)
    unknown = {str(label) for label in range(0, 30, 5)}
    teach = [i for i, name in enumerate(names) if name not in unknown and i % 4]
    asked = [i for i in range(len(names)) if i % 4 == 0]
    model = taught([lines[i] for i in teach], [names[i] for i in teach], strength=1.0, weighing="idf")
    answers = model.probabilities([lines[i] for i in asked])
    is_known = np.array([names[i] not in unknown for i in asked])
    lengths = np.array([len(lines[i]) for i in asked])
    for measure in MEASURES:
        sure = certainty(answers, "softmax", measure, lengths, float(np.sqrt(lengths).mean()))
        assert auroc(sure[is_known], sure[~is_known]) > 0.85, measure
    chosen = choose_abstention(
        [[names[i]] for i in asked if names[i] not in unknown],
        answers[is_known],
        model.labels,
        "softmax",
        coverage=0.9,
        lengths=lengths[is_known],
    )
    given = chosen.certain(answers, "softmax", lengths)
    assert given[is_known].mean() >= 0.9 and given[~is_known].mean() < 0.6


@pytest.mark.slow
def test_unknown_intents_of_banking77():
    """Of 77 intents 15 are taught to nobody: AUROC of known against unknown questions on the test set, mean of two draws.

    How hard the intents are that are drawn makes more of a difference (.84 to .90) than anything else.
    """
    rows = {}
    for part in ("train", "test"):
        with data_file(f"banking77/{part}.csv").open(encoding="utf-8", newline="") as file:
            pairs = [(row["text"], row["category"]) for row in csv.DictReader(file)]
        rows[part] = Tokenizer().tokenize([text for text, _ in pairs]), [name for _, name in pairs]
    asked, gold = rows["test"]
    lengths = np.array(list(map(len, asked)))
    found = []
    for seed in range(2):
        unknown = set(np.random.default_rng(seed).permutation(sorted(set(gold)))[:15].tolist())
        known = [(line, name) for line, name in zip(*rows["train"], strict=True) if name not in unknown]
        model = taught(*map(list, zip(*known, strict=True)), word_ngrams=2, minn=2, maxn=5)
        answers = model.probabilities(asked)
        sure = certainty(answers, "softmax", "evened", lengths, float(np.sqrt(lengths).mean()))
        is_known = np.array([name not in unknown for name in gold])
        found.append(auroc(sure[is_known], sure[~is_known]))
    assert np.mean(found) >= 0.85, found
