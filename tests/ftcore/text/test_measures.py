"""Measures against a plain Python that says the same; phrases against `re`."""

import random
import re
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import native
from ftcore.base.strings import string_buffers, strings
from ftcore.errors import UserError
from ftcore.text.letters import letters
from ftcore.text.measures import _COUNTS, STOPWORDS, Blocklist, MeasuredBatch
from tests.reference.measures import measure, repetition

PIECES = st.sampled_from(
    ["a", "The", " ", "  ", "\n", "\n\n", "。", "…", "...", "..", ".", "#", "- ", "• ", "中", "文字", "12", "７", "é", "e\u0301",
     "Привет", "かな", "https://a.cn/x", "WWW.b.org", "wwww.", "\t", "\u3000", "\r\n", "x" * 31, "!", "”", "）", "😀", "_"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=40)


def counted(texts):
    data, offsets = string_buffers(strings(texts))
    out = np.full((len(texts), native.MEASURES), -1, np.int64)
    native.measure_texts(letters(), data, offsets, out)
    return [dict(zip(_COUNTS, row, strict=True)) for row in out.tolist()]


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, max_size=4))
def test_counts_are_those_of_plain_python(texts):
    for text, found in zip(texts, counted(texts), strict=True):
        assert found == measure(text), text


def test_a_text_worked_by_hand():
    text = "- Same line here.\n- Same line here.\n\nSee https://a.cn now…\n第１章 3 ok"
    found = counted([text])[0]
    assert (found["lines"], found["bullets"], found["ended"], found["trailing"]) == (4, 2, 3, 1)
    assert (found["repeated_lines"], found["in_repeated_lines"]) == (1, 14)
    assert (found["paragraphs"], found["repeated_paragraphs"]) == (2, 0)
    assert (found["links"], found["han"], found["digits"], found["latin"]) == (12, 2, 2, 12)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["a", "bb", "中文", "d", "é"]), max_size=60).map(" ".join))
def test_repetition_is_that_of_plain_python(tokens):
    data, offsets = string_buffers(strings(["x", tokens, ""]))
    out = np.full((3, native.REPETITIONS), -1.0)
    native.repeated_ngrams(data, offsets, out)
    assert out[1].tolist() == pytest.approx(repetition(tokens) if len(tokens.split()) > 2 else [0.0] * 9)
    assert not out[0].any() and not out[2].any()


WORDS = ["bad", "Bad word", "坏词", "坏", "词语", "ab", "b", "x-", "naïve", "c++"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([*WORDS, " ", "a", "é", "7", "-", "坏词语", "BAD"]), max_size=12).map("".join)
)
def test_phrases_are_found_as_re_finds_them(text):
    edge = "0-9A-Za-z\u00c0-\u024f"
    expected = []
    for number, word in enumerate(WORDS):
        before = f"(?<![{edge}])" if re.match(f"[{edge}]", word) else ""
        after = f"(?![{edge}])" if re.search(f"[{edge}]$", word) else ""
        pattern = f"(?={before}({re.escape(word)}){after})"
        ends = [m.end(1) for m in re.finditer(pattern, text, re.I | re.A)]
        expected += [(end, number) for end in ends]
    data, offsets = string_buffers(strings(["", text, text]))
    out = np.zeros((3, 3), np.int64)
    native.Phrases([word.encode() for word in WORDS]).count(data, offsets, out)
    assert out[0].tolist() == [0, 0, -1] and out[1].tolist() == out[2].tolist()
    assert out[1].tolist()[:2] == [len(expected), len({number for _, number in expected})]
    if expected:
        first = min(end for end, _ in expected)
        assert out[1, 2] in [number for end, number in expected if end == first]


def test_many_phrases_and_no_quadratic_text():
    rng = random.Random(3)
    words = {"".join(rng.choice("abcdefgh") for _ in range(rng.randrange(3, 9))) for _ in range(20_000)}
    known = sorted(words)
    texts = [" ".join(rng.choices(known, k=50)) + " zzz" for _ in range(20)]
    data, offsets = string_buffers(strings([*texts, "a" * 2_000_000]))
    out = np.zeros((21, 3), np.int64)
    found = native.Phrases([*(word.encode() for word in known), b"a" * 5000])
    begin = time.perf_counter()
    found.count(data, offsets, out)
    assert time.perf_counter() - begin < 5
    assert out[:20, 0].tolist() == [50] * 20 and out[20, 0] == 0


def batch(text, language, tokens):
    return pa.RecordBatch.from_pydict(
        {"text": strings(text), "language": strings(language), "tokens": strings(tokens)}
    )


def test_shares():
    made = MeasuredBatch(
        batch(
            ["the cat and 的的 dog", "", "ab ab ab 1#"],
            ["en", "zh", "en"],
            ["the cat and 的的 dog", "", "ab ab ab 1"],
        )
    )
    assert made["stopwords"].tolist() == [3, 0, 0]
    assert made["hashes"].tolist() == [0, 0, 0.25]
    assert made["word_length"].tolist() == [14 / 5, 0, 2.0]
    assert made["language_score"].tolist() == [4 / 6, 0, 1.0]
    assert made["common_2grams"].tolist() == [0, 0, 1.0]
    assert made["repeated_5grams"].tolist() == [0, 0, 0]
    with pytest.raises(KeyError):
        made["beauty"]
    assert len(STOPWORDS) == len(set(STOPWORDS))


def test_blocklist_files(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# bad ones\nlorem ipsum\n\n坏词\n", encoding="utf-8")
    found = Blocklist([str(path)])
    assert found.words == ["lorem ipsum", "坏词"]
    assert found.first(strings(["Lorem Ipsum!", "这是坏词吗", "lorem ipsums"])) == ["lorem ipsum", "坏词", ""]
    with pytest.raises(UserError, match="filters.blocklist: .*gone"):
        Blocklist([str(tmp_path / "gone.txt")])
    path.write_text("# nothing\n")
    with pytest.raises(UserError, match="no word in it"):
        Blocklist([str(path)])


@pytest.mark.slow  # its tables take seconds to load
def test_lingua_tells_english_from_other_languages_in_latin_letters():
    """In a process of its own: lingua's threads would be missing in processes that are forked from this one."""
    pytest.importorskip("lingua", reason="the extra lingua is not installed")
    program = """
from ftcore.text.measures import MeasuredBatch
from tests.ftcore.text.test_measures import batch
texts = ["The cat sat on the mat and looked at the dog.", "Le chat est sur la table et il regarde le chien."]
print(*MeasuredBatch(batch(texts, ["en", "en"], texts), "lingua")["language_score"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    english, french = map(float, done.stdout.split())
    assert english > 0.75 > 0.3 > french
