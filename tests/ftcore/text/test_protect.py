import time
import unicodedata

import pytest

from ftcore.text.protect import EMAIL, URL, pieces, tokens
from ftcore.text.tokenizer import Tokenizer

SPECIAL = [
    "C++", "c++", "C++17", "Notepad++", "C#", "f#", ".NET", ".net", "Node.js", "vue.js", "3.5", "3.5.1", "1,000", "1,234,567.89",
    "2024-12-31", "2024/1/5", "23:40", "50%", "3.5%", "https://a.com/x?y=1", "www.tv.cn", "me.too+x@mail.example.org",
    "tv.cctv.com", "github.com/a/b", "don't", "don’t", "state-of-the-art", "covid-19", "v1.2", "python3.11", "U.S.", "AT&T",
    "snake_case", "café", "naïve",
]  # fmt: skip


@pytest.mark.parametrize("span", SPECIAL)
def test_a_special_span_is_one_token_in_english_and_beside_chinese(span):
    assert tokens(span) == [span]
    assert tokens(f"see {span}, ok") == ["see", span, ",", "ok"]
    assert (span, True) in pieces(f"我们用{span}，很好")
    assert (span, True) in pieces(f"我们用 {span} 很好")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", ["Hello", ",", "world", "!"]),
        ("(see: https://a.com/x).", ["(", "see", ":", "https://a.com/x", ")", "."]),
        ("end.Next one...", ["end", ".", "Next", "one", ".", ".", "."]),
        ("a--b 'quoted' 1,2,3", ["a", "-", "-", "b", "'", "quoted", "'", "1", ",", "2", ",", "3"]),
        ("1.5km 6s $5", ["1.5", "km", "6s", "$", "5"]),
        ("привет мир", ["привет", "мир"]),
        ("a+b=c", ["a", "+", "b", "=", "c"]),
        ("2010-2015", ["2010", "-", "2015"]),
    ],
)
def test_english(text, expected):
    assert tokens(text) == expected


WORDS = [
    *[
        "हिन्दी",
        "में",
        "किताब",
        "தமிழ்",
        "ಕನ್ನಡ",
        "മലയാളം",
        "తెలుగు",
        "বাংলা",
        "ગુજરાતી",
        "ਪੰਜਾਬੀ",
        "සිංහල",
        "ဗမာစာ",
        "ភាសាខ្មែរ",
        "ພາສາລາວ",
        "བོད",
    ],
    *[
        "ภาษาไทย",
        "น้ำ",
        "العَرَبِيَّة",
        "שָׁלוֹם",
        "ܣܘܪܝܝܐ",
        "ދިވެހި",
        "ልማድ",
        "Ελλάδα",
        "й",
        "из-за",
        "п'ять",
        "Việt",
        "q̃",
        "x̄",
        "한국어",
        "Հայերեն",
        "ქართული",
    ],
    *["می\u200cخواهم", "क्\u200dष", "𝓱𝓮𝓵𝓵𝓸", "𐐔𐐇𐐝"],
]


@pytest.mark.parametrize("word", WORDS)
def test_words_of_every_script_stay_whole(word):
    assert tokens(word) == [word]
    assert tokens(f"({word}), {word}.") == ["(", word, ")", ",", word, "."]
    assert pieces(f"我们说{word}，很好")[1:] == [(word, True), ("，很好", False)]
    assert Tokenizer().tokenize([f"说{word}!"]) == [f"说 {word.lower()}"]


def test_every_letter_keeps_its_marks():
    marks = [chr(c) for c in range(0x300, 0x1F000) if unicodedata.category(chr(c))[0] == "M"]
    kept = [mark for mark in marks if not "\ufe00" <= mark <= "\ufe0f"]  # variation selectors
    assert len(kept) > 2000
    assert [mark for mark in kept if tokens(f"ж{mark}ж") != [f"ж{mark}ж"]] == []
    assert [mark for mark in kept if pieces(f"好ж{mark}ж好")[1] != (f"ж{mark}ж", True)] == []


def test_plain_words_and_numbers_beside_chinese_are_left_to_jieba():
    assert pieces("T恤和iphone6s买了2件") == [("T恤和iphone6s买了2件", False)]


def test_a_url_ends_where_chinese_begins():
    assert pieces("请看https://a.com/x这里") == [("请看", False), ("https://a.com/x", True), ("这里", False)]


def test_pieces_are_the_text():
    text = "学C++，3.5年don't见https://a.cn/b。"
    assert "".join(piece for piece, _ in pieces(text)) == text


def test_the_shared_patterns_are_valid_in_re2():
    import pyarrow.compute as pc

    assert pc.count_substring_regex("see http://a.b/c. and x@y.zz", URL).as_py() == 1
    assert pc.count_substring_regex("see http://a.b/c. and x@y.zz", EMAIL).as_py() == 1


@pytest.mark.parametrize(
    "junk",
    [
        "a",
        "1",
        "a.",
        "a-",
        "1-",
        "1,",
        "1.",
        "a@",
        "a@a.",
        "http://",
        "http://!",
        "www.",
        "a'",
        "_",
        "+",
        "a+",
        "&",
        "é",
        "1:",
        ".net",
        "a1",
        "#",
        "\u200d",
        "é\u200d",
        "ж\u0301",
        "ж'",
        "1\ufe0f",
        "👩\u200d",
        "🇨",
        "🏴\U000e0067",
        "aж",
    ],
)
def test_time_is_linear_in_junk(junk):
    text = junk * (100_000 // len(junk))
    start = time.process_time()
    tokens(text)
    pieces(text)
    assert time.process_time() - start < 2
