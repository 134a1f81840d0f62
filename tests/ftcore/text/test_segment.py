import copy
import math
import os
import random
import tempfile
import time
from pathlib import Path

import jieba
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ftcore.config import Normalize, Segment, Text
from ftcore.errors import UserError
from ftcore.text import segment
from ftcore.text.lexicon import lexicon_of, plain_words, read_words
from ftcore.text.segment import Segmenter, WordTable, read_user_dict, word_table
from ftcore.text.tokenizer import Tokenizer
from tests.reference import segmented
from tests.reference.segmented import FRAGMENTS


@pytest.fixture(scope="module")
def reference():
    return segmented.tokenizer()


def by_jieba(tokenizer, text, hmm):
    return [token for token in tokenizer.lcut(text, HMM=hmm) if not token.isspace()]


texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=14).map("".join)


@settings(max_examples=400, deadline=None)
@example("我来到北京清华大学", True)
@given(texts, st.booleans())
def test_without_protection_tokens_are_jiebas(reference, text, hmm):
    expected = by_jieba(reference, text, hmm)
    assert word_table().cut(text, hmm) == expected
    assert Segmenter(Segment(protect=False, hmm=hmm)).cut(text) == expected


@pytest.mark.parametrize("hmm", [True, False])
def test_random_runs_of_rare_characters_are_jiebas(reference, hmm):
    rng = random.Random(7)
    for _ in range(1500):
        text = "".join(chr(rng.randrange(0x4E00, 0x9FD6)) for _ in range(rng.randrange(1, 12)))
        assert word_table().cut(text, hmm) == by_jieba(reference, text, hmm)


def test_user_words_are_jiebas(tmp_path, reference):
    path = tmp_path / "user.txt"
    path.write_text(
        "\ufeff云计算 5\n李小福 2 nr\n创新办 i\neasy_install 3 eng\n韩玉赏鉴\n超级无敌词\n\n",
        encoding="utf-8",
    )
    theirs = jieba.Tokenizer()
    theirs.load_userdict(str(path))
    ours = WordTable(read_user_dict(str(path)))
    for text in (
        "李小福是创新办主任也是云计算方面的专家",
        "easy_install很好用",
        "韩玉赏鉴了超级无敌词",
        "韩玉 赏鉴",
    ):
        for hmm in (True, False):
            assert ours.cut(text, hmm) == by_jieba(theirs, text, hmm)


USER = "T恤衫\niPhone手机 9\n5G网络\nABC大学 3 n\n網路電話\n卡拉ok厅\n"
LINES = [
    "买了T恤，A股大涨；U盘坏了，做B超检查。",
    "办IC卡AA制K歌之王，卡拉OK厅",
    "iPhone手机支持5G网络，IPHONE手机和iphone手机呢？",
    "ABC大学的T恤衫 t恤衫 Tシャツ",
    "用網路電話聯絡ABC大學",
    "C++和C#写.NET程序3.5年，see www.a.com OK?",
    "⚽ ❤️ 加油！１２３ＡＢＣ",
]


def real_lines():
    """Lines of real text where it is there."""
    folder = Path(os.environ.get("FTCORE_DATA") or Path(__file__).parents[4] / "shared" / "data")
    found = []
    for name, step in (("thucnews_titles/test.txt", 30), ("chn_sentiment/online_shopping_10_cats.csv", 250)):
        if (folder / name).is_file():
            found += (folder / name).read_text(encoding="utf-8").split("\n")[::step]
    return found


