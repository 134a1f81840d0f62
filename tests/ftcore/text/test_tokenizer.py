import copy
import json

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.config import Normalize, Segment, Stopwords, Text
from ftcore.errors import UserError
from ftcore.reading.documents import DOCUMENT, REJECTED, TOKENIZED
from ftcore.text.tokenizer import Tokenizer, Whitespace

DIGEST_1 = "2058c335faf8a9e79f639c571b9c69d197412fbef37ed04d8c4d7d48577182d7"  # of Tokenizer() at version 1
MIXED = [
    "我们不喜欢这部电影……太长了！",
    "I don't like C++ 3.5, <b>really</b> 😀.",
    "用 PyTorch 训练 fastText 模型",
    "",
    "。。。",
]


def batch_of(texts, language=""):
    rows = [
        {"source": "s:f", "line": i, "text": t, "labels": ["x"], "language": language, "split": ""}
        for i, t in enumerate(texts, 1)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT)


def tokenizer(punctuation="remove", stopwords="off", **options):
    return Tokenizer(
        Text(segment=Segment(punctuation=punctuation), stopwords=Stopwords(mode=stopwords), **options)
    )


def test_tokens():
    assert Tokenizer().tokenize(MIXED) == [
        "我们 不 喜欢 这部 电影 太长 了",
        "i don't like c++ 3.5 really 😀",
        "用 pytorch 训练 fasttext 模型",
        "",
        "",
    ]
    assert Tokenizer().tokenize([]) == []


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("remove", "好 a-b c++"), ("keep", "好 ... a-b ， c++ ！ ！"), ("split", "好 . . . a-b ， c++ ！ ！")],
)
def test_punctuation(mode, expected):
    assert tokenizer(mode).tokenize(["好... a-b，C++！！"]) == [expected]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("买了T恤", "买 了 t恤"),
        ("A股大涨", "a股 大涨"),
        ("U盘坏了", "u盘 坏 了"),
        ("做B超检查", "做 b超 检查"),
        ("办IC卡", "办 ic卡"),
        ("AA制", "aa制"),
        ("看K歌之王", "看 k歌之王"),
        ("Ｔ恤便宜", "t恤 便宜"),  # full-width letters are narrow before jieba
        ("訪問 EXAMPLE.COM 和 Node.JS", "訪問 example.com 和 node.js"),
    ],
)
def test_words_with_capitals_are_found_and_come_out_in_lower_case(text, tokens):
    assert Tokenizer().tokenize([text]) == [tokens]
    cased = Tokenizer(Text(normalize=Normalize(lowercase=False))).tokenize([text])[0]
    assert cased.lower() == tokens and cased != tokens


@pytest.mark.parametrize("simplify", [False, True])
def test_user_words_are_spelled_as_the_text_is(tmp_path, simplify):
    path = tmp_path / "user.txt"
    path.write_text("T恤衫\niPhone手机\n5G网络 9 n\nＶＩＰ客户\n臺積電股價\ncafe\u0301馆\n", encoding="utf-8")
    options = Text(segment=Segment(user_dict=[str(path)]), normalize=Normalize(simplify=simplify))
    expected = ["t恤衫", "iphone手机", "5g网络", "vip客户", "台积电股价" if simplify else "臺積電股價"]
    for cutter in (Tokenizer(options), Tokenizer.from_state(Tokenizer(options).state())):
        assert cutter.tokenize(
            ["T恤衫", "用iPhone手机看", "有5G网络", "是VIP客户", "问臺積電股價", "café馆"]
        ) == [
            "t恤衫",
            "用 iphone手机 看",
            "有 5g网络",
            "是 vip客户",
            f"问 {expected[-1]}",
            "café 馆",  # a protected span, which goes before the user's words
        ]


def test_stopwords_are_spelled_as_the_text_is(tmp_path):
    path = tmp_path / "stop.txt"
    path.write_text("T恤\n電腦\nＶＩＰ\nUS\n", encoding="utf-8")

    def left(text, keep=(), **normalize):
        options = Stopwords(mode="en", lists=[str(path)], keep=list(keep))
        return Tokenizer(Text(stopwords=options, normalize=Normalize(**normalize))).tokenize([text])[0]

    assert left("T恤 電腦 VIP US us", simplify=True) == ""
    assert left("T恤 电脑 VIP", simplify=True, lowercase=False) == ""
    assert left("T恤 電腦 VIP US us", simplify=True, keep=["電腦", "US"]) == "电脑 us us"


