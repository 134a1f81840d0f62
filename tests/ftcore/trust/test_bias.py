"""The audit finds an association that was planted, none where there is none, and projection at least halves it."""

from __future__ import annotations

import json
import random
from itertools import combinations

import numpy as np
import pytest

import ftcore
from ftcore.cli import main
from ftcore.errors import IncompatibleModel, UserError
from ftcore.inference.classifier import Classifier
from ftcore.trust.associations import association, audit_associations
from ftcore.trust.groups import group_rates, groups_by_words, swap_effect, swapped
from ftcore.trust.projection import pair_direction, without_direction

PAIRS = [("he", "she"), ("man", "woman"), ("他", "她"), ("先生", "女士"), ("boy", "girl")]
X, Y = ["engineer", "boss", "coder", "工程师"], ["nurse", "maid", "cook", "护士"]
TEST = (X, Y, [a for a, _ in PAIRS], [b for _, b in PAIRS])


CONTEXT = [["golf", "beer", "engine", "hammer"], ["silk", "tea", "garden", "needle"]]


def corpus(planted: bool, seed: int = 0) -> list[str]:
    """Sentences in which X stands among what the first words of the pairs stand among, Y among the others' if planted."""
    rng = random.Random(seed)
    lines = []
    for _ in range(6000):
        side = rng.randrange(2)
        word = rng.choice(PAIRS)[side] if rng.random() < 0.5 else rng.choice((X, Y)[side])
        if not planted and word in (*X, *Y):
            side = rng.randrange(2)
        lines.append(" ".join([*rng.choices(CONTEXT[side], k=2), word, *rng.choices(CONTEXT[side], k=2)]))
    return lines


def learnt(planted: bool, seed: int = 0):
    return ftcore.train_unsupervised(
        corpus(planted, seed), model="skipgram", dim=16, epoch=10, lr=0.1, minn=0, maxn=0, minCount=1, t=1,
        thread=1, verbose=0, seed=seed,
    ).classic  # fmt: skip


@pytest.fixture(scope="module")
def planted():
    return learnt(True)


def test_a_planted_association_is_found_and_halved(planted):
    (found,), left = audit_associations(planted, {"jobs": TEST})
    assert found.effect > 1.5 and found.p < 0.05 and not left and found.known == (4, 4, 5, 5)
    assert min(found.words[w] for w in X) > max(found.words[w] for w in Y)
    clean = without_direction(planted, pair_direction(planted, PAIRS))
    (after,), _ = audit_associations(clean, {"jobs": TEST})
    gap = lambda a: np.mean([a.words[w] for w in X]) - np.mean([a.words[w] for w in Y])  # noqa: E731
    assert abs(gap(after)) < 0.5 * abs(gap(found))


def test_no_association_is_found_where_there_is_none():
    found = [audit_associations(learnt(False, seed), {"jobs": TEST})[0][0].p for seed in range(3)]
    assert sum(p > 0.05 for p in found) >= 2


def test_the_p_value_is_the_share_of_all_ways():
    rng = np.random.default_rng(3)
    table = {w: rng.normal(size=4) for w in [*X, *Y, "a", "b", "c", "d"]}
    found = association("t", (X, Y, ["a", "b"], ["c", "d"]), table.get)
    unit = {w: v / np.linalg.norm(v) for w, v in table.items()}
    s = {
        w: np.mean([unit[w] @ unit[a] for a in "ab"]) - np.mean([unit[w] @ unit[b] for b in "cd"])
        for w in [*X, *Y]
    }
    ways = [sum(s[w] for w in some) for some in combinations([*X, *Y], 4)]
    assert found.p == pytest.approx(np.mean([way >= sum(s[w] for w in X) - 1e-12 for way in ways]))
    spread = np.std(list(s.values()), ddof=1)
    assert found.effect == pytest.approx((np.mean([s[w] for w in X]) - np.mean([s[w] for w in Y])) / spread)
    with pytest.raises(UserError, match="knows 1 words of list A"):
        association("t", (X, Y, ["a", "zz"], ["c", "d"]), table.get)


def test_words_change_places_in_both_languages():
    assert swapped("SHE saw The man; shed, human.") == "HE saw The woman; shed, human."
    assert swapped("他们和她的妈妈", None) == "她们和他的爸爸"
    text = "Boys and girls, father and 母亲"
    assert swapped(swapped(text)) == text
    assert groups_by_words(["the human", "A Man"], {"m": ["man"]}) == [[], ["m"]]


