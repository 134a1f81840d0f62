"""`ftcore.jieba` answers as jieba does: its published examples, and calls at random, each against jieba itself."""

from __future__ import annotations

import io
import random

import jieba as original
import pyarrow as pa
import pytest
from jieba import finalseg

from ftcore import jieba
from ftcore.errors import UserError
from tests.reference import segmented
from tests.reference.segmented import FRAGMENTS

PIECES = [*FRAGMENTS, "  ", "东北大学", "中将", "台中", "iPhone", "Ａ"]


@pytest.fixture
def pair(monkeypatch):
    """Ours and jieba's, new; jieba's words of frequency 0 are global to the process and put back."""
    monkeypatch.setattr(finalseg, "Force_Split_Words", set())
    return jieba.Tokenizer(), segmented.tokenizer()


def text_of(rng):
    return "".join(rng.choices(PIECES, k=rng.randrange(14)))


def call(rng, name):
    """Arguments of one call."""
    match name:
        case "cut" | "lcut":
            return (text_of(rng),), {"cut_all": rng.random() < 0.4, "HMM": rng.random() < 0.6}
        case "cut_for_search" | "lcut_for_search":
            return (text_of(rng),), {"HMM": rng.random() < 0.6}
        case "tokenize":
            return (text_of(rng),), {"mode": rng.choice(["default", "search"]), "HMM": rng.random() < 0.6}
        case "add_word":
            word = "".join(rng.choices(PIECES, k=rng.randrange(1, 4)))
            return (word,), {
                "freq": rng.choice([None, None, 0, 3, "70", 20_000]),
                "tag": rng.choice([None, "n"]),
            }
        case "del_word":
            return (rng.choice(PIECES),), {}
        case "suggest_freq":
            parts = tuple(rng.choices(PIECES, k=rng.randrange(1, 4)))
            return (rng.choice([parts, "".join(parts)]),), {"tune": rng.random() < 0.5}
        case "load_userdict":
            lines = [f"{text_of(rng)} {rng.randrange(1, 999)} n".strip() for _ in range(3)]
            kind = rng.choice(["text", "bytes"])
            return (lines, kind), {}
    raise AssertionError(name)


def answer(tokenizer, name, args, more):
    if name == "load_userdict":
        lines, kind = args
        raw = "\n".join(lines)
        file = io.StringIO(raw, newline="\n") if kind == "text" else io.BytesIO(("\ufeff" + raw).encode())
        file.name = "words.txt"
        return tokenizer.load_userdict(file)
    made = getattr(tokenizer, name)(*args, **more)
    return list(made) if name in ("cut", "cut_for_search", "tokenize") else made


NAMES = (
    "cut",
    "lcut",
    "cut_for_search",
    "lcut_for_search",
    "tokenize",
    "add_word",
    "del_word",
    "suggest_freq",
    "load_userdict",
)