@pytest.mark.parametrize(("simplify", "user"), [(True, False), (False, False), (False, True), (True, True)])
def test_without_protection_the_pipeline_yields_jiebas_tokens_in_lower_case(
    tmp_path, reference, simplify, user
):
    """With and without user words; jieba sees the text and the words as normalised, but for their case."""
    from ftcore.text.normalize import normalize

    options = Normalize(simplify=simplify)
    path = tmp_path / "user.txt"
    path.write_text(USER, encoding="utf-8")
    theirs = copy.copy(reference)
    theirs.FREQ = dict(reference.FREQ)
    for word in USER.replace("網路電話", "网路电话" if simplify else "網路電話").splitlines():
        word, *frequency = word.split()
        theirs.add_word(word, int(frequency[0]) if frequency else None)
    lines = LINES + real_lines()
    clean = normalize(lines, options.model_copy(update={"lowercase": False})).to_pylist()
    by, dictionary = (theirs, [str(path)]) if user else (reference, [])
    segment = Segment(protect=False, user_dict=dictionary, punctuation="keep")
    ours = Tokenizer(Text(segment=segment, normalize=options)).tokenize(lines)
    for text, tokens in zip(clean, ours, strict=True):
        assert tokens.split() == [token.lower() for token in by_jieba(by, text, True)]
    default = segment.model_copy(update={"punctuation": "remove"})
    spoken = Tokenizer(Text(segment=default, normalize=options)).tokenize(lines)
    for kept, tokens in zip(spoken, ours, strict=True):
        words = [token for token in kept.split() if any(map(str.isalnum, token))]
        assert words == [token for token in tokens.split() if any(map(str.isalnum, token))]


def test_jiebas_own_words_with_capitals_are_found(reference):
    words = [w for w, n in reference.FREQ.items() if n and w != w.lower() and any(c >= "\u4e00" for c in w)]
    assert len(words) > 60
    ours = Tokenizer(Text(segment=Segment(protect=False))).tokenize(words)
    assert ours == [" ".join(reference.lcut(word)).lower() for word in words]
    assert sum(" " not in line for line in Tokenizer().tokenize(words)) >= 60


def test_a_word_of_frequency_0_is_split_here_and_nowhere_else():
    from jieba import finalseg

    before = set(finalseg.Force_Split_Words)
    assert "清华大学" not in WordTable([("清华大学", 0, None)]).cut("我在清华大学")
    joined = word_table().cut("杭研")
    assert joined == ["杭研"] and WordTable([("杭研", 0, None)]).cut("杭研") == ["杭", "研"]
    assert before == finalseg.Force_Split_Words
    assert "清华大学" in jieba.Tokenizer().lcut("我在清华大学")


def test_time_is_linear_in_a_run_of_unknown_characters():
    rng = random.Random(0)
    text = "".join(chr(rng.randrange(0x4E00, 0x9FA6)) for _ in range(100_000))
    start = time.perf_counter()
    assert "".join(word_table().cut(text)) == text
    assert time.perf_counter() - start < 20  # jieba: 45 s and more


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我用C++和.NET写程序", ["我用", "C++", "和", ".NET", "写", "程序"]),
        ("C#很好，版本3.5，占50%", ["C#", "很", "好", "，", "版本", "3.5", "，", "占", "50%"]),
        ("请看https://a.com/b?c=1吧", ["请", "看", "https://a.com/b?c=1", "吧"]),
        ("发到 me@x.org，2024-12-31前", ["发到", "me@x.org", "，", "2024-12-31", "前"]),
        ("我 don’t know", ["我", "don't", "know"]),
    ],
)
def test_with_protection(text, expected):
    assert Segmenter(Segment()).cut(text) == expected


def test_text_without_han_never_reaches_jieba(monkeypatch):
    monkeypatch.setattr(segment, "word_table", lambda *_: pytest.fail("jieba was asked"))
    cutter = Segmenter(Segment())
    assert cutter.cut("I don't use C++ 3.5, привет!") == [
        "I",
        "don't",
        "use",
        "C++",
        "3.5",
        ",",
        "привет",
        "!",
    ]


def test_protected_spans_never_reach_jieba(monkeypatch):
    seen = []

    class Spy:
        def cut(self, text, hmm):
            seen.append(text)
            return [text]

    monkeypatch.setattr(segment, "word_table", lambda *_: Spy())
    Segmenter(Segment()).cut("我用C++写https://a.cn/b，花了3.5年 don't 见me@x.org")
    assert seen == ["我用", "写", "，花了", "年", "见"]


@settings(deadline=None)
@given(texts)
def test_nothing_is_lost_and_no_token_holds_white_space(text):
    for protect in (True, False):
        tokens = Segmenter(Segment(protect=protect)).cut(text)
        assert "".join(tokens).replace("’", "'") == "".join(text.split()).replace("’", "'")
        assert all(token and not any(c.isspace() for c in token) for token in tokens)


