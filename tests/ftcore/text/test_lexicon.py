import os
import random
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jieba import finalseg

from ftcore import native
from ftcore.errors import UserError
from ftcore.text.lexicon import lexicon_of, packed
from tests.reference import segmented
from tests.reference.segmented import CORPORA, FRAGMENTS

HEAD = 16 + 3 * 8 + 8 + 13 * 8  # bytes before the nodes
WAYS = [("default", True), ("default", False), ("search", True), ("search", False), ("all", True)]
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=14).map("".join)


@pytest.fixture(scope="module")
def reference():
    return segmented.tokenizer()


@pytest.fixture(scope="module")
def lexicon(reference):
    return of(reference)


@pytest.fixture(scope="module")
def with_words(reference):
    """jieba with 5,000 words of a user's, a tenth of them deleted ones, and its lexicon."""
    theirs, rng = segmented.copied(reference), random.Random(5)
    # jieba has one set of deleted words for the process
    forced, finalseg.Force_Split_Words = finalseg.Force_Split_Words, set()
    known = [word for word, count in reference.FREQ.items() if count]
    for number in range(5000):
        parts = rng.choices(known, k=rng.randrange(1, 3))
        word = "".join(parts)[: rng.randrange(2, 7)] if number % 3 else "".join(rng.choices(FRAGMENTS, k=3))
        word = word.strip() or "词"
        if number % 10 == 0:
            theirs.FREQ.setdefault(word, 0)
            theirs.add_word(word, 0)
        elif number % 10 == 1:
            theirs.suggest_freq(tuple(parts), tune=True)
        else:
            theirs.add_word(word, rng.choice((None, 1, 9, 3000)))
    theirs.forced, finalseg.Force_Split_Words = finalseg.Force_Split_Words, forced
    return theirs, of(theirs)


def of(tokenizer):
    return lexicon_of(tokenizer.FREQ, tokenizer.total, vars(tokenizer).get("forced", ()))


def rows(lines):
    blob, offsets = packed(lines)
    return np.ascontiguousarray(blob), offsets


def compared(theirs, ours, lines):
    """Every line in both modes and in each way: tokens with white space, columns without."""
    for way, hmm in WAYS:
        given = lines if way == "default" or len(lines) < 400 else lines[::5]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finalseg, "Force_Split_Words", vars(theirs).get("forced", set()))
            patch.setattr(finalseg, "viterbi", segmented.viterbi)
            if way == "search":
                expected = [theirs.lcut_for_search(line, HMM=hmm) for line in given]
            else:
                expected = [theirs.lcut(line, cut_all=way == "all", HMM=hmm) for line in given]
        for line, tokens in zip(given, expected, strict=True):
            assert ours.cut(line, hmm, True, way) == tokens, (way, line)
        text, offsets = ours.join(*rows(given), hmm, 2, way)
        got = [text[a:b].tobytes().decode() for a, b in zip(offsets[:-1], offsets[1:], strict=True)]
        assert got == [" ".join(t for t in tokens if t and not t.isspace()) for tokens in expected]


@settings(max_examples=400, deadline=None)
@example("我来到北京清华大学", True)
@given(texts, st.booleans())
def test_tokens_are_jiebas(reference, lexicon, text, hmm):
    assert lexicon.cut(text, hmm, True) == reference.lcut(text, HMM=hmm)
    assert lexicon.cut(text, hmm, False) == [t for t in reference.lcut(text, HMM=hmm) if not t.isspace()]


def test_tokens_are_jiebas_on_fuzzed_lines(reference, lexicon, with_words):
    lines = list(segmented.fuzz_lines(0, 3000))
    compared(reference, lexicon, lines)
    compared(*with_words, lines[:1000])


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("user", [False, True])
def test_tokens_are_jiebas_on_a_million_fuzzed_lines(reference, lexicon, with_words, user):
    for seed in range(1, 101):
        compared(*(with_words if user else (reference, lexicon)), list(segmented.fuzz_lines(seed, 10_000)))


@pytest.mark.parametrize("name", CORPORA)
def test_tokens_are_jiebas_on_real_text(reference, lexicon, with_words, name):
    lines = some_of(name, 50 if name == "sighan2005" else 2500 if name == "zhwiki" else 400)
    compared(reference, lexicon, lines)
    compared(*with_words, lines[::4])


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("name", CORPORA)
def test_tokens_are_jiebas_on_all_of_it(reference, lexicon, with_words, name, user):
    lines = some_of(name, 1)
    for begin in range(0, len(lines), 20_000):
        compared(*(with_words if user else (reference, lexicon)), lines[begin : begin + 20_000])


