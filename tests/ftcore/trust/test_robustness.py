"""Noise costs accuracy, and learning from noisy copies wins some of it back."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from ftcore.config import Finetune
from ftcore.engines.choice import choose_engine
from ftcore.errors import InvalidOptions, UserError
from ftcore.inference.classifier import Classifier
from ftcore.text.tokenizer import Tokenizer
from ftcore.training import recipe
from ftcore.training.conditions import Conditions
from ftcore.training.documents import Tokenized
from ftcore.training.noise import NoisyCopies
from ftcore.trust.robustness import kinds_of, robustness

TOPICS = {
    "food": "kitchen recipe delicious restaurant noodles breakfast 面条好吃 餐厅 早饭 味道",
    "tech": "computer software keyboard processor download internet 电脑软件 键盘 下载 手机",
}


def corpus(seed: int, count: int = 300) -> tuple[list[str], list[list[str]]]:
    rng = random.Random(seed)
    texts, labels = [], []
    for n in range(count):
        topic = list(TOPICS)[n % 2]
        texts.append(
            " ".join(rng.choices(TOPICS[topic].split(), k=2) + rng.choices(["people", "today", "大家"], k=3))
        )
        labels.append([topic])
    return texts, labels


def learnt(noise: float) -> Classifier:
    texts, labels = corpus(0)
    cut = Tokenizer()
    documents = Tokenized.of(cut.tokenize(texts), labels)
    documents.tokenizer = cut
    options = Finetune(epoch=20, lr=0.5, dim=8, minn=2, maxn=3, bucket=5000, noise=noise, keep_best=False)
    model, _ = recipe.learn(documents, options, Conditions(choose_engine("cpu", "cpu")))
    return Classifier(replace(model, tokenizer=cut))


def test_learning_from_noise_wins_accuracy_back():
    texts, labels = corpus(1)
    plain, taught = (
        {
            row.kind: row
            for row in robustness(learnt(noise), texts, labels, shares=[0.4], kinds=["characters"])
        }
        for noise in (0.0, 0.4)
    )
    assert plain["none"].accuracy > 0.95 and taught["none"].accuracy > 0.95
    assert plain["characters"].lost == pytest.approx(plain["none"].accuracy - plain["characters"].accuracy)
    assert plain["characters"].changed > 0.9
    assert taught["characters"].accuracy > plain["characters"].accuracy


def test_copies_stand_behind_the_documents_and_add_no_word():
    documents = Tokenized.of(
        ["wonderful film", "dreadful film"], [["yes"], ["no"]], weights=np.array([1.0, 2.0])
    )
    options = Finetune(minn=2, maxn=3, bucket=500)
    dictionary = documents.count(options)
    noisy = NoisyCopies(documents, 0.5)
    assert noisy.count(options).words == dictionary.words
    plain = documents.bags(dictionary.copy(), grow=True)
    both = noisy.bags(dictionary, grow=True)
    assert len(both) == 4 and both.targets.tolist() == [*plain.targets.tolist()] * 2
    assert noisy.weights(4).tolist() == [1, 2, 1, 2]
    first = both.ids[: both.offsets[2]]
    assert set(dictionary.numbers()) and (np.asarray(both.ids) >= 0).all() and len(first) == plain.offsets[2]
    with pytest.raises(InvalidOptions, match="not to object; leave it out"):
        NoisyCopies(object(), 0.1)


def test_kinds_follow_the_languages_and_nonsense_is_refused():
    assert "key" in kinds_of(["abc"]) and "sound" not in kinds_of(["abc"])
    assert "sound" in kinds_of(["好看"]) and "key" not in kinds_of(["好看"])
    model = learnt(0.0)
    with pytest.raises(UserError, match="no text has a label"):
        robustness(model, ["a"], [[]])
    with pytest.raises(UserError, match="1 texts and 2 lists"):
        robustness(model, ["a"], [[], []])


def test_the_command_reads_tables_and_lines(tmp_path, capsys):
    import json

    from ftcore.cli import main
    from ftcore.formats.directory import write_directory

    write_directory(tmp_path / "m", learnt(0.0).model)
    texts, labels = corpus(2, 40)
    rows = [json.dumps({"body": t, "topic": row[0]}) for t, row in zip(texts, labels, strict=True)]
    (tmp_path / "t.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    lines = [f"__label__{row[0]} {t}" for t, row in zip(texts, labels, strict=True)]
    (tmp_path / "t.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = []
    for words in (["t.jsonl", "--text", "body", "--label", "topic"], ["t.txt"]):
        model = [str(tmp_path / "m"), str(tmp_path / words[0])]
        assert main(["robustness", *model, *words[1:], "--json", "--share", "0.3", "--kind", "swap"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1] and [row["kind"] for row in found[0]] == ["none", "swap"]
    assert found[0][0]["accuracy"] > 0.9
    assert main(["robustness", str(tmp_path / "m"), str(tmp_path / "t.jsonl"), "--text", "body"]) == 1
    assert "label" in capsys.readouterr().err
    assert main(["robustness", str(tmp_path / "m"), str(tmp_path / "t.txt")]) == 0
    assert "characters" in capsys.readouterr().out
