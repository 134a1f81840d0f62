import pytest

from ftcore.config import Stopwords
from ftcore.errors import UserError
from ftcore.text.stopwords import stopwords


def test_modes():
    assert stopwords(Stopwords()) == frozenset()
    zh, en = stopwords(Stopwords(mode="zh")), stopwords(Stopwords(mode="en"))
    assert {"的", "了"} <= zh and "the" not in zh
    assert {"the", "of"} <= en and "的" not in en
    assert stopwords(Stopwords(mode="on")) == zh | en
    assert not {"，", "。", "$", ","} & (zh | en)  # punctuation has an option of its own


@pytest.mark.parametrize("word", ["不", "没", "没有", "别", "not", "never", "don't", "isn't", "no"])
def test_negations_stay(word):
    assert word not in stopwords(Stopwords(mode="on"))


def test_negations_go_when_asked():
    assert {"不", "别", "not", "never", "don't", "no"} <= stopwords(
        Stopwords(mode="on", keep_negations=False)
    )


def test_lists_and_kept_words(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\ufeff# a comment\n电影\nThe\n\n不\n#tag\n", encoding="utf-8")
    words = stopwords(Stopwords(mode="en", lists=[str(path)], keep=["of"]))
    assert {"电影", "the", "不", "#tag"} <= words  # what the user lists is meant, negation or not
    assert "of" not in words and "# a comment" not in words


def test_errors_name_the_place(tmp_path):
    with pytest.raises(UserError, match=r"stopwords\.lists: .*none.txt"):
        stopwords(Stopwords(mode="on", lists=[str(tmp_path / "none.txt")]))
    (tmp_path / "bad.txt").write_bytes(b"a\nb\n\xff\n")
    with pytest.raises(UserError, match="bad.txt, line 3: not UTF-8"):
        stopwords(Stopwords(mode="on", lists=[str(tmp_path / "bad.txt")]))
