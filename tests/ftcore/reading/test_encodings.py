import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.errors import UserError
from ftcore.reading.encodings import codec_of, detect, is_framed_by_newline_byte

SIMPLIFIED = "这个商品的质量很好，我们都很喜欢。\n物流也快，两天就到了！\n"
TRADITIONAL = "這個商品的品質很好，我們都很喜歡。\n物流也快，兩天就到了！\n"
ENGLISH = "The quick brown fox\njumps over the lazy dog.\n"


@pytest.mark.parametrize(
    ("text", "codec"),
    [(SIMPLIFIED, c) for c in ("utf-8", "gb18030", "utf-16-le", "utf-16-be")]
    + [(TRADITIONAL, c) for c in ("utf-8", "big5", "utf-16-le", "utf-16-be")]
    + [(ENGLISH, c) for c in ("utf-8", "utf-16-le", "utf-16-be")]
    + [(ENGLISH * 20 + SIMPLIFIED, c) for c in ("utf-8", "gb18030", "utf-16-le")],
)
@pytest.mark.parametrize("repeat", [1, 50])
def test_detects_without_a_mark(text, codec, repeat):
    assert detect((text * repeat).encode(codec), whole=True) == codec


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
        (codecs.BOM_UTF32_LE, "utf-32"),
    ],
)
def test_a_mark_decides(mark, codec):
    assert detect(mark + b"a\x00") == codec


def test_a_cut_character_at_the_end_of_the_sample_is_no_damage():
    assert detect(("好" * 30_000).encode()) == "utf-8"
    assert detect("好".encode()[:2], whole=False) == "utf-8"


@pytest.mark.parametrize(
    "raw", [b"", b"plain", b"caf\xe9\n", b"a\0b\n" * 3, b"a\0\nb\n", SIMPLIFIED.encode() * 20 + b"\xff\n"]
)
def test_damaged_utf8_stays_utf8(raw):
    assert detect(raw, whole=True) == "utf-8"


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_have_an_answer_that_is_a_codec(raw, whole):
    codecs.lookup(detect(raw, whole))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
def test_valid_utf8_without_zero_bytes_is_utf8(text):
    assert detect(text.encode(), whole=True) in ("utf-8", "utf-8-sig")


def test_unknown_and_binary_codecs_are_refused():
    for name in ("utf-99", "hex", "rot13"):
        with pytest.raises(UserError, match=f"a.txt.*{name}"):
            codec_of(name, "a.txt")
    assert codec_of("GBK", "a.txt") == "gbk"


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "big5", "gbk", "latin-1", "shift_jis"])
def test_framed_by_the_newline_byte(codec):
    assert is_framed_by_newline_byte(codec)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_not_framed_by_the_newline_byte(codec):
    assert not is_framed_by_newline_byte(codec)
