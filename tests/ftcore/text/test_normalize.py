import time
import unicodedata
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import native
from ftcore.base.strings import string_buffers, strings
from ftcore.config import Normalize
from ftcore.text.normalize import by_patterns, normalize


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
    seen = "".join(char for char in text if not "\U000e0100" <= char <= "\U000e01ef")  # variations of Han go
    assert clean == unicodedata.normalize("NFC", seen)


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


ATOMS = [
    *(
        " ",
        "  ",
        "\n",
        "\t",
        "\r\n",
        "\x00",
        "\x01",
        "\x02",
        "\x1f",
        "\x7f",
        "\x80",
        "\u00a0",
        "\u1680",
        "\u2003",
    ),
    *("\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff", "\u00ad"),
    *("\U000e0100", "\U000e01ef", "\U000e01f0", "\U000e00ff", "\u0085", "\u2027", "\u2030", "\u3001"),
    *("Ａ", "ｚ", "０", "９", "：", "＠", "［", "｛", "／", "ａ", "Ｚ", "｀"),
    *(
        "<b>",
        "</b>",
        "<br/>",
        "<x>",
        "a<b",
        "<!-- c -->",
        "<",
        "&",
        "&amp;",
        "&lt;b&gt;",
        "&nbsp;",
        "&#x4e2d;",
        "&#1;",
    ),
    *("e\u0301", "\u0301", "が", "か\u3099", "한", "\u1112\u1161\u11ab", "Å", "豈", "é", "ﬁ", "\u0344", "Å"),
    *("中", "國", "東京大學", "乾坤", "头髮", "㐀", "𠀀", "，", "。", "我们"),
    *(
        "a",
        "Word",
        "İ",
        "ΑΣ",
        "http://a.cn/b",
        "x@y.org",
        "13812345678",
        "138 1234  5678",
        "1.2.3.4",
        "😀",
        "x" * 20,
    ),
]
hostile = st.lists(st.sampled_from(ATOMS), max_size=25).map("".join)
any_options = st.builds(
    Normalize,
    html=st.booleans(),
    width=st.booleans(),
    simplify=st.booleans(),
    lowercase=st.booleans(),
    urls=st.sampled_from(["keep", "keep", "remove"]),
    emails=st.sampled_from(["keep", "keep", "remove"]),
    mask=st.sampled_from([[], [], ["phone", "ip"]]),
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(hostile | st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=6),
    any_options,
)
def test_the_core_makes_what_the_patterns_say(texts, options):
    ours, theirs = Counter(), Counter()
    expected = by_patterns(strings(texts), options, theirs).to_pylist()
    assert normalize(strings(texts), options, ours).to_pylist() == expected
    assert ours == theirs


def test_what_is_surely_composed_is_so_in_any_company():
    """Over all characters: those that the core lets pass neither change, nor reorder, nor combine with one before."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    kinds = native.text_kinds(*string_buffers(strings(map(chr, codes))))
    parts = (unicodedata.decomposition(chr(code)).split() for code in codes)
    behind = {chr(int(part[1], 16)) for part in parts if len(part) == 2 and not part[0].startswith("<")}
    behind |= {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}
    for code, kind in zip(codes, kinds.tolist(), strict=True):
        if not kind & native.COMPOSED:
            char = chr(code)
            assert unicodedata.normalize("NFC", char) == char and not unicodedata.combining(char), hex(code)
            assert char not in behind, hex(code)
    assert not kinds[0x4E00:0x9FFF].astype(int).__and__(native.COMPOSED).any()
