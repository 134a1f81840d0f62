import unicodedata

import pytest

from ftcore.config import Segment, Text
from ftcore.errors import UserError
from ftcore.text.marks import is_mark
from ftcore.text.tokenizer import Tokenizer


@pytest.mark.parametrize(
    "token",
    ["，", "...", "$", "€", "+", "\u200d", "\ufe0f", "^", "—", "\u0301", "─", "█", "\ufffd", "\ue000"],
)
def test_marks(token):
    assert is_mark(token)


@pytest.mark.parametrize(
    "token", ["é", "½", "c#", "☆", "♥", "♪", "☎", "©", "①", "👍", "⚽", "‼", "〰", "↔", "ℹ", "字"]
)
def test_what_is_no_mark(token):
    assert not is_mark(token)


def cut(text, **options):
    return Tokenizer(Text(segment=Segment(**options))).tokenize([text])[0]


def test_what_counts_as_punctuation_is_an_option():
    text = "涨5% $3 a+b=c ★ ⚽ 1️⃣ → 好——坏"
    assert cut(text) == "涨 5% 3 a b c ★ ⚽ 1️⃣ 好 坏"
    assert cut(text, marks=["P"]) == "涨 5% $ 3 a + b = c ★ ⚽ 1️⃣ → 好 坏"
    assert cut(text, marks=["P", "S"]) == "涨 5% 3 a b c 好 坏"
    assert cut(text, marks=["Po", "Sm", "So"]) == "涨 5% $ 3 a b c 好 — — 坏"
    assert cut("a ⚽， 1️⃣", punctuation="split", marks=["P", "S"]) == "a ⚽ ， 1️⃣"


def test_marks_of_no_effect_and_unknown_ones_are_refused():
    from ftcore.config import load_config

    with pytest.raises(UserError, match="marks has no effect with punctuation keep"):
        load_config(overrides=["text.segment.punctuation=keep", "text.segment.marks=[P]"])
    with pytest.raises(UserError, match=r"text\.segment\.marks.*'Q'"):
        load_config(overrides=["text.segment.marks=[Q]"])
    assert load_config(
        overrides=["text.segment.punctuation=keep"]
    ).text.segment.marks  # the default is no error


def test_the_default_is_by_category():
    for code in range(0x21, 0x2500):
        kind = unicodedata.category(chr(code))
        if kind[0] in "LNPS" and chr(code) not in "‼⁉↔":
            assert is_mark(chr(code)) == (kind[0] == "P" or kind in ("Sm", "Sc", "Sk")), hex(code)
