"""Noise: pure, as much as was asked for, and of the kind that its name says."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.errors import InvalidOptions, UserError
from ftcore.text.noise import CHINESE, ENGLISH, KINDS, is_han, noisy, noisy_all, uncut
from ftcore.text.noise_tables import LOOKS, SOUNDS, has_pinyin, homophones, partners
from ftcore.text.tokenizer import Tokenizer

HERE = tuple(kind for kind in KINDS if kind != "homophone" or has_pinyin())
EN = "The Film was wonderful, and nobody left before the end of it. " * 20
ZH = "北大中文系的老师说：现在的学生做作业，要有时间去看电影和听音乐。" * 20


def distance(a: str, b: str) -> int:
    """Edits between two strings, a swap of neighbours counting as two."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


@settings(max_examples=80, deadline=None)
@given(text=st.text(max_size=60), kind=st.sampled_from(HERE), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_noise_is_a_function_of_its_arguments(text, kind, share, seed):
    found = noisy(text, kind, share, seed)
    assert found == noisy(text, kind, share, seed) and isinstance(found, str)
    assert noisy(text, kind, 0.0, seed) == text


@pytest.mark.parametrize(("text", "kinds"), [(EN, ENGLISH), (ZH, CHINESE)])
def test_as_many_characters_change_as_was_asked_for(text, kinds):
    for kind in kinds:
        if kind == "words" or (kind == "width" and text == ZH):
            continue
        edits = distance(text, noisy(text, kind, 0.1, 5)) / sum(not c.isspace() for c in text)
        able = 0.03 if kind in ("sound", "look", "case", "characters") else 0.06  # a swap is two edits
        assert able <= edits <= 0.21, (kind, edits)
        assert noisy(text, kind, 0.1, 5) != noisy(text, kind, 0.1, 6)


def test_each_kind_is_what_its_name_says():
    assert sorted(noisy(EN, "swap", 0.2)) == sorted(EN) and sorted(noisy(ZH, "swap", 0.2)) == sorted(ZH)
    assert len(noisy(EN, "drop", 0.2)) < len(EN) < len(noisy(EN, "double", 0.2))
    assert noisy(EN, "case", 0.5).lower() == EN.lower() and noisy(EN, "case", 0.5) != EN
    assert unicodedata.normalize("NFKC", noisy(EN, "width", 0.5)) == EN and noisy(EN, "width", 0.5) != EN
    for kind, groups in (("sound", SOUNDS), ("look", LOOKS)):
        found = noisy(ZH, kind, 0.3)
        assert len(found) == len(ZH) and found != ZH
        pairs = {(a, b) for a, b in zip(ZH, found, strict=True) if a != b}
        assert all(any(a in group and b in group for group in groups) for a, b in pairs)
        assert noisy(EN, kind, 0.5) == EN
    words = noisy(EN, "words", 0.3).split()
    assert 0.5 < len(words) / len(EN.split()) < 0.9 and set(words) <= set(EN.split())


def test_homophones_sound_alike_and_are_all_of_the_common_characters():
    pypinyin = pytest.importorskip("pypinyin")
    groups = homophones()
    assert sum(map(len, groups)) == 3755 and all(map(is_han, "".join(groups)))
    found = noisy(ZH, "homophone", 0.3)
    pairs = [(a, b) for a, b in zip(ZH, found, strict=True) if a != b]
    assert 0.2 < len(pairs) / len(ZH) < 0.4
    assert all(pypinyin.lazy_pinyin(a) == pypinyin.lazy_pinyin(b) for a, b in pairs)
    assert len(set(pairs)) > len({p for p in zip(ZH, noisy(ZH, "sound", 0.3), strict=True) if p[0] != p[1]})


def test_homophones_need_an_extra(monkeypatch):
    import sys

    from ftcore.text import noise
    from ftcore.trust.robustness import kinds_of

    noise._homophones.cache_clear()
    monkeypatch.setitem(sys.modules, "pypinyin", None)
    with pytest.raises(UserError, match=r"pip install 'ftcore\[pinyin\]', or take the kind sound"):
        noisy(ZH, "homophone", 0.1)
    assert "homophone" not in kinds_of([ZH])
    monkeypatch.undo()
    assert ("homophone" in kinds_of([ZH])) == has_pinyin() and "homophone" not in kinds_of([EN])


def test_tables_hold_pairs_in_both_directions():
    for groups in (SOUNDS, LOOKS):
        table = partners(groups)
        assert len(table) > 100 and all(is_han(c) for c in table)
        for character, others in table.items():
            assert others and character not in others and all(character in table[other] for other in others)


def test_wrong_words_are_refused():
    with pytest.raises(InvalidOptions, match="noise 'x': choose one of characters"):
        noisy("a", "x", 0.1)
    with pytest.raises(InvalidOptions, match="share 2"):
        noisy_all(["a"], "swap", 2)


def test_uncut_text_is_cut_alike():
    texts = ["我用c++写程序 every day 很好看", "a fine film", "北大中文系副主任"]
    lines = Tokenizer().tokenize(texts)
    assert Tokenizer().tokenize([uncut(line) for line in lines]) == lines