@pytest.fixture(scope="module")
def unfair() -> Classifier:
    """A classifier that learnt the group instead of the matter."""
    rng = random.Random(1)
    lines = []
    for n in range(600):
        good = n % 2 == 0
        who = ("he", "she")[good] if rng.random() < 0.9 else ("she", "he")[good]
        lines.append(
            f"__label__{'yes' if good else 'no'} {who} wrote {rng.choice(['a', 'the'])} {'fine' if good and rng.random() < 0.5 else 'book'}"
        )
    return Classifier(ftcore.train_supervised(lines, dim=8, epoch=20, lr=0.5, thread=1, verbose=0).classic)


def test_groups_and_swaps_show_what_was_learnt(unfair):
    texts = ["he wrote a book", "she wrote a book"] * 20
    gold = [["yes"], ["yes"]] * 20
    rates = group_rates(unfair, texts, gold, groups_by_words(texts, {"m": ["he"], "f": ["she"]}))
    assert [(r.group, r.accuracy, r.documents) for r in rates] == [("m", 0.0, 20), ("f", 1.0, 20)]
    assert rates[0].given == {"no": 1.0}
    effect = swap_effect(unfair, [*texts, "wrote a book"])
    assert effect.texts == 40 and effect.changed == 1.0 and effect.shift > 0.3
    assert effect.examples[0][:2] == ("he wrote a book", "she wrote a book")
    fair = Classifier(without_direction(unfair.model, pair_direction(unfair.model, [("he", "she")])))
    assert swap_effect(fair, texts).changed == 0.0
    assert swap_effect(fair, ["nobody"]).texts == 0


def test_what_cannot_be_projected_is_refused(planted, unfair):
    with pytest.raises(UserError, match="knows 0 of 1 pairs"):
        pair_direction(planted, [("zz", "yy")])
    model = ftcore.train_supervised(
        [f"__label__{n % 2} w{n}" for n in range(600)], dim=4, epoch=1, verbose=0, thread=1
    )
    model.quantize()
    with pytest.raises(IncompatibleModel, match="quantised"):
        without_direction(model.classic, np.eye(4)[:1])


def test_the_command_audits_and_writes_the_model_without(planted, unfair, tmp_path, capsys):
    from ftcore.formats.binary import write_binary

    write_binary(planted, tmp_path / "v.bin")
    words = {"tests": {"jobs": TEST}, "pairs": PAIRS}
    (tmp_path / "w.json").write_text(json.dumps(words), encoding="utf-8")
    assert main(["audit", str(tmp_path / "v.bin"), "--words", str(tmp_path / "w.json"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["associations"][0]["name"] == "jobs" and found["associations"][0]["effect"] > 1.5
    write_binary(unfair.model, tmp_path / "c.bin")
    (tmp_path / "p.json").write_text(json.dumps({"pairs": [["he", "she"]]}), encoding="utf-8")
    rows = [{"text": f"{who} wrote a book", "label": "yes", "sex": who} for who in ("he", "she") * 10]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ["audit", str(tmp_path / "c.bin"), str(tmp_path / "t.jsonl"), "--words", str(tmp_path / "p.json")]
    assert main([*given, "--group", "sex", "--without", str(tmp_path / "fair.bin"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gap"] == 1.0 and found["swaps"]["changed"] == 1.0
    assert found["without"]["gap"] == 0.0 and found["without"]["swaps"]["changed"] == 0.0
    assert ftcore.load_model(str(tmp_path / "fair.bin")).get_labels()
    assert main(given) == 0
    assert "swapped words: 20 texts" in capsys.readouterr().out
    for option in ("--group", "--label", "--text"):
        assert main([*given, option, "nope"]) == 1
        assert (
            f"no column 'nope'; the columns are: text, label, sex; choose one with {option}\n"
            in capsys.readouterr().err
        )
    (tmp_path / "bad.json").write_text("[1]")
    assert main(["audit", str(tmp_path / "v.bin"), "--words", str(tmp_path / "bad.json")]) == 1
    assert "groups, pairs, tests" in capsys.readouterr().err
