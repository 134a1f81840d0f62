"""Rules: what they say of a text stands in every answer of the model, stays with it, and is refused where it makes no sense."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftcore
from ftcore.errors import InvalidOptions, MissingLabels, UnreadableFile
from ftcore.formats.directory import from_bytes, read_directory, to_bytes
from ftcore.inference.classifier import Classifier
from ftcore.inference.scoring import score_file
from ftcore.model.abstention import Abstention
from ftcore.model.rules import LabelRule, Rules
from ftcore.text.noise import uncut

TEXTS = ["good fine", "Money back please", "退款 好看", "unseen", "dull poor", "poor money back, never mind"]


@pytest.fixture
def model() -> ftcore.FastText:
    pairs = [("good fine 好看", "yes"), ("dull poor 无聊", "no"), ("plain", "other")] * 20
    made = ftcore.FastText.from_texts(*map(list, zip(*pairs, strict=True)), dim=4)
    made.fit(pairs, epochs=10, lr=0.5)
    made.rules = Rules.of(
        {"no": ["money back", "退款"], "other": {"always": ["^unseen$"], "never": ["never mind"]}}
    )
    return made


def test_what_a_rule_says_is_certain_and_can_be_left_out(model):
    said = model.predict(TEXTS)
    assert [p.labels for p in said] == [["yes"], ["no"], ["no"], ["other"], ["no"], ["no"]]
    assert [said[i].probabilities for i in (1, 2, 3, 5)] == [[1.0]] * 4 and said[0].probabilities[0] < 1
    own = model.predict(TEXTS, rules=False)
    assert own[2].labels == ["yes"] and own[3].labels == [] and own[0] == said[0] and own[4] == said[4]
    model.rules = None
    assert model.predict(TEXTS) == own


def test_a_label_that_is_forbidden_leaves_its_share_to_the_others(model):
    model.rules = Rules.of({"yes": {"never": ["fine"]}})
    free = model.scores(["good fine"])[1][0]
    names = model.labels
    model.rules, before = None, model.scores(["good fine"])[1][0]
    assert free[names.index("yes")] == 0 and free.sum() == pytest.approx(1)
    others = [i for i, name in enumerate(names) if name != "yes"]
    assert free[others] / free[others].sum() == pytest.approx(before[others] / before[others].sum(), rel=1e-5)


def test_it_stays_with_the_model_wherever_it_answers(model, tmp_path: Path):
    said = model.predict(TEXTS)
    model.save(tmp_path / "m")
    again = read_directory(tmp_path / "m")
    assert again.rules == model.rules == from_bytes(to_bytes(again)).rules
    assert ftcore.FastText.load(tmp_path / "m").predict(TEXTS) == said
    (tmp_path / "t.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS))
    for rules in (True, False):
        score_file(Classifier(again), tmp_path / "t.jsonl", ["text"], tmp_path / "out.jsonl", rules=rules)
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
        wanted = model.predict(TEXTS, rules=rules)
        assert [row["label"] for row in rows] == [p.labels[0] if p.labels else None for p in wanted]


def test_mlflow_and_the_command_line_obey(model, tmp_path: Path):
    from types import SimpleNamespace

    import pandas as pd

    from ftcore.compat.command_line.opened import Opened
    from tasks.pyfunc import TextClassifier

    model.abstention = Abstention("probability", 0.999, 0.5, 0.5)
    model.save(tmp_path / "m")
    said = [p.labels[0] if p.labels else None for p in model.predict(TEXTS)]
    served = TextClassifier()
    served.load_context(SimpleNamespace(artifacts={"model": str(tmp_path / "m")}))
    frame = pd.DataFrame({"text": TEXTS})
    assert served.predict(None, frame)["label"].tolist() == said and None in said
    own = served.predict(None, frame, {"rules": False, "abstain": False})["label"].tolist()
    assert own == [
        p.labels[0] if p.labels else None for p in model.predict(TEXTS, rules=False, abstain=False)
    ]
    lines = io.BytesIO("".join(f"{text}\n" for text in TEXTS).encode())
    printed = b"".join(Opened(str(tmp_path / "m")).predict(lines, 1, 0.0, True)).decode().splitlines()
    assert [line.split()[0] if line else None for line in printed] == said and printed[1] == "no 1"


def test_the_command_test_counts_what_is_answered(model, tmp_path: Path):
    """By hand: each text's gold label is "other", so that what a rule says and what is withheld are told apart."""
    from ftcore.compat.command_line.opened import Opened

    model.abstention = Abstention("probability", 0.999, 0.5, 0.5)
    model.save(tmp_path / "m")
    said = [p.labels[0] if p.labels else None for p in model.predict(TEXTS)]
    lines = "".join(f"__label__other {text}\n" for text in TEXTS).encode()
    tally = Opened(str(tmp_path / "m")).score(io.BytesIO(lines), 1, 0.0)
    assert tally.lines == len(TEXTS) and tally.golds.sum() == len(TEXTS)
    given = [label for label in said if label is not None]
    assert 0 < len(given) < len(TEXTS) and len(set(given)) > 1
    for name, count in zip(tally.names, tally.predicted.tolist(), strict=True):
        assert count == given.count(name)
    assert tally.hits.sum() == given.count("other")
    assert tally.precision == given.count("other") / len(given)
    assert tally.recall == given.count("other") / len(TEXTS)


def test_an_explanation_says_which_rule_spoke(model):
    found = model.explain("Money back please")
    assert found.label == "no" and found.probability == 1 and found.rules == ("always no: money back",)
    assert model.explain("good fine").rules == () and found.state()["rules"] == list(found.rules)
    assert model.explain("good fine").silent == ""
    alone = model.explain("unseen")  # no word that the model knows, and yet an answer
    assert alone.label == "other" and {part.kind for part in alone.parts} == {"end"}