@pytest.mark.parametrize(
    ("name", "hmm", "expected"),
    [("pku", True, 0.818), ("pku", False, 0.836), ("msr", True, 0.813), ("msr", False, 0.827)],
)
def test_words_of_sighan_2005_are_found_as_jieba_finds_them(lexicon, record_property, name, hmm, expected):
    """Word F1 over the test texts: jieba's own, so that a change of both judge and judged shows."""
    folder = segmented.folder() / "sighan2005"
    if not folder.is_dir():
        pytest.skip("no sighan2005 here: FTCORE_DATA names the folder of data")
    texts, gold = (
        (folder / f"{name}_test{kind}.utf8").read_text(encoding="utf-8").split("\n") for kind in ("", "_gold")
    )
    right = found = wanted = 0
    for text, answer in zip(texts, gold, strict=True):
        if "".join(text.split()) != "".join(answer.split()):
            continue  # 16 lines of msr, whose answers are to another text
        ours, theirs = (spans_of(tokens) for tokens in (lexicon.cut(text, hmm, False), answer.split()))
        right, found, wanted = right + len(ours & theirs), found + len(ours), wanted + len(theirs)
    f1 = 2 * right / (found + wanted)
    record_property("word_f1", f1)
    print(f"SIGHAN-2005 {name}, hmm {hmm}: word F1 {f1:.4f}")
    assert f1 == pytest.approx(expected, abs=0.0006)


def spans_of(tokens):
    """Where tokens begin and end in the text without white space."""
    ends = np.cumsum([0, *map(len, tokens)]).tolist()
    return set(zip(ends[:-1], ends[1:], strict=True))


def some_of(name, step):
    if not (segmented.folder() / name).is_dir():
        pytest.skip(f"no {name} here: FTCORE_DATA names the folder of data")
    return list(segmented.corpus(name))[::step]


LETTERS = "一人中国a1.-·"
entries = st.dictionaries(st.text(LETTERS, min_size=1, max_size=4), st.integers(0, 4), max_size=25)


@settings(max_examples=300, deadline=None)
@given(entries, st.lists(st.text(LETTERS, max_size=10), max_size=4), st.data())
def test_any_live_tokenizer_is_followed(frequencies, lines, data):
    """Few words of few counts, whose ways are often equal; entries without their beginnings; changes in place."""
    theirs = segmented.of_words(dict(frequencies))
    ours = of(theirs)
    if data.draw(st.booleans()):
        ours = native.load_lexicon(ours.dump())
    for _ in range(3):
        for line in lines:
            for hmm in (True, False):
                assert ours.cut(line, hmm, True) == theirs.lcut(line, HMM=hmm)
                assert ours.cut(line, hmm, True, "search") == theirs.lcut_for_search(line, HMM=hmm)
            assert ours.cut(line, True, True, "all") == theirs.lcut(line, cut_all=True)
        for word in [*theirs.FREQ, "人中", "·", "zz"]:
            assert ours.count(word) == theirs.FREQ.get(word, -1)
        word, count = data.draw(st.text(LETTERS, min_size=1, max_size=4)), data.draw(st.integers(0, 9))
        prefixes = data.draw(st.booleans())
        if data.draw(st.booleans()):
            if prefixes:
                for stop in range(1, len(word)):
                    theirs.FREQ.setdefault(word[:stop], 0)
            theirs.FREQ[word] = count
            ours.set(word, count, np.log(count) if count else 0, prefixes)
        elif theirs.FREQ.pop(word, None) is not None:
            ours.erase(word)


def test_a_dictionary_that_grows_in_place_is_the_one_that_was_made_so(reference):
    """Thousands of new words: families move, the array grows."""
    theirs, ours, rng = segmented.copied(reference), of(reference), random.Random(2)
    words = [
        "".join(chr(rng.randrange(0x4E00, 0x9FD6)) for _ in range(rng.randrange(1, 5))) for _ in range(5000)
    ]
    for word in words:
        theirs.add_word(word, 7)
        ours.set(word, 7, np.log(7), True)
    ours.log_total = float(np.log(theirs.total))
    for word in words[::7]:
        assert ours.count(word) == 7 and ours.count(word[:-1]) == theirs.FREQ.get(word[:-1], -1)
    lines = ["".join(rng.choices(words, k=8)) for _ in range(200)] + list(segmented.fuzz_lines(9, 500))
    compared(theirs, ours, lines)


def test_first_letters_keep_their_places_in_a_dictionary_that_grows():
    """No family of a small dictionary may grow into the slots that wait for rare first characters, ASCII here."""
    ascii = "+#&._%-0123456789abcdefghijklmnopqrstuvwxyz"
    for seed in range(20):
        rng, ours, counts = random.Random(seed), lexicon_of({"中": 1}, 1), {"中": 1}
        for count in range(100):
            word = "".join(rng.choices("一丁丂七丄丅丆万丈三上下" + ascii, k=rng.randrange(1, 4)))
            ours.set(word, count, 1.0, False)
            counts[word] = count
            assert all(ours.count(char) == counts.get(char, -1) for char in ascii)
        assert all(ours.count(word) == count for word, count in counts.items())
        assert np.array_equal(native.load_lexicon(ours.dump()).dump(), ours.dump())


def test_a_lexicon_is_its_bytes(reference, lexicon):
    dumped = lexicon.dump()
    loaded = native.load_lexicon(dumped)
    assert np.array_equal(loaded.dump(), dumped) and loaded.log_total == lexicon.log_total
    compared(reference, loaded, list(segmented.fuzz_lines(8, 200)))
    assert loaded.count("γ射线") == 3 and loaded.count("γ射") == 0 and loaded.count("γ线") == -1
    before = dumped.copy()
    loaded.set("龘靐", 5, 1.0, True)
    assert np.array_equal(before, dumped) and loaded.cut("龘靐", True, False) == ["龘靐"]


