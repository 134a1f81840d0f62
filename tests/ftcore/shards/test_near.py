"""Near copies: what is planted is found, what is not alike stays, and what goes names what it went for."""

import random
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore import native
from ftcore.base.strings import string_buffers, strings
from ftcore.config import NearCopies
from ftcore.shards.dedup import Dropped
from ftcore.shards.near import find_near_copies
from ftcore.shards.shards import SHARD, RowGroupWriter

OPTIONS = NearCopies()


def shingles(tokens, language, options=OPTIONS):
    """The definition, in Python: n-grams of characters without spaces, or of words; a short text is one."""
    units = tokens.split() if language == "en" else list(tokens.replace(" ", ""))
    n = min(options.words if language == "en" else options.characters, len(units))
    return {tuple(units[at : at + n]) for at in range(len(units) - n + 1)} if units else set()


def similarity(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


def save(folder, parts):
    """Documents (language, tokens) as the Parquet files of parts."""
    paths = []
    for number, documents in enumerate(parts):
        paths.append(folder / f"{number}.parquet")
        writer = RowGroupWriter(paths[-1], 1000)
        rows = [
            {"id": "", "language": language, "split": "", "labels": [], "tokens": tokens, "source": ""}
            for language, tokens in documents
        ]
        writer.write(pa.RecordBatch.from_pylist(rows, schema=SHARD))
        writer.close()
    return paths


def found(folder, parts, options=OPTIONS, gone=()):
    mask = np.zeros(sum(map(len, parts)), bool)
    mask[list(gone)] = True
    return find_near_copies(save(folder, parts), mask, options, folder)


def shingled(texts, by_characters, options):
    """Hashes of shingles, where each document's begin, and sketches."""
    sketches = np.zeros((len(texts), native.SKETCH), np.uint64)
    given = options.characters, options.words, sketches
    return *native.shingles(*string_buffers(strings(texts)), by_characters, *given), sketches


units = st.lists(st.sampled_from("ab我们é𠀀"), max_size=9)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.booleans(), units), max_size=6), st.integers(1, 4), st.integers(1, 3))
def test_shingles_are_those_of_the_definition(documents, characters, words):
    texts = [" ".join(each) for _, each in documents]
    by = np.array([chars for chars, _ in documents], bool)
    options = NearCopies(characters=characters, words=words)
    hashes, cuts, _ = shingled(texts, by, options)
    known: dict = {}
    for row, text in enumerate(texts):
        mine = hashes[cuts[row] : cuts[row + 1]].tolist()
        expected = shingles(text, "zh" if by[row] else "en", options)
        assert len(mine) == len(expected) and mine == sorted(set(mine))
        for other, theirs in known.items():
            if by[other] == by[row]:
                assert len(set(mine) & set(theirs[0])) == len(expected & theirs[1])
        known[row] = mine, expected


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.text("abcdefg", max_size=80), min_size=2, max_size=6),
    st.sampled_from([0.3, 0.5, 0.8, 0.95, 1.0]),
    st.integers(1, 3),
)
def test_a_pair_is_settled_by_its_true_similarity(tmp_path_factory, texts, threshold, characters):
    """Whatever sketches and sizes say before: the verdict on every pair is that of the sets themselves."""
    spaced = [" ".join(text) for text in texts]
    options = NearCopies(threshold=threshold, characters=characters)
    hashes, cuts, sketches = shingled(spaced, np.ones(len(texts), bool), options)
    sets = [shingles(text, "zh", options) for text in spaced]
    path = tmp_path_factory.getbasetemp() / "some-shingles"
    path.write_bytes(hashes.tobytes())
    for later in range(1, len(texts)):
        for earlier in range(later):
            kept, alike = np.full(len(texts), -1, np.int64), np.zeros(len(texts), np.float32)
            pair = np.array([later]), np.array([earlier])
            with open(path, "rb") as file:
                assert native.settle_pairs(*pair, file.fileno(), cuts, sketches, threshold, kept, alike)
            true = similarity(sets[earlier], sets[later])
            assert (kept[later] == earlier) == (true >= threshold)
            if true >= threshold:
                assert alike[later] == pytest.approx(true)


@pytest.mark.parametrize("text", ["a" * 5_000, "".join(map(chr, range(0x4E00, 0x4E00 + 5_000)))])
def test_long_documents_have_their_shingles_in_order(text):
    hashes, cuts, sketches = shingled([" ".join(text)], np.ones(1, bool), OPTIONS)
    assert hashes.tolist() == sorted(set(hashes.tolist()))
    assert len(hashes) == len(shingles(" ".join(text), "zh"))
    bits = np.zeros(512, np.uint8)
    bits[hashes % 512] = 1
    assert (np.packbits(bits, bitorder="little") == sketches.view(np.uint8)[0]).all()


def test_a_copy_goes_for_the_first_that_stays(tmp_path):
    text = " ".join(f"w{n}" for n in range(100))
    close = text.replace("w20 ", "x ").replace("w50 ", "y ")
    far = close.replace("w70 ", "z ").replace("w90 ", "u ")  # like the copy, not like the document
    parts = [[("en", text), ("en", "something else entirely, which stays")], [("en", close), ("en", far)]]
    drop = found(tmp_path, parts)
    alike = similarity(shingles(text, "en"), shingles(close, "en"))
    assert drop.rows.tolist() == [2] and drop.kept.tolist() == [0]
    assert drop.similarity.tolist() == pytest.approx([alike])
    assert similarity(shingles(close, "en"), shingles(far, "en")) > 0.8
    lower = found(tmp_path, parts, NearCopies(threshold=0.65))
    assert lower.rows.tolist() == [2, 3] and lower.kept.tolist() == [0, 0]