def test_the_page_of_explanations_names_it(model):
    from ftcore.report.explanation_page import render_explanations

    page = render_explanations([model.explain("Money back please")])
    assert "a rule says: " in page and "always no: money back" in page


def test_a_bin_has_no_place_for_them_and_says_so(model, caplog):
    assert model.to_model().with_prefix().rules is None
    assert "holds no rules" in caplog.text


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text("ab 款", max_size=8), min_size=1, max_size=6),
    patterns=st.lists(st.sampled_from(["a", "^b", "a+b$", "款", "a|款", "ab?a"]), min_size=1, max_size=4),
    loss=st.sampled_from(["softmax", "ova"]),
    seed=st.integers(0, 99),
)
def test_over_is_what_it_says_pattern_by_pattern(texts, patterns, loss, seed):
    draw = np.random.default_rng(seed)
    each = [
        LabelRule(str(draw.integers(3)), pattern, str(draw.choice(["always", "never"])))
        for pattern in patterns
    ]
    rows = draw.random((len(texts), 3)).astype(np.float32)
    rows /= rows.sum(axis=1, keepdims=True)
    told = draw.random(len(texts)) < 0.5
    known, made = Rules(tuple(each)).over(texts, told, rows, ["0", "1", "2"], loss)
    for n, text in enumerate(texts):
        plain = uncut(text)
        kinds: dict[str, set[str]] = {"always": set(), "never": set()}
        for rule in each:
            if re.search(rule.pattern, plain):
                kinds[rule.kind].add(rule.label)
        has, lacks = kinds["always"] - kinds["never"], kinds["never"] - kinds["always"]
        if loss == "softmax":
            has = has if len(has) == 1 else set()
            lacks = lacks if len(lacks) < 3 else set()
        assert known[n] == (told[n] or bool(has))
        for label in range(3):
            if str(label) in has:
                assert made[n, label] == 1
            elif str(label) in lacks or (has and loss == "softmax"):
                assert made[n, label] == 0
            elif loss == "ova":
                assert made[n, label] == rows[n, label]
        if loss == "softmax":
            assert made[n].sum() == pytest.approx(1, abs=1e-5)


def test_no_pattern_is_slow():
    rules = Rules.of({"no": ["(a+)+$", "(a|aa)+$"]})
    begin = time.perf_counter()
    assert not rules.found(
        ["a" * 100_000 + "b"]
    ).any()  # Python's re would take longer than the universe is old
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("bad: ['(']", r"rules\.yaml:1: the pattern '\(' of 'bad' is none: missing \)"),
        ("good: [good]\nbad:\n  - fine\n  - '(?=x)'", r"rules\.yaml:4: the pattern '\(\?=x\)' of 'bad'"),
        ("bad: money", r"rules\.yaml:1: 'money' is no list of patterns"),
        ("bad:\n  sometimes: [x]", r"rules\.yaml:2: 'sometimes' is neither always nor never"),
        ("bad: [12.5]", r"rules\.yaml:1: 12.5 is no pattern; put it in quotes"),
        ("", r"rules\.yaml: there is no rule"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_line(written: str, error: str, tmp_path: Path):
    (tmp_path / "rules.yaml").write_text(written)
    with pytest.raises(InvalidOptions, match=error):
        Rules.of(tmp_path / "rules.yaml")


def test_labels_that_there_are_not(model):
    model.rules = Rules.of({"nope": ["x"]})
    with pytest.raises(MissingLabels, match="rules: there is no label 'nope'; the labels are 'yes', 'no'"):
        model.predict("x")


@pytest.mark.parametrize(
    "state",
    [{}, [["always", "yes"]], [["always", "yes", "("]], [["maybe", "yes", "x"]], [["always", "who", "x"]]],
)
def test_a_file_with_others_is_refused(state):
    with pytest.raises(UnreadableFile, match=r"m/model.json: rules are"):
        Rules.from_state(state, ["yes", "no"], "m/model.json")


def test_the_command_predict_says_all_labels_above_their_thresholds(tmp_path: Path, capfdbinary):
    from ftcore.cli import main

    pairs = [("good film", ["yes"]), ("dull film", ["no"]), ("good dull film", ["yes", "no"])] * 10
    model = ftcore.FastText.from_texts(
        [text for text, _ in pairs], [own for _, own in pairs], dim=4, loss="ova"
    )
    model.fit(pairs, epochs=40, lr=0.5, valid=pairs)
    assert model.thresholds is not None
    model.save(tmp_path / "m")
    texts = ["good film", "good dull film", "unseen"]
    (tmp_path / "texts").write_text("\n".join(texts) + "\n")
    for more, said in (((), model.predict(texts)), (("1",), model.predict(texts, k=1))):
        main(["predict", str(tmp_path / "m"), str(tmp_path / "texts"), *more])
        printed = capfdbinary.readouterr().out.decode().splitlines()
        assert [line.split() for line in printed] == [[str(x) for x in one.labels] for one in said]
        assert len(said[1].labels) == (1 if more else 2)


def test_the_command_test_says_why_it_counts_nothing(tmp_path: Path, model, capfd):
    from ftcore.cli import main

    model.save(tmp_path / "m")
    (tmp_path / "t.jsonl").write_text('{"text": "good fine", "label": "yes"}\n')
    main(["test", str(tmp_path / "m"), str(tmp_path / "t.jsonl")])
    out, err = capfd.readouterr()
    assert out.startswith("N\t0") and "t.jsonl" in err and "'__label__' before it" in err
