import re

import pyarrow as pa
import pytest

from ftcore.config import Filters, load_config
from ftcore.effects import without_effect
from ftcore.errors import UserError
from ftcore.reading.documents import REJECTED, TOKENIZED
from ftcore.text.filters import PRESETS, RULES, make_filter, thresholds
from ftcore.text.tokenizer import Tokenizer


def batch_of(*rows):
    full = [
        {
            "source": "s",
            "line": i,
            "text": "t",
            "labels": [],
            "language": language,
            "split": "",
            "tokens": tokens,
            "key": "",
        }
        for i, (language, tokens) in enumerate(rows, 1)
    ]
    return pa.RecordBatch.from_pylist(full, schema=TOKENIZED)


def test_reasons():
    step = make_filter(Filters(min_tokens=2, max_tokens=3, languages=["zh", "mixed"]))
    kept, rejected = step(
        batch_of(("zh", "a b"), ("zh", ""), ("zh", "a"), ("mixed", "a b c"), ("zh", "a b c d"), ("en", ""))
    )
    assert kept.schema == TOKENIZED and rejected.schema == REJECTED
    assert kept.column("line").to_pylist() == [1, 4]
    assert [(r["line"], r["step"], r["reason"]) for r in rejected.to_pylist()] == [
        (2, "filters", "too few tokens"),
        (3, "filters", "too few tokens"),
        (5, "filters", "too many tokens"),
        (6, "filters", "language"),
    ]


def test_nothing_to_reject_and_nothing_at_all():
    step = make_filter(Filters())
    kept, rejected = step(batch_of(("zh", "a")))
    assert kept.num_rows == 1 and rejected.num_rows == 0
    assert step(batch_of())[0].num_rows == 0
    assert make_filter(Filters(min_tokens=0))(batch_of(("en", "")))[0].num_rows == 1


# ------------------------------------------------------------------------------------ thresholds
def texts_of(*rows):
    full = [
        {"source": "s", "line": i, "text": text, "labels": [], "language": language, "split": "", "tokens": tokens, "key": ""}
        for i, (language, text, tokens) in enumerate(rows, 1)
    ]  # fmt: skip
    return pa.RecordBatch.from_pylist(full, schema=TOKENIZED)


def reasons(options, *rows):
    kept, rejected = make_filter(options)(texts_of(*rows))
    assert len(kept) + len(rejected) == len(rows)
    return {row["line"]: row["reason"] for row in rejected.to_pylist()}


def test_a_threshold_for_each_language():
    rows = [("zh", "一二34", "一二 34"), ("en", "ab 34", "ab 34"), ("mixed", "一 34", "一 34")]
    assert reasons(Filters(max_digits=0.5), *rows) == {3: "too many digits"}
    assert reasons(Filters(max_digits={"zh": 0.4}), *rows) == {1: "too many digits"}
    assert reasons(Filters(max_digits={"zh": 0.5, "en": 0.4}), *rows) == {2: "too many digits"}
    assert reasons(Filters(min_tokens={"en": 3}), *rows) == {2: "too few tokens"}
    assert reasons(Filters(min_tokens=3, languages=["zh"]), *rows) == {
        1: "too few tokens",
        2: "language",
        3: "language",
    }