@pytest.mark.parametrize(
    "calls", [900, pytest.param(90_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_calls_at_random(pair, calls):
    """10,000 of each function in the slow run; the dictionary grows by turns, and is new every thousand calls."""
    ours, theirs = pair
    plain, total = dict(theirs.FREQ), theirs.total
    rng = random.Random(calls)
    for number in range(calls):
        if number % 1000 == 999:
            ours = jieba.Tokenizer()
            theirs.FREQ, theirs.total, theirs.user_word_tag_tab = dict(plain), total, {}
            finalseg.Force_Split_Words.clear()
        name = rng.choice(NAMES)
        args, more = call(rng, name)
        assert answer(ours, name, args, more) == answer(theirs, name, args, more), (name, args, more)
    assert ours.total == theirs.total and ours.user_word_tag_tab == theirs.user_word_tag_tab


def test_published_examples(pair):
    """jieba's README, of 0.42.1."""
    ours, theirs = pair
    assert (
        "/ ".join(ours.cut("我来到北京清华大学", cut_all=True))
        == "我/ 来到/ 北京/ 清华/ 清华大学/ 华大/ 大学"
    )
    assert "/ ".join(ours.cut("我来到北京清华大学", cut_all=False)) == "我/ 来到/ 北京/ 清华大学"
    assert ", ".join(ours.cut("他来到了网易杭研大厦")) == "他, 来到, 了, 网易, 杭研, 大厦"
    searched = ", ".join(ours.cut_for_search("小明硕士毕业于中国科学院计算所，后在日本京都大学深造"))
    assert searched == (
        "小明, 硕士, 毕业, 于, 中国, 科学, 学院, 科学院, 中国科学院, 计算, 计算所, ，, 后, 在, 日本, 京都, 大学, 日本京都大学, 深造"
    )
    text = "如果放到post中将出错。"
    assert "/".join(ours.cut(text, HMM=False)) == "如果/放到/post/中将/出错/。"
    assert ours.suggest_freq(("中", "将"), True) == theirs.suggest_freq(("中", "将"), True) == 494
    assert "/".join(ours.cut(text, HMM=False)) == "如果/放到/post/中/将/出错/。"
    assert "/".join(ours.cut("「台中」正确应该不会被切开", HMM=False)) == "「/台/中/」/正确/应该/不会/被/切开"
    assert ours.suggest_freq("台中", True) == theirs.suggest_freq("台中", True) == 69
    assert "/".join(ours.cut("「台中」正确应该不会被切开", HMM=False)) == "「/台中/」/正确/应该/不会/被/切开"
    assert list(ours.tokenize("永和服装饰品有限公司")) == [
        ("永和", 0, 2), ("服装", 2, 4), ("饰品", 4, 6), ("有限公司", 6, 10)
    ]  # fmt: skip
    assert list(ours.tokenize("永和服装饰品有限公司", mode="search"))[-3:] == [
        ("有限", 6, 8), ("公司", 8, 10), ("有限公司", 6, 10)
    ]  # fmt: skip


def test_user_dictionaries(pair, tmp_path):
    ours, theirs = pair
    path = tmp_path / "words.txt"
    path.write_text(
        "云计算 5\n李小福 2 nr\n创新办 3 i\neasy_install 3 eng\n好用 300\n韩玉赏鉴 3 nz\n八一双鹿 3 nz\n台中\n凱特琳 nz\n"
    )
    for tokenizer in pair:
        tokenizer.load_userdict(str(path))
        tokenizer.add_word("石墨烯")
        tokenizer.add_word("凱特琳")
        tokenizer.del_word("自定义词")
    text = "李小福是创新办主任也是云计算方面的专家; 什么是八一双鹿\n例如我输入一个带“韩玉赏鉴”的标题，在自定义词库中也增加了此词为N类"
    assert ours.lcut(text) == theirs.lcut(text) and "李小福" in ours.lcut(text)
    assert ours.user_word_tag_tab == theirs.user_word_tag_tab
    assert ours.get_FREQ("台中") == theirs.FREQ["台中"] and ours.get_FREQ("台中x", 7) == 7
    (tmp_path / "gbk.txt").write_bytes("台中".encode("gbk"))
    for tokenizer in pair:
        with pytest.raises(ValueError, match=r"gbk.txt must be utf-8"):
            tokenizer.load_userdict(str(tmp_path / "gbk.txt"))


def test_a_dictionary_of_ones_own(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("我们 10 r\n在 5 p\n北京 7 ns\n", encoding="utf-8")
    theirs = original.Tokenizer(str(path))
    theirs.cache_file = str(tmp_path / "cache")
    ours = jieba.Tokenizer(str(path))
    assert not ours.initialized
    for text in ("我们在北京大学", "北京我们在"):
        for hmm in (True, False):
            assert ours.lcut(text, HMM=hmm) == theirs.lcut(text, HMM=hmm)
    assert ours.initialized and ours.total == theirs.total == 22
    with pytest.raises(UserError, match="does not exist"):
        ours.set_dictionary(tmp_path / "none.txt")
    ours.set_dictionary(path)
    assert not ours.initialized


def test_lists_and_columns(pair):
    ours, theirs = pair
    rng = random.Random(9)
    texts = [text_of(rng) for _ in range(500)]
    for cut_all, hmm in ((False, True), (False, False), (True, True)):
        expected = [theirs.lcut(text, cut_all=cut_all, HMM=hmm) for text in texts]
        assert ours.lcut(texts, cut_all=cut_all, HMM=hmm) == expected
        assert list(ours.cut(texts, cut_all=cut_all, HMM=hmm)) == expected
        for column in (
            pa.array(texts),
            pa.array(texts, pa.large_string()).slice(3),
            pa.chunked_array([texts[:9], texts[9:]]),
        ):
            made = ours.lcut(column, cut_all=cut_all, HMM=hmm)
            assert isinstance(made, pa.LargeListArray) and made.to_pylist() == expected[-len(column) :]
            made.validate(full=True)
    assert ours.lcut_for_search(texts) == [theirs.lcut_for_search(text) for text in texts]
    assert ours.lcut(pa.array(["我们在", None, ""])).to_pylist() == [["我们", "在"], None, []]
    assert ours.lcut([]) == [] and ours.lcut(pa.array([], pa.string())).to_pylist() == []
    for threads in (1, 2, 5):
        ours.threads = threads
        assert ours.lcut(texts * 40) == ours.lcut(texts) * 40


def test_bytes_and_what_is_refused(pair):
    ours, theirs = pair
    for raw in ("我们在北京".encode(), "我们在北京".encode("gbk")):
        assert ours.lcut(raw) == theirs.lcut(raw)
    with pytest.raises(UserError, match="lone surrogate at character 2"):
        ours.lcut("我们\ud800")
    with pytest.raises(UserError, match="lone surrogate"):
        ours.lcut(["好", "\udfff"])
    for wrong in (None, 5, [None], [1.5]):
        with pytest.raises(TypeError, match=r"not (NoneType|int|float)"):
            ours.lcut(wrong)
    with pytest.raises(UserError, match="paddle"):
        ours.lcut("我", use_paddle=True)
    with pytest.raises(UserError, match="frequency"):
        ours.add_word("我们", -1)
    with pytest.raises(ValueError, match="should be unicode"):
        list(ours.tokenize(b"x"))


def test_the_module_is_one_tokenizer():
    jieba.enable_parallel(2)
    assert jieba.dt.threads == 2
    jieba.disable_parallel()
    assert jieba.dt.threads == 1
    jieba.enable_parallel()
    assert jieba.lcut("我们") == ["我们"] and next(jieba.cut("我们")) == "我们"
    assert jieba.get_FREQ("我们") > 0 and jieba.user_word_tag_tab is jieba.dt.user_word_tag_tab
    jieba.setLogLevel(20)
