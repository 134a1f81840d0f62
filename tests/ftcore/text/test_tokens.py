"""The native tokenizer against the steps written out in Python with jieba itself, on hostile and on real text."""

from __future__ import annotations

import random
import re
import threading
import time
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import native
from ftcore.base.strings import string_buffers, strings
from ftcore.config import Normalize, Segment, Stopwords, Text
from ftcore.text import letters, protect
from ftcore.text.emoji import is_emoji
from ftcore.text.language import HAN
from ftcore.text.protect import OTHER, RARE
from ftcore.text.segment import JiebaTable, Segmenter
from ftcore.text.tokenizer import Tokenizer
from tests.reference.segmented import folder

DATA = folder()
ATOMS = [
    *(
        "http",
        "https",
        "ftp",
        "://",
        "www.",
        "HTTP",
        "ſ",
        "K",
        "ı",
        "İ",
        "a",
        "b",
        "Z",
        "0",
        "1",
        "12",
        "123",
        "1234",
    ),
    *(",", "123,", "000", ".", "..", " ", "-", "/", ":", "@", "_", "%", "％", "+", "++", "#", "&", "'", "’"),
    *(
        "com",
        "org",
        "net",
        "js",
        "py",
        "io",
        "info",
        "cn",
        ".net",
        "é",
        "ß",
        "ɐ",
        "ж",
        "и",
        "हि",
        "न्दी",
        "\u0301",
    ),
    *("\u200c", "\u200d", "\ufe0f", "\ufe0e", "\u20e3", "👍", "🏽", "🇨", "🇳", "⚽", "♂", "ℹ", "©", "1️⃣", "*"),
    *(
        "\U000e0067",
        "\U000e007f",
        "🏴",
        "中",
        "国",
        "我们",
        "清华大学",
        "龘",
        "！",
        "ก",
        "้",
        "(",
        ")",
        '"',
        "<",
        ">",
        "=",
    ),
    *(
        "~",
        "!",
        "?",
        ";",
        "$",
        "٣",
        "½",
        "²",
        "\u00a0",
        "\u3000",
        "\U0001d4f1",
        "v1",
        "x" * 31,
        "9" * 20,
        "a.",
        "U.S.",
    ),
    *(
        "α",
        "Σ",
        "ΟΔΟΣ",
        "ΑΣ",
        "㉀",
        "ｱ",
        "々",
        "ﬁ",
        "가",
        "__label__",
        "</s>",
        "the",
        "The",
        "stop",
        "STOP",
        "…",
        "█",
    ),
    *("\ufffd", "·", "\u00ad", "don’t", "T恤", "A股", "杭研", "ǅ"),
]
STOP = {"the", "stop", "i̇", "我们", "…", "… …"}
hostile = st.lists(st.sampled_from(ATOMS), max_size=30).map("".join)
options = st.builds(
    lambda protect, hmm, punctuation, marks, lower: Text(
        segment=Segment(
            protect=protect,
            hmm=hmm,
            punctuation=punctuation,
            **({} if marks is None or punctuation == "keep" else {"marks": marks}),
        ),
        normalize=Normalize(html=False, lowercase=lower),
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["remove", "keep", "split"]),
    st.sampled_from([None, ["P"], ["P", "S"], ["Po", "Sm", "So"]]),
    st.booleans(),
)


def compare(text: Text, texts: list[str], version: int = 2, stop=STOP) -> None:
    """Both, token for token, and what both counted."""
    ours = Tokenizer(text, stop=sorted(stop), version=version)
    segment = text.segment.model_copy(update={"engine": "reference"})
    steps = Tokenizer(text.model_copy(update={"segment": segment}), stop=sorted(stop), version=version)
    steps._reference = reference(text.segment.protect, text.segment.hmm, version)
    expected = steps.tokenize(texts)
    for given_text, line, other in zip(texts, ours.tokenize(texts), expected, strict=True):
        assert line == other, given_text
    assert ours.counts == steps.counts


@cache
def reference(protect: bool, hmm: bool, version: int) -> Segmenter:
    """One jieba for all: each takes a second to start."""
    made = Segmenter(Segment(protect=protect, hmm=hmm, engine="reference"), (), version > 1)
    made._table = one_jieba()
    return made


@cache
def one_jieba() -> JiebaTable:
    return JiebaTable()


@settings(deadline=None, max_examples=150)
@given(options, st.lists(hostile, min_size=1, max_size=8), st.sampled_from([2, 2, 1]))
def test_tokens_are_those_of_the_steps(text, texts, version):
    compare(text, texts, version)


PLAIN = [
    *"aZb019",
    "the",
    "Www",
    "www",
    "ab",
    ",",
    ";",
    "!",
    "?",
    '"',
    "(",
    ")",
    ".",
    ".",
    "'",
    "&",
    "_",
    "-",
    "000",
]
PLAIN += [
    "/",
    ":",
    "@",
    "#",
    "+",
    "%",
    "<",
    " ",
    " ",
    "\t",
    "\x7f",
    "http",
    "com",
    "net",
    "__label__",
    "</s>",
]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.lists(st.sampled_from(PLAIN), max_size=12).map("".join), min_size=1, max_size=12),
    st.booleans(),
)
def test_plain_words_are_taken_as_they_stand(texts, symbols):
    marks = ["P", "Sm", "Sc", "Sk"] if symbols else ["Pc"]  # with the latter a comma is no mark
    compare(Text(segment=Segment(marks=marks), normalize=Normalize(html=False)), texts)