def test_nothing_goes_for_what_is_gone(tmp_path):
    text = " ".join(f"w{n}" for n in range(100))
    parts = [[("en", text), ("en", text), ("en", text + " more")]]
    assert found(tmp_path, parts, gone=[1]).rows.tolist() == [2]
    assert found(tmp_path, parts, gone=[0]).kept.tolist() == [1]
    assert found(tmp_path, parts, gone=[0, 1]).rows.tolist() == []


def test_what_went_for_a_document_that_goes_goes_for_its_own():
    exact = Dropped(np.array([4, 7]), np.array([2, 3]), np.ones(2, np.float32))
    near = Dropped(np.array([2]), np.array([0]), np.array([0.9], np.float32))
    both = exact.also(near)
    assert both.rows.tolist() == [2, 4, 7] and both.kept.tolist() == [0, 0, 3]
    assert both.similarity.tolist() == pytest.approx([0.9, 0.9, 1])


def test_documents_without_tokens_and_files_without_documents(tmp_path):
    assert found(tmp_path, [[("zh", ""), ("zh", ""), ("en", "")], []]).rows.tolist() == []
    assert find_near_copies([], np.zeros(0, bool), OPTIONS, tmp_path).rows.tolist() == []


def test_stretches_without_a_likely_pair_between_stretches_with_one(tmp_path):
    lonely = [("en", " ".join(f"w{n * 50 + i}" for i in range(20))) for n in range(2_500)]
    pair = [("en", " ".join(f"v{i}" for i in range(40))), ("en", " ".join(f"v{i}" for i in range(1, 41)))]
    assert found(tmp_path, [[*lonely, *pair]]).rows.tolist() == [2_501]
    assert found(tmp_path, [[*pair, *lonely, *pair]]).rows.tolist() == [1, 2_502, 2_503]


def test_the_result_does_not_depend_on_how_documents_were_cut(tmp_path):
    documents, _ = planted(random.Random(5), 300, 200)
    one = found(tmp_path, [documents])
    many = found(tmp_path, [documents[at : at + 37] for at in range(0, len(documents), 37)])
    assert len(one.rows) > 50
    for name in ("rows", "kept", "similarity"):
        assert (getattr(one, name) == getattr(many, name)).all()


def planted(rng, bases, copies):
    """Documents of both languages with copies whose words were changed at known rates: (documents, base of each)."""
    han = [chr(0x4E00 + n) for n in range(3000)]
    documents, base = [], []
    for number in range(bases):
        size = rng.randrange(60, 300)
        if number % 2:
            documents.append(("en", " ".join(f"w{int(20_000 * rng.random() ** 2)}" for _ in range(size))))
        else:
            documents.append(("zh", " ".join(rng.choice(han) for _ in range(size))))
        base.append(-1)
    for _ in range(copies):
        origin = rng.randrange(bases)
        language, tokens = documents[origin]
        words, rate = tokens.split(), rng.choice([0.0, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3])
        edited = []
        for word in words:
            if rng.random() >= rate:
                edited.append(word)
            elif rng.random() < 0.7:  # another word; else it is left out
                edited.append(rng.choice(han) if language == "zh" else f"v{rng.randrange(10**6)}")
        documents.append((language, " ".join(edited)))
        base.append(origin)
    return documents, base


@pytest.mark.parametrize("bases", [500, pytest.param(5_000, marks=pytest.mark.slow)])
def test_planted_copies(tmp_path, capsys, bases):
    """Twice as many near copies as documents: 95 % are found from a similarity of .8 on, and none goes below."""
    documents, base = planted(random.Random(7), bases, 2 * bases)
    begin = time.perf_counter()
    drop = found(tmp_path, [documents[at : at + 4_000] for at in range(0, len(documents), 4_000)])
    seconds = time.perf_counter() - begin
    sets = [shingles(tokens, language) for language, tokens in documents]
    gone = dict(zip(drop.rows.tolist(), drop.kept.tolist(), strict=True))
    alike = [-1 if b < 0 else similarity(sets[row], sets[b]) for row, b in enumerate(base)]
    near = [row for row, value in enumerate(alike) if value >= 0.8]
    recall = sum(row in gone for row in near) / len(near)
    with capsys.disabled():
        print(f"\n{len(near)} of {len(base)} at .8 or more: recall {recall:.4f} in {seconds:.2f} s")
    assert recall >= 0.95
    assert len(near) > bases / 2 and sum(0 <= value < 0.5 for value in alike) > bases / 5
    for row, kept in gone.items():
        assert kept not in gone and similarity(sets[row], sets[kept]) >= 0.8 - 1e-6
    for row, value in zip(drop.rows.tolist(), drop.similarity.tolist(), strict=True):
        assert abs(value - similarity(sets[row], sets[gone[row]])) < 1e-6


def test_many_copies_of_one_document_take_no_time_of_their_square(tmp_path):
    text = " ".join(f"w{n}" for n in range(60))
    drop = found(tmp_path, [[("en", f"{text} {n}") for n in range(5_000)]])
    assert len(drop.rows) == 4_999 and (drop.kept == 0).all()