def test_stopwords_keep_negations_and_match_any_case():
    given = ["我们不喜欢这部电影的结尾", "The film is not good"]
    assert tokenizer(stopwords="on").tokenize(given) == ["不 喜欢 这部 电影 结尾", "film not"]
    cased = tokenizer(stopwords="en", normalize=Normalize(lowercase=False))
    assert cased.tokenize(["The Film IS not Good"]) == ["Film not"]


def test_counts_say_what_each_step_removed():
    cutter = tokenizer(stopwords="on", normalize=Normalize(urls="remove", emails="remove"))
    cutter.tokenize(["<p>The film, a@b.org http://x.cn/y!"])
    assert cutter.counts == {"html": 1, "urls": 1, "emails": 1, "punctuation": 2, "stopwords": 1}


def test_tokens_of_the_text_do_not_become_labels():
    assert Tokenizer().tokenize(["__label__spam x"]) == ["label spam x"]  # the marks are punctuation
    words = [("__label__spam", 9, None)]  # a user word makes it one token
    for protect in (True, False):
        cutter = Tokenizer(Text(segment=Segment(protect=protect)), user_words=words)
        assert "＿_label__spam" in cutter.tokenize(["好__label__spam好"])[0].split()


def test_a_token_of_the_text_does_not_become_the_end_of_line():
    for punctuation in ("remove", "keep", "split"):
        for protect in (True, False):
            cutter = Tokenizer(
                Text(
                    normalize=Normalize(html=False), segment=Segment(punctuation=punctuation, protect=protect)
                )
            )
            assert "</s>" not in cutter.tokenize(["好</s>好 </s> a</s>"])[0].split()


ANY = st.lists(st.text(max_size=20) | st.sampled_from(MIXED), max_size=4)


@settings(deadline=None)
@given(ANY, st.sampled_from(["remove", "keep", "split"]), st.sampled_from(["on", "off"]), st.booleans())
def test_serving_and_preparation_agree_and_tokens_are_clean(texts, punctuation, stopwords, protect):
    options = Text(
        segment=Segment(punctuation=punctuation, protect=protect), stopwords=Stopwords(mode=stopwords)
    )
    lines = Tokenizer(options).tokenize(texts)
    batch = Tokenizer(options).apply(batch_of([t.encode("utf-8", "replace").decode() for t in texts]))[0]
    assert batch.column("tokens").to_pylist() == lines
    for line in lines:
        assert line == " ".join(line.split())  # one space between tokens, no other white space
        assert "\0" not in line
        assert not any(token.startswith("__label__") or token == "</s>" for token in line.split())


def test_apply_fills_language_and_appends_tokens_and_key():
    batch, rejected = Tokenizer().apply(batch_of(MIXED))
    assert batch.schema == TOKENIZED and rejected.schema == REJECTED and rejected.num_rows == 0
    assert batch.column("language").to_pylist() == ["zh", "en", "mixed", "en", "en"]
    assert batch.column("text").to_pylist() == MIXED and batch.column("line").to_pylist() == [1, 2, 3, 4, 5]
    assert batch.column("key")[2].as_py() == xxhash.xxh3_128_hexdigest(
        "用 pytorch 训练 fasttext 模型".encode()
    )


def test_apply_keeps_a_language_that_the_source_fixed():
    assert set(Tokenizer().apply(batch_of(MIXED, "zh"))[0].column("language").to_pylist()) == {"zh"}


def test_key_is_that_of_the_normalised_text():
    keys = (
        Tokenizer()
        .apply(batch_of(["Hello　Ｗorld", "<p>hello world</p>", "hello, world"]))[0]
        .column("key")
        .to_pylist()
    )
    assert keys[0] == keys[1] != keys[2] and all(len(key) == 32 for key in keys)


def test_apply_on_nothing():
    assert Tokenizer().apply(batch_of([]))[0].schema == TOKENIZED


@pytest.fixture
def files(tmp_path):
    user, stop = tmp_path / "user.txt", tmp_path / "stop.txt"
    user.write_text("韩玉赏鉴 5 n\n超级无敌词\n", encoding="utf-8")
    stop.write_text("电影\n", encoding="utf-8")
    return user, stop


def with_files(files, **segment):
    return Tokenizer(
        Text(
            segment=Segment(user_dict=[str(files[0])], **segment),
            stopwords=Stopwords(mode="zh", lists=[str(files[1])]),
        )
    )


