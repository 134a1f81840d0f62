"""What noise costs in a run: documents at equal distances, Chinese ones without the spaces between their words."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
import pytest

import tasks.evaluate
from tasks.evaluate import noise_accuracy, noise_table


def test_noise_is_measured_on_documents_of_the_whole_split(monkeypatch: pytest.MonkeyPatch):
    lines = ["好看 的 电影", "a fine film"] * 20 + ["no label"]
    batch = pa.record_batch({"tokens": lines, "labels": [["yes"]] * 39 + [["no"], []]})
    monkeypatch.setattr(tasks.evaluate, "iter_batches", lambda shards, splits: [batch])
    asked: list[list[str]] = []

    def robustness(classifier, texts, gold, *, seed):
        asked.append([*texts, *(row[0] for row in gold), seed])
        return [SimpleNamespace(kind="characters", share=0.1, accuracy=0.25)]

    monkeypatch.setattr("ftcore.trust.robustness.robustness", robustness)
    monkeypatch.setattr(tasks.evaluate, "asdict", vars)
    table = noise_table(None, None, 4, 7)
    assert asked == [["好看的电影", "a fine film", "好看的电影", "a fine film", "yes", "yes", "yes", "no", 7]]
    assert noise_accuracy(table) == 0.25