def test_the_dictionary_is_read_as_jieba_reads_it(reference, tmp_path):
    """Every word, beginning of a word and frequency; a file of another shape too."""
    words = plain_words()
    assert words.total == reference.total and words.lexicon.log_total == math.log(reference.total)
    assert all(words.count(word) == count for word, count in reference.FREQ.items())
    assert words.lexicon.dump().size == lexicon_of(reference.FREQ, reference.total).dump().size
    path = tmp_path / "dict.txt"
    for text in (
        "词 3 n\n字 4\n",
        "词语 03 n\r\n字 4 \n词语 5 n x",
        "中\u3000文 3 n\n \u3000 4 n\n\ufeff词 1\n",
        "a 1",
    ):
        path.write_bytes(text.encode())
        theirs = jieba.Tokenizer.gen_pfdict(path.open("rb"))
        ours = read_words(path)
        assert ({word: ours.count(word) for word in theirs[0]}, ours.total) == theirs
        assert ours.lexicon.dump().size == lexicon_of(*theirs).dump().size
    for text in ("词 3.5 n\n", "词\n", "词 1\n\n", "词 \n"):
        path.write_bytes(text.encode())
        with pytest.raises(ValueError, match="invalid dictionary entry"):
            jieba.Tokenizer.gen_pfdict(path.open("rb"))
        with pytest.raises(UserError, match="line "):
            read_words(path)


def test_a_lone_surrogate_is_a_token(reference):
    for text in ("中国\ud800人民", "\udfff", "a\ud800b \ud83d 1.5"):
        for hmm in (True, False):
            assert word_table().cut(text, hmm) == by_jieba(reference, text, hmm)
    with pytest.raises(UserError, match="surrogate"):
        WordTable([("中\ud800", 3, None)])


@settings(max_examples=60, deadline=None)
@given(texts, st.booleans(), st.booleans())
def test_the_reference_engine_is_jieba_and_makes_the_same_tokens(text, hmm, protect):
    theirs, ours = REFERENCES[hmm, protect], Segmenter(Segment(hmm=hmm, protect=protect))
    assert theirs.cut(text) == ours.cut(text)


REFERENCES = {
    (hmm, protect): Segmenter(Segment(engine="reference", hmm=hmm, protect=protect))
    for hmm in (True, False)
    for protect in (True, False)
}


def test_models_without_another_engine_keep_their_digest():
    assert "engine" not in Tokenizer().state()["text"]["segment"]
    text = Text(segment=Segment(engine="reference"))
    assert Tokenizer.from_state(Tokenizer(text).state()).text == text


def test_the_reference_engine_takes_the_users_words(monkeypatch):
    from jieba import finalseg

    monkeypatch.setattr(finalseg, "Force_Split_Words", set())
    words = [("超级无敌词", None, None), ("杭研", 0, None)]
    for text in ("这超级无敌词呢", "网易杭研大厦"):
        cut = Segmenter(Segment(engine="reference"), words).cut(text)
        assert cut == Segmenter(Segment(), words).cut(text)


def test_without_a_place_for_its_cache_jieba_still_starts(monkeypatch, capfd):
    def nowhere():
        raise FileNotFoundError("no usable temporary directory")

    with monkeypatch.context() as patch:  # undone before pytest needs a temporary folder itself
        patch.setattr(tempfile, "gettempdir", nowhere)
        tables = WordTable(), segment.JiebaTable()
    for table in tables:
        assert table.cut("我来到北京清华大学") == ["我", "来到", "北京", "清华大学"]
    assert capfd.readouterr().err == ""


def test_user_dictionary_errors_name_the_place(tmp_path):
    with pytest.raises(UserError, match="user_dict: .*missing.txt"):
        read_user_dict(str(tmp_path / "missing.txt"))
    (tmp_path / "bad.txt").write_bytes("好 3\n".encode() + b"\xff\n")
    with pytest.raises(UserError, match="bad.txt, line 2: not UTF-8"):
        read_user_dict(str(tmp_path / "bad.txt"))
