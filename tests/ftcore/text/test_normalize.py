import time
import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.config import Normalize
from ftcore.text.normalize import normalize


def one(text, **options):
    return normalize([text], Normalize(**options)).to_pylist()[0]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("<p>Good<br /><br />film</p>", "good film"),
        ("<b>H</b>ello <i class='a > b'>W</i>orld", "hello world"),
        ("a<script>var x = '<p>';</script>b<!-- c -->d<STYLE>p{}</style>e", "a b d e"),
        ("vector<int> v; a < b && c > d; I <3 you", "vector<int> v; a < b && c > d; i <3 you"),
        ("&lt;b&gt; Tom &amp; Jerry&#39;s&nbsp;caf&eacute; &unknown;", "<b> tom & jerry's café &unknown;"),
        ("<td>a</td><td>b</td>", "a b"),
        ("&#xD800;&#0;x", "\ufffd\ufffdx"),
    ],
)
def test_html(raw, clean):
    assert one(raw) == clean


def test_html_off():
    assert one("<b>x</b> &amp;", html=False) == "<b>x</b> &amp;"


def test_width_takes_letters_and_digits_and_leaves_punctuation():
    assert one("ＡＢＣ１２３ａ，．：；！？（）") == "abc123a，．：；！？（）"
    assert one("Ａ", width=False, lowercase=False) == "Ａ"


def test_nfc():
    assert one("e\u0301te\u0301 \u1112\u1161\u11ab \u2126") == "\u00e9t\u00e9 \ud55c \u03c9"
    assert one("ﬁ①") == "ﬁ①"  # no compatibility forms


@given(
    st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Zs", "Cf", "Zl", "Zp"])
        | st.sampled_from("e\u0301\u302a中，Ａéか\u3099")
    )
)
def test_the_result_is_nfc(text):
    clean = one(text, html=False, width=False, lowercase=False)
    assert clean == unicodedata.normalize("NFC", text)


def test_simplify():
    assert one("東京是日本的首都，Python\0語言", simplify=True) == "东京是日本的首都，python 语言"
    assert one("東京") == "東京"


def test_lowercase():
    assert one("HELLO ÉTÉ") == "hello été"
    assert one("HELLO", lowercase=False) == "HELLO"


def test_urls_and_emails():
    raw = "见 https://a.cn/x?y=1&z=2。写信 me@x.org,www.b.com!"
    counts = Counter()
    clean = normalize([raw], Normalize(urls="remove", emails="remove"), counts).to_pylist()
    assert clean == ["见 。写信 , !"]
    assert counts == {"urls": 2, "emails": 1}
    assert one(raw) == raw


def test_white_space_controls_and_invisible_marks():
    assert one("\ufeffa\u3000b\u00a0\n\r\tc\x00d\x1c\x85e\u2003\u2028f\u200bg\u00adh ") == "a b c d e fgh"


def test_counts_only_documents_that_had_markup():
    counts = Counter()
    normalize(["<b>x</b>", "a <b", "x &amp; y", "plain"], Normalize(), counts)
    assert counts == {"html": 2}


def test_lone_surrogates_are_no_crash():
    assert one("a\ud800b") == "a?b"


def test_shapes():
    assert normalize([], Normalize()).to_pylist() == []
    assert normalize(pa.array([], pa.string()), Normalize()).to_pylist() == []
    sliced = pa.array(["x", "<p>A", "Ｂ", "y"])[1:3]
    assert normalize(sliced, Normalize()).to_pylist() == ["a", "b"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_no_white_space_but_single_spaces_and_the_batch_does_not_matter(texts):
    options = Normalize(simplify=True)
    together = normalize(texts, options).to_pylist()
    assert together == [normalize([text], options).to_pylist()[0] for text in texts]
    for text in together:
        assert text == " ".join(text.split())
        assert not any(unicodedata.category(c) == "Cc" for c in text)


@pytest.mark.parametrize(
    "junk",
    ["<", "<a ", "<b>", "<div>", "&", "&#", "<!--", "<a href='", "a@", "http://", "www.", "<script>", "a.a"],
)
def test_time_is_linear_in_junk(junk):
    start = time.process_time()
    normalize([junk * (1_000_000 // len(junk))], Normalize(urls="remove", emails="remove"))
    assert time.process_time() - start < 5