@pytest.mark.parametrize("damage", ["short", "long", "magic", "slots", "base", "letter", "empty"])
def test_bytes_of_no_lexicon_are_refused(lexicon, damage):
    dumped = lexicon.dump()
    if damage == "short":
        dumped = dumped[:-8].copy()
    elif damage == "long":
        dumped = np.concatenate([dumped, np.zeros(8, np.uint8)])
    elif damage == "empty":
        dumped = dumped[:0]
    elif damage == "magic":
        dumped[3] ^= 1
    elif damage == "slots":
        dumped[16:24].view(np.int64)[:] = 1 << 60
    else:
        slots = int(dumped[16:24].view(np.int64)[0])
        node = dumped[HEAD + 16 : HEAD + 32]  # letter 1 of the root
        if damage == "base":
            node[:4].view(np.uint32)[:] = slots
        else:
            node[4:6].view(np.uint16)[:] = 2
    with pytest.raises(ValueError, match="no lexicon's bytes"):
        native.load_lexicon(dumped)


def test_a_word_that_was_deleted_is_not_joined_by_the_model_either(reference):
    lexicon = lexicon_of({**reference.FREQ, "杭研": 0}, reference.total)
    assert lexicon.cut("杭研", True, False) == ["杭研"]
    lexicon.force_split("杭研")
    assert lexicon.cut("杭研", True, False) == ["杭", "研"]


def test_rows_are_cut_alike_by_any_number_of_threads(lexicon):
    lines = list(segmented.fuzz_lines(3, 2000)) * 30
    blob, offsets = rows(lines)
    alone, together = (
        lexicon.join(blob, offsets, True, 1),
        lexicon.join(blob, offsets.astype(np.int32), True, 3),
    )
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
    begins, ends, cuts = lexicon.spans(blob, offsets, True, True, 3)
    assert np.array_equal(np.sort(begins), begins) and cuts[-1] == len(begins) == len(ends)
    whole = blob.tobytes()
    for row in range(0, 2000, 97):
        tokens = [whole[begins[i] : ends[i]].decode() for i in range(cuts[row], cuts[row + 1])]
        assert tokens == lexicon.cut(lines[row], True, True)


def test_what_is_no_text_is_refused_by_its_row(lexicon):
    good = "中文".encode()
    for bad in (
        b"\xff",
        b"\xe4\xb8",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf8\x88\x80\x80\x80",
        b"\xe4\xb8a",
        b"\x80",
    ):
        blob = np.frombuffer(good + b"a" + bad, np.uint8)
        offsets = np.array([0, len(good), len(blob)])
        with pytest.raises(ValueError, match="row 1: .*not UTF-8 at byte 1"):
            lexicon.join(blob, offsets, True, 1)
    with pytest.raises(UnicodeEncodeError):
        lexicon.cut("中\ud800", True, True)
    with pytest.raises(ValueError, match="offsets"):
        lexicon.join(np.zeros(3, np.uint8), np.array([0, 4]), True, 1)


def test_a_dictionary_that_is_none_is_refused():
    with pytest.raises(UserError, match="surrogates"):
        lexicon_of({"\ud800": 1}, 1)
    with pytest.raises(UserError, match="negative"):
        lexicon_of({"中": -1}, 1)
    with pytest.raises(UserError, match="math domain|positive"):
        lexicon_of({"中": 1}, 0)
    assert lexicon_of({"a\nb": 1, "中\n": 2}, 3).count("中\n") == 2


@pytest.mark.parametrize("hmm", [True, False])
def test_time_is_linear_in_a_run_of_unknown_characters(lexicon, hmm):
    """jieba copies the way so far with every character: 64,000 of them take it 18 s."""
    rng = random.Random(0)
    text = "".join(chr(rng.randrange(0x4E00, 0x9FA6)) for _ in range(64_000))
    begin = time.process_time()
    tokens = lexicon.cut(text, hmm, False)
    assert time.process_time() - begin < 0.1
    assert "".join(tokens) == text


def test_the_quicker_model_of_the_tests_is_jiebas():
    for line in segmented.fuzz_lines(4, 3000):
        if line:
            given = line, "BMES", finalseg.start_P, finalseg.trans_P, finalseg.emit_P
            assert segmented.viterbi(*given) == finalseg.viterbi(*given)


def test_a_long_run_is_cut_as_jieba_cuts_it(reference, lexicon):
    text = "".join(next(iter(segmented.fuzz_lines(seed, 1))) for seed in range(400)).replace(" ", "")
    compared(reference, lexicon, ["龘靐齉爩" * 700, text])


def test_ctrl_c_ends_the_work(lexicon):
    blob, offsets = rows(["我来到北京清华大学，龘靐齉爩" * 200] * 20_000)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        lexicon.join(blob, offsets, True, 2)
    assert time.monotonic() - begin < 5
