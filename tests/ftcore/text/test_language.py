import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftcore.text.language import HAN, count_scripts, language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天天气很好", "zh"),
        ("Python是一种动态语言", "zh"),
        ("the weather is fine", "en"),
        ("the capital of China is Beijing (北)", "en"),
        ("我用 PyTorch 写 code", "mixed"),
        ("", "en"),
        ("12345 !!!", "en"),
        ("Привет", "en"),
        ("好a", "mixed"),
    ],
)
def test_language(text, expected):
    assert language(pa.array([text])).to_pylist() == [expected]


LATIN_WORD = re.compile("[A-Za-z\u00c0-\u024f\u0250-\u027f]+")  # by lead bytes C3..C9: to U+027F


@given(
    st.lists(st.text(st.sampled_from("aZé ɏ0-中国㐀䷀豈𠀀あ한😀，\n"), max_size=12), max_size=6),
    st.integers(0, 3),
)
def test_counts_are_those_of_regular_expressions(texts, skip):
    column = pa.array([*texts, *(text * 50 for text in texts)], pa.string())[
        skip:
    ]  # long ones: counted in blocks
    han, latin = count_scripts(column)
    assert han.tolist() == [len(re.findall(HAN, text)) for text in column.to_pylist()]
    assert latin.tolist() == [len(LATIN_WORD.findall(text)) for text in column.to_pylist()]
