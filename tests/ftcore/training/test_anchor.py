"""Continual learning: the anchor holds, the reservoir keeps a fair sample, and old labels are not forgotten."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
import torch

import ftcore
from ftcore.config import Finetune
from ftcore.engines.choice import choose_engine
from ftcore.errors import UnreadableFile, UserError
from ftcore.inference.classifier import Classifier
from ftcore.model.matrices import Matrices
from ftcore.model.module import TwoTables
from ftcore.training.anchor import Anchor
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import learn
from ftcore.training.reservoir import Reservoir, keep, replayed
from ftcore.training.start import FromModel

TOPICS = {"a": "one two three", "b": "uno due tre", "c": "ein zwei drei", "d": "一 二 三"}


def pairs(labels: str, count: int, seed: int = 0) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    made = []
    for n in range(count):
        label = labels[n % len(labels)]
        made.append(
            (" ".join(rng.choices(TOPICS[label].split(), k=2) + rng.choices(["x", "y", "z"], k=4)), label)
        )
    return made


@pytest.mark.parametrize("torch_tables", [False, True])
def test_a_pull_goes_the_share_back_however_an_epoch_is_cut(torch_tables):
    rng = np.random.default_rng(0)
    start = Matrices(rng.normal(size=(4, 3)).astype(np.float32), rng.normal(size=(3, 3)).astype(np.float32))
    start.output[2] = 0  # a new label
    tables = TwoTables.over(Matrices(start.input.copy(), start.output.copy())) if torch_tables else Matrices(
        start.input.copy(), start.output.copy()
    )  # fmt: skip
    anchor = Anchor(tables, np.array([True, True, False, True]), 0.75)
    with torch.no_grad():
        tables.input[:] += 1
        tables.output[:] += 1
    for part in (0.5, 0.25, 0.25):
        anchor.pull(tables, part)
    input, output = (np.asarray(t.detach() if torch_tables else t) for t in (tables.input, tables.output))
    assert input[[0, 1, 3]] == pytest.approx(start.input[[0, 1, 3]] + 0.25, abs=1e-6)
    assert input[2] == pytest.approx(start.input[2] + 1) and output[2] == pytest.approx(np.ones(3))
    assert output[:2] == pytest.approx(start.output[:2] + 0.25, abs=1e-6)


def accuracy(model: ftcore.FastText, some: list[tuple[str, str]]) -> float:
    found = model.predict([text for text, _ in some])
    return float(np.mean([f.labels == [label] for f, (_, label) in zip(found, some, strict=True)]))


def test_old_labels_are_kept_by_replay_and_by_the_anchor():
    first, second, check = pairs("ab", 200), pairs("cd", 200, 1), pairs("ab", 100, 2)
    scores = {}
    for name in ("plain", "anchor", "replay"):
        model = ftcore.FastText.from_texts([t for t, _ in first], [y for _, y in first], dim=8)
        model.fit(first, epochs=10, lr=0.5)
        assert accuracy(model, check) > 0.95
        kept = Reservoir(40)
        kept.add(first)
        how = {"anchor": {"anchor": 0.95}, "replay": {"replay": kept}}.get(name, {})
        before = model.tables.output.detach()[:2].clone()
        model.fit(second, epochs=10, lr=0.5, **how)
        assert (
            model.labels[:2] == ["a", "b"]
            and set(model.labels) == set("abcd")
            and accuracy(model, pairs("cd", 100, 3)) > 0.9
        )
        scores[name] = accuracy(model, check), float((model.tables.output.detach()[:2] - before).norm())
    assert scores["replay"][0] > 0.9 and scores["replay"][0] > scores["plain"][0]
    assert scores["anchor"][1] < 0.8 * scores["plain"][1]


def test_a_reservoir_is_fair_and_bounded(tmp_path):
    kept = Reservoir(30, seed=4)
    many = [(f"t{n}", "abc"[min(2, n % 10)]) for n in range(1000)]
    kept.add(many[:300])
    kept.add(many[300:])
    kept.add([("rare", "d")])
    assert len(kept) == 30 and set(kept) <= {*many, ("rare", "d")}
    counts = Counter(label for _, label in kept)
    assert counts["d"] == 1 and max(counts["a"], counts["b"], counts["c"]) <= 10
    whole = Reservoir(30, seed=4)
    whole.add([*many, ("rare", "d")])
    assert {p for p in whole if p[1] in "ab"} == {p for p in kept if p[1] in "ab"}  # whatever came in one go
    places = [int(text[1:]) for seed in range(30) for text, label in filled(many, seed) if label == "c"]
    assert abs(np.mean(places) - 500) < 60  # early and late alike
    kept.save(tmp_path / "kept.jsonl")
    again = Reservoir.load(tmp_path / "kept.jsonl")
    again.add([("more", "a")])
    kept.add([("more", "a")])
    assert list(again) == list(kept)


def filled(many: list, seed: int) -> Reservoir:
    made = Reservoir(30, seed=seed)
    made.add(many)
    return made


def test_wrong_files_and_sizes_are_refused(tmp_path):
    with pytest.raises(UserError, match="capacity = 0"):
        Reservoir(0)
    (tmp_path / "x").write_text('{"capacity": 3, "seed": 0, "seen": 1}\nnonsense\n')
    with pytest.raises(UnreadableFile, match=r"x:2: this is no reservoir"):
        Reservoir.load(tmp_path / "x")
    with pytest.raises(UnreadableFile, match="cannot be read"):
        Reservoir.load(tmp_path / "none")


def test_an_earlier_model_goes_on_with_what_was_kept():
    """As the pipeline does it: lines of tokens, a model that is the start, a reservoir beside it."""
    options = Finetune(dim=8, lr=0.5, epoch=20)
    conditions = Conditions(choose_engine("cpu", "cpu"))
    tasks = [
        Tokenized.of([t for t, _ in some], [[y] for _, y in some])
        for some in (pairs("ab", 200), pairs("cd", 200, 1))
    ]
    first, _ = learn(tasks[0], options, conditions)
    kept = Reservoir(40)
    keep(kept, tasks[0])
    assert len(kept) == 40 and sorted({str(*labels) for _, labels in kept}) == ["a", "b"]
    check, right = pairs("ab", 100, 2), {}
    for name, documents in (("plain", tasks[1]), ("replay", replayed(tasks[1], kept))):
        model, _ = learn(documents, options, conditions, start=FromModel(first, "ahead"))
        assert sorted(model.labels) == ["a", "b", "c", "d"]
        found = Classifier(model).predict([text for text, _ in check])
        right[name] = np.mean([f.labels == [y] for f, (_, y) in zip(found, check, strict=True)])
    assert right["plain"] < 0.3 and right["replay"] > 0.9
    assert sum(len(batch) for batch in replayed(tasks[1], kept).batches()) == 200 + 5 * 40
    assert sum(len(batch) for batch in replayed(tasks[1], Reservoir(3)).batches()) == 200