def test_state_carries_dictionary_and_stopwords_without_the_files(files):
    first = with_files(files, hmm=False, punctuation="keep")
    given = ["他在韩玉赏鉴，看超级无敌词的电影"]
    tokens = first.tokenize(given)
    assert tokens == ["韩玉赏鉴 ， 超级无敌词"]
    state = json.loads(json.dumps(first.state()))
    for file in files:
        file.unlink()
    second = Tokenizer.from_state(state)
    assert second.tokenize(given) == tokens
    assert second.state() == first.state() and second.digest == first.digest
    assert "user.txt" not in json.dumps(state)  # paths of the machine it was made on do not travel


def test_digest_goes_by_content_and_options_and_not_by_path(files, tmp_path):
    one = with_files(files).digest
    moved = tmp_path / "elsewhere.txt"
    moved.write_bytes(files[0].read_bytes())
    assert with_files((moved, files[1])).digest == one
    assert with_files(files, hmm=False).digest != one
    moved.write_text("韩玉赏鉴 6 n\n", encoding="utf-8")
    assert with_files((moved, files[1])).digest != one


def test_from_state_refuses_what_would_cut_otherwise():
    state = Tokenizer().state()
    with pytest.raises(UserError, match=r"jieba 0\.39.*pip install jieba==0\.39"):
        Tokenizer.from_state({**state, "jieba": "0.39"})
    with pytest.raises(UserError, match="version 99"):
        Tokenizer.from_state({**state, "version": 99})


def test_missing_files_are_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="nothing.txt"):
        Tokenizer(Text(segment=Segment(user_dict=[str(tmp_path / "nothing.txt")])))


def test_white_space_alone_changes_nothing_but_line_breaks():
    tokenizer = Whitespace()
    assert tokenizer.tokenize(["A  <b>b</b>\u3000c!", "", "x\ny"]) == ["A  <b>b</b>\u3000c!", "", "x y"]
    back = Tokenizer.from_state(json.loads(json.dumps(tokenizer.state())))
    assert isinstance(back, Whitespace) and back.digest == tokenizer.digest != Tokenizer().digest


def test_a_state_of_version_1_makes_the_tokens_that_it_made():
    """The model was trained with them; figures are those of ftcore at 0.1."""
    state = Tokenizer(user_words=[("iPhone手机", 9, None)]).state()
    del state["text"]["segment"]["marks"]
    old = Tokenizer.from_state({**state, "version": 1})
    given = [
        "买了T恤和iPhone手机",
        "⚽ ❤️ ok 1️⃣ 😀",
        "if a<b and c>d &amp;amp; ?x=1&copy=2 &lt;",
        "हिन्दी और из-за",
        "İSTANBUL ΟΔΟΣ",
    ]
    assert old.tokenize(given) == [
        "买 了 t 恤 和 iphone 手机",
        "ok 1 😀",
        "if ad amp x 1 2",
        "ह न द और из за",
        "istanbul οδοσ",
    ]
    assert old.state() == {**state, "version": 1}  # so its digest stays, too
    assert Tokenizer.from_state(old.state()).tokenize(given) == old.tokenize(given)
    assert copy.deepcopy(old).tokenize(given) == old.tokenize(given) != Tokenizer().tokenize(given)


def test_the_digest_of_version_1_is_what_it_was():
    state = {**Tokenizer().state(), "version": 1, "jieba": "0.42.1"}
    del state["text"]["segment"]["marks"]
    assert Tokenizer.from_state(state).digest == DIGEST_1


def test_copies_share_jieba_and_count_for_themselves():
    tokenizer = Tokenizer(
        Text(segment=Segment(punctuation="remove")), user_words=[("好莱坞大片", None, None)]
    )
    texts = ["我看好莱坞大片！", "the end."]
    lines = tokenizer.tokenize(texts)
    twin = copy.deepcopy(tokenizer)
    assert twin.tokenize(texts) == lines and twin.digest == tokenizer.digest and "好莱坞大片" in lines[0]
    assert twin.counts == tokenizer.counts and twin.counts is not tokenizer.counts
    assert twin._lexicon is tokenizer._lexicon is not None


def test_a_stopword_of_half_a_character_is_in_no_text():
    """A model's file may have been edited: JSON can say it, no text can hold it."""
    tokenizer = Tokenizer(stop=["\ud800", "the"])
    again = Tokenizer.from_state(tokenizer.state())
    assert tokenizer.tokenize(["the film"]) == again.tokenize(["the film"]) == ["film"]
