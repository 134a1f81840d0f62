"""Word sets go through the corpus's own normalisation, say what is known of them, and are read before training."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ftcore.config import Config, DictionaryOptions, load_config
from ftcore.dictionary.dictionary import Dictionary as Words
from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.text.tokenizer import Tokenizer
from tasks.word_sets import check_word_files, check_words, word_scores

CORPUS = ["paris france berlin germany 体育 股票 t恤"]


def configured(folder: Path, *overrides: str, **sets: str) -> Config:
    """A configuration whose word sets are files with the given content."""
    for name, content in sets.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    return load_config(None, [f"data={folder}", *(f"evaluate.{n}=[{n}.txt]" for n in sets), *overrides])


def model(maxn: int = 0) -> FastText:
    options = DictionaryOptions(minn=min(maxn, 2), maxn=maxn, bucket=100)
    dictionary = Words.build([([], line) for line in CORPUS], options)
    return FastText.untrained(Tokenizer(), dictionary, dim=8, kind="skipgram", loss="ns", seed=1)


def test_words_are_spelled_as_the_corpus_is(tmp_path):
    """Case, full width and traditional characters; str.lower alone finds one pair of three."""
    config = configured(
        tmp_path,
        "text.normalize.simplify=true",
        "evaluate.neighbors=[PARIS, Ｔ恤]",
        similarity="Paris Berlin 5\n體育 股票 3\nＴ恤 Ｐａｒｉｓ 1\n",
        analogies="PARIS France Ｂｅｒｌｉｎ Germany\n",
    )
    tables = {}
    metrics = word_scores(config, model().to_model(), tables)
    assert (metrics["similarity/similarity_used"], metrics["similarity/similarity_total"]) == (3, 3)
    assert not math.isnan(metrics["similarity/similarity"])
    assert (metrics["similarity/similarity_known"], metrics["similarity/similarity_words"]) == (5, 5)
    assert (metrics["analogies/analogies_used"], metrics["analogies/analogies_known"]) == (1, 4)
    assert set(tables["neighbors"]["query"]) == {"paris", "t恤"} and tables["neighbors"]["rank"].min() == 1
    assert (metrics["neighbors/known"], metrics["neighbors/words"]) == (2, 2)


def test_case_stays_where_the_corpus_keeps_it(tmp_path):
    config = configured(
        tmp_path, "text.normalize.lowercase=false", similarity="Paris paris 1\nparis berlin 2\n"
    )
    metrics = word_scores(config, model().to_model(), {})
    assert (metrics["similarity/similarity_known"], metrics["similarity/similarity_words"]) == (2, 3)


@pytest.mark.parametrize(
    ("kind", "content", "place"),
    [
        ("similarity", "a b 1\nc d\n", "similarity.txt:2"),
        ("similarity", "a b 1\nc d high\n", "similarity.txt:2"),
        ("similarity", "a b c d\n", "similarity.txt"),
        ("similarity", "", "similarity.txt"),
        ("analogies", "a b c d\na b c\n", "analogies.txt:2"),
        ("analogies", ": section\na b c d e\n", "analogies.txt:2"),
        ("analogies", ": capitals\n", "analogies.txt"),
    ],
)
def test_a_wrong_file_is_named_with_its_line_before_any_training(tmp_path, kind, content, place):
    with pytest.raises(UserError, match=place.replace(".", r"\.")):
        check_word_files(configured(tmp_path, **{kind: content}))


def test_a_missing_file_and_a_word_that_is_none_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"gone\.txt: no such file"):
        check_word_files(configured(tmp_path, "evaluate.analogies=[gone.txt]"))
    with pytest.raises(UserError, match="'new york' is not one word"):
        check_word_files(configured(tmp_path, "evaluate.neighbors=['new york']"))


def test_a_set_of_which_nothing_is_known_is_refused_or_said_before_the_training(tmp_path, caplog):
    config = configured(tmp_path, similarity="猫 狗 1\n树 花 2\n")
    with pytest.raises(UserError, match=r"similarity\.txt: none of its 4 words .* vocabulary of 8 words"):
        check_words(config, model().dictionary)
    check_words(config, model(maxn=3).dictionary)  # n-grams make vectors of them
    assert "0 of its 4 words are in the vocabulary" in caplog.text