GOOD_EN = (
    "The committee met for the first time in the spring of that year, and it has been at work with the city ever since. "
    "Its members are chosen by the council for a term of three years. They have to report to it every autumn. "
    "The money for their work comes from the taxes of the citizens, so they publish all that they spend."
)  # fmt: skip
GOOD_ZH = (
    "委员会在那年春天第一次开会，从那时起就一直与市政府合作。成员由议会选出，任期三年，每年秋天都要提交报告。"
    "他们最初的工作是修缮老城区的桥梁和道路，后来也开始关心学校、图书馆以及公园的建设。"
    "十年之后，城里的居民对这些变化大多感到满意，不过仍有一些人认为花费过高，应该把钱用在医院上。"
    "为了回应这种意见，委员会决定公开全部账目，并且邀请每个街区的代表参加会议，讨论下一步应该怎么做，哪些事情需要先完成。"
    "会议记录可以在网站上查到。"
)  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("en", GOOD_EN, ""),
        ("zh", GOOD_ZH, ""),
        ("en", GOOD_EN[:100], "too few characters"),
        ("zh", GOOD_ZH[:100], "too few characters"),
        ("en", GOOD_EN + "\n2,345,678,901,234 $99.99 " * 6, "too many digits"),
        ("zh", GOOD_ZH + "\n·★★★★★★★★" * 20, "too many marks"),
        ("en", GOOD_EN + " see http://example.com/a/very/long/address/with/much/in/it/and/more/of/it.html", "too many links"),
        ("en", "supercalifragilistic " * 20, "words too long"),
        ("en", "of a to be in it " * 30, "words too short"),
        ("en", "\n".join(f"- {word} with that and the rest of things." for word in GOOD_EN.split()), "too many bullets"),
        ("en", "\n".join(f"{line.strip()} and so..." for line in GOOD_EN.split(".") if line), "too many lines that end in an ellipsis"),
        ("en", GOOD_EN + "\nRead more about that." * 3, "too many short lines"),
        ("en", (GOOD_EN + "\n") * 3, "repeated lines"),
        ("zh", (GOOD_ZH + "\n\n") * 2, "repeated lines"),
        ("en", re.sub(r"\b(the|be|to|of|and|that|have|with)\b", "yon", GOOD_EN, flags=re.I), "too few stopwords"),
        ("en", GOOD_EN + " click here now" * 12 + ".", "one 2-gram of tokens too often"),
        ("zh", "Приветмирэтотекст" * 20, "language not sure"),
    ],
)  # fmt: skip
def test_the_preset_for_crawled_pages(language, text, reason):
    tokens = Tokenizer().tokenize([text])[0]
    found = reasons(Filters(preset="web"), (language, text, tokens))
    assert found.get(1, "") == reason
    assert reasons(Filters(), (language, text, tokens)) == {}


def test_what_is_given_wins_over_the_preset_and_the_preset_over_nothing():
    rule = next(rule for rule in RULES if rule.option == "max_digits")
    assert thresholds(Filters(), rule) == {}
    assert thresholds(Filters(preset="web", max_digits=1), rule) == {"zh": 1, "en": 1, "mixed": 1}
    fourth = next(rule for rule in RULES if rule.measure == "common_4grams")
    assert thresholds(Filters(max_common_ngrams=[0.1]), fourth) == {}
    assert thresholds(Filters(max_common_ngrams={"en": [0.1, 0.2, 0.3]}), fourth) == {"en": 0.3}


def test_every_threshold_is_a_rule_and_every_rule_an_option():
    given = {name for name in Filters.model_fields if name.startswith(("min_", "max_"))}
    assert {rule.option for rule in RULES} == given
    assert len({rule.reason for rule in RULES}) == len(RULES)
    for languages in PRESETS["web"].values():
        Filters.model_validate(languages)


def test_a_blocklist_and_how_many_are_let_pass(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("坏词\nspam\n", encoding="utf-8")
    rows = [("zh", "坏词", "坏词"), ("en", "no spammer", "no"), ("en", "Spam, SPAM", "a")]
    assert reasons(Filters(blocklist=[str(path)]), *rows) == {1: "blocklist", 3: "blocklist"}
    assert reasons(Filters(blocklist=[str(path)], max_blocked=1), *rows) == {3: "blocklist"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("filters.max_digits=2", ["filters.max_digits = 2", "<= 1"]),
        ("filters.max_digits={zh: 2}", ["filters.max_digits.zh = 2", "<= 1"]),
        ("filters.max_digits={fr: 0.5}", ["filters.max_digits", "fr"]),
        ("filters.max_digits=lots", ["filters.max_digits = 'lots'"]),
        ("filters.max_common_ngrams=[0.1, 0.1, 0.1, 0.1]", ["max_common_ngrams", "at most 3"]),
        ("filters.preset=wed", ["filters.preset", "'web'"]),
    ],
)
def test_wrong_thresholds_are_named(given, words):
    with pytest.raises(UserError) as error:
        load_config(None, [given])
    assert all(word in str(error.value) for word in words), str(error.value)


def test_options_without_effect():
    said = " ".join(without_effect(load_config(None, ["filters.max_blocked=2", "filters.identifier=lingua"])))
    assert "filters.max_blocked" in said and "filters.identifier" in said
    config = load_config(None, ["filters.identifier=lingua", "filters.min_language_score=0.5"])
    assert without_effect(config) == []