@settings(deadline=None, max_examples=60)
@given(options, st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=6))
def test_any_text(text, texts):
    compare(text, texts)


@pytest.mark.parametrize("number", range(4))
def test_real_text(number):
    if not DATA.is_dir():
        pytest.skip("the corpora are not here")
    text = [
        Text(),
        Text(segment=Segment(protect=False)),
        Text(segment=Segment(hmm=False, punctuation="split"), normalize=Normalize(simplify=True)),
        Text(normalize=Normalize(lowercase=False), stopwords=Stopwords(mode="on")),
    ][number]
    for path in ("zhwiki/zhwiki_AA.txt.zst", "enwiki/enwiki_AA.txt.zst"):
        with pa.CompressedInputStream(str(DATA / path), "zstd") as file:
            lines = bytes(file.read(400_000)).decode("utf-8", "ignore").split("\n")[:-1]
        compare(text, lines)


@settings(deadline=None, max_examples=400)
@given(hostile, st.booleans(), st.booleans())
def test_spans_are_those_of_the_patterns(text, wide, beside_han):
    chunk = "".join(text.split())
    rare = wide and re.search(RARE, chunk) is not None
    line = np.frombuffer(chunk.encode(), np.uint8)
    ours = native.text_spans(letters.letters(), line, rare, beside_han).reshape(-1, 2).tolist()
    patterns = protect._wide() if rare and not chunk.isascii() else (protect.SPANS, protect.TOKENS)
    assert ours == [list(match.span()) for match in patterns[not beside_han].finditer(chunk)]


def test_characters_are_those_of_this_python():
    """Over all code points: white space, words, lower case, the ranges of this package, a final sigma."""
    patterns = {letters._HAN: HAN, letters._OTHER: OTHER, letters._RARE: RARE}
    for number in range(0x1100):
        rows = letters.page(number)
        for place, (flags, lower) in enumerate(rows.tolist()):
            char = chr(number * 256 + place)
            assert bool(flags & letters.SPACE) == (char.isspace() and not char.isalnum())
            assert bool(flags & letters.WORD) == char.isalnum()
            assert chr(lower) == char.lower()[0] and (len(char.lower()) == 1 or char == "İ")
            if number < 0x33 or 0xA4 <= number < 0xAC or 0xD7 <= number < 0x100 or 0x1F0 <= number < 0x1FC:
                assert bool(flags & letters._EMOJI) == is_emoji(char)
                for bit, pattern in patterns.items():
                    assert bool(flags & bit) == bool(re.fullmatch(pattern, char))


def test_threads_change_nothing_and_ask_for_characters_at_once():
    rng = random.Random(3)
    texts = [
        chr(rng.randrange(0x3400, 0x9FFF)) * 3 + f" word{n} it's 我们在清华大学 {n}%" for n in range(20_000)
    ]
    expected = Tokenizer().tokens(texts, 1)
    for threads in (2, 5):
        made = Tokenizer()
        assert made.tokens(texts, threads).equals(expected)
    found: list = []
    shared = Tokenizer()
    running = [threading.Thread(target=lambda: found.append(shared.tokenize(texts[:2000]))) for _ in range(6)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert found == [expected.to_pylist()[:2000]] * 6


@pytest.mark.parametrize(
    "unit", ["a.", "1,000", "a-", "我a", "@", "www.", "1.", "👍\u200d", "x", "龘", "a@b.", "'"]
)
def test_time_is_linear(unit):
    text = unit * (200_000 // len(unit))
    begin = time.process_time()
    Tokenizer().tokenize([text])
    assert time.process_time() - begin < 3


def test_the_reference_engine_is_one_setting_away():
    words = [("清华大学", 0, None), ("好莱坞大片", None, None)]
    texts = ["我在清华大学看好莱坞大片，don’t!", "Yes, the İ", ""]
    made = [
        Tokenizer(Text(segment=Segment(engine=engine)), user_words=words)
        for engine in ("native", "reference")
    ]
    assert made[0].tokenize(texts) == made[1].tokenize(texts) and made[0].counts == made[1].counts
    again = Tokenizer.from_state(made[1].state())
    assert again._reference is not None and again.digest == made[1].digest != made[0].digest


def test_what_is_refused():
    cutter = Tokenizer()._cutter
    data, offsets = string_buffers(strings(["我们", "a"]))
    assert cutter.cut(data, offsets, None, 1) is None, "a lexicon is wanted"
    with pytest.raises(ValueError, match="not UTF-8"):
        cutter.cut(np.frombuffer(b"a\xff", np.uint8), np.array([0, 2]), None, 1)
    with pytest.raises(ValueError, match="offsets must rise"):
        cutter.cut(data, np.array([0, 99]), None, 1)
    with pytest.raises(TypeError, match="lexicon must be a Lexicon"):
        cutter.cut(data, offsets, letters.letters(), 1)
