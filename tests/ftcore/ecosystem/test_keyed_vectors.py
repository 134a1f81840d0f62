"""gensim's KeyedVectors: the same vectors as ours and as those gensim loads from our `.bin`."""

import numpy as np
import pytest

import ftcore
from ftcore.ecosystem import to_keyed_vectors
from ftcore.errors import UserError
from ftcore.fasttext import FastText

gensim = pytest.importorskip("gensim", reason="gensim is not installed (the extra gensim)")

TEXTS = ["这部电影好看", "boring film", "很好的书", "bad and boring book", "好看 好书", "a bad film"] * 4
ASKED = ["film", "</s>", "好书", "a", "unseen", "从未", "中"]


def pretrained(**options) -> FastText:
    return FastText.from_texts(TEXTS, **{"dim": 9, "minn": 1, "maxn": 3, "bucket": 700, "seed": 4, **options})


def vectors_of(model, words) -> np.ndarray:
    return np.stack([model.word_vector(word) for word in words])


def test_words_in_and_out_of_the_vocabulary():
    model = pretrained()
    assert len(model.dictionary.buckets) < 700, "all buckets have a row: a weak test"
    keyed = to_keyed_vectors(model)
    assert isinstance(keyed, gensim.models.fasttext.FastTextKeyedVectors)
    np.testing.assert_allclose(np.stack([keyed[w] for w in ASKED]), vectors_of(model, ASKED), atol=1e-7)
    assert keyed.index_to_key == model.words
    assert [keyed.get_vecattr(w, "count") for w in model.words] == model.dictionary.counts.tolist()
    ours = model.nearest_neighbors("film", 5)
    theirs = keyed.most_similar("film", topn=5)
    np.testing.assert_allclose([c for _, c in theirs], [c for _, c in ours], atol=1e-6)
    assert {w for w, _ in theirs[:2]} == {w for w, _ in ours[:2]}


def test_the_same_as_gensim_loads_from_our_file(tmp_path):
    model = pretrained()
    model.save(tmp_path / "m")
    ftcore.load_model(tmp_path / "m").save_model(str(tmp_path / "m.bin"))
    loaded = gensim.models.fasttext.load_facebook_vectors(str(tmp_path / "m.bin"))
    for source in (model, tmp_path / "m", str(tmp_path / "m.bin"), ftcore.load_model(tmp_path / "m.bin")):
        keyed = to_keyed_vectors(source)
        np.testing.assert_array_equal(keyed.vectors_ngrams, loaded.vectors_ngrams)
        np.testing.assert_array_equal(keyed.vectors_vocab, loaded.vectors_vocab)
        for word in ("unseen", "从未", *model.words):
            if word != "</s>":  # whose n-grams gensim counts and fastText does not
                np.testing.assert_allclose(keyed[word], loaded[word], atol=1e-7)


def test_saved_by_gensim(tmp_path):
    keyed = to_keyed_vectors(pretrained())
    keyed.save(str(tmp_path / "kv"))
    back = type(keyed).load(str(tmp_path / "kv"))
    for word in ("film", "unseen", "好书"):
        np.testing.assert_allclose(back[word], keyed[word], atol=1e-7)


@pytest.mark.parametrize("options", [{"minn": 0, "maxn": 0}, {}], ids=["no n-grams", "not asked for"])
def test_vocabulary_alone(options):
    model = pretrained(**options)
    keyed = to_keyed_vectors(model, None if options else False)
    assert type(keyed) is gensim.models.KeyedVectors
    np.testing.assert_allclose(keyed.vectors, model.word_vectors(), atol=1e-7)
    with pytest.raises(KeyError):
        keyed["unseen"]


def test_words_that_are_no_utf8(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"caf\xe9 bar\xff bar\xff bar\n" * 3)
    made = ftcore.train_unsupervised(
        str(tmp_path / "t.txt"), dim=4, minCount=1, bucket=100, epoch=1, verbose=0
    )
    keyed = to_keyed_vectors(made)
    assert set(keyed.index_to_key) == {"</s>", "bar", "bar\\xff", "caf\\xe9"}
    assert keyed.key_to_index["bar\\xff"] == 0


def test_quantised_models(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"__label__{i % 2} " + " ".join(f"w{j}" for j in rng.integers(0, 300, 9)) for i in range(400)]
    (tmp_path / "t.txt").write_text("\n".join(lines) + "\n")
    made = ftcore.train_supervised(str(tmp_path / "t.txt"), dim=8, minn=2, maxn=3, bucket=500, verbose=0)
    made.quantize(cutoff=400, qnorm=True)
    keyed = to_keyed_vectors(made)
    assert type(keyed) is gensim.models.KeyedVectors
    np.testing.assert_allclose(keyed["w7"], made.get_word_vector("w7"), atol=1e-6)
    with pytest.raises(UserError, match="was cut off and lacks buckets"):
        to_keyed_vectors(made, subwords=True)


def test_mistakes():
    with pytest.raises(UserError, match="has no character n-grams"):
        to_keyed_vectors(pretrained(minn=0, maxn=0), subwords=True)
    with pytest.raises(UserError, match="dict is no model"):
        to_keyed_vectors({})
