"""Static embeddings: folders as Model2Vec and wordllama write them, and what a training makes of one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import ftcore
from ftcore import config
from ftcore.ecosystem import FastTextClassifier
from ftcore.engines.choice import choose_engine
from ftcore.errors import UnreadableFile
from ftcore.formats.static import is_static, read_static
from ftcore.training.documents import Tokenized
from ftcore.training.recipe import Conditions, learn
from ftcore.training.start import FromPieces, start_at

tokenizers = pytest.importorskip("tokenizers")
PIECES = ["[UNK]", "the", "film", "good", "bad", "fine", "un", "##seen", "##kind", "好", "看"]
TABLE = np.random.default_rng(0).normal(size=(len(PIECES), 6)).astype(np.float32)


def wordpieces(path: Path) -> None:
    """A tokenizer as BERT's, which Model2Vec's models have."""
    model = tokenizers.models.WordPiece({piece: i for i, piece in enumerate(PIECES)}, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.save(str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "static"
    made.mkdir()
    wordpieces(made / "tokenizer.json")
    save_file({"embeddings": TABLE}, made / "model.safetensors")
    return made


def test_a_word_is_the_mean_of_its_pieces(folder: Path):
    static = read_static(folder)
    vectors, places = static.vectors([b"film", b"unseen", "好看".encode(), b"zzz", b"\xff"])
    np.testing.assert_array_equal(vectors[0], TABLE[2])
    np.testing.assert_allclose(vectors[1], TABLE[[6, 7]].mean(0), rtol=1e-6)
    assert places[:2].tolist() == [2, 7]
    assert places[3] == places[4] == len(PIECES) and not vectors[3:].any()  # no piece is known


def test_weights_and_a_compressed_vocabulary_are_model2vecs(folder: Path):
    weights, mapping = np.linspace(0.1, 2, len(PIECES)), np.array([0, 1, 2, 2, 3, 0, 1, 2, 3, 0, 1])
    save_file(
        {"embeddings": TABLE[:4].astype(np.float16), "weights": weights, "mapping": mapping},
        folder / "model.safetensors",
    )
    static = read_static(folder)
    ids = [6, 8]  # unkind
    table = TABLE[:4].astype(np.float16).astype(np.float64)
    wanted = np.mean([table[mapping[i]] * weights[i] for i in ids], axis=0)
    np.testing.assert_allclose(static.vectors([b"unkind"])[0][0], wanted, rtol=1e-5)
    assert static.weighed


def test_the_layout_of_wordllama(tmp_path: Path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "tokenizers").mkdir()
    save_file({"embedding.weight": TABLE.astype(np.float16)}, tmp_path / "weights" / "l2_cat_6.safetensors")
    wordpieces(tmp_path / "tokenizers" / "l2_cat_tokenizer_config.json")
    assert is_static(tmp_path)
    np.testing.assert_allclose(read_static(tmp_path).vectors([b"good"])[0][0], TABLE[3], atol=2e-3)


def test_words_of_a_vocabulary_with_marked_beginnings(tmp_path: Path):
    pieces = ["▁good", "ly", "▁", "▁12", "▁film"]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({p: i for i, p in enumerate(pieces)}))
    made.save(str(tmp_path / "tokenizer.json"))
    save_file({"embeddings": TABLE[:5]}, tmp_path / "model.safetensors")
    words, places = read_static(tmp_path).words()
    assert words == [b"good", b"film"] and places.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"other": TABLE}, "holds no table named embeddings or embedding.weight but other"),
        ({"embeddings": TABLE * np.float32(np.nan)}, "no number"),
        ({"embeddings": TABLE[:3], "mapping": np.array([0, 3])}, "mapping names rows"),
        ({"embeddings": TABLE, "weights": np.ones(3)}, r"\(3,\) weights for 11 pieces"),
    ],
)
def test_damaged_arrays_are_named(folder: Path, arrays: dict, said: str):
    save_file(arrays, folder / "model.safetensors")
    with pytest.raises(UnreadableFile, match=said):
        read_static(folder)


def test_damaged_files_are_named(folder: Path):
    (folder / "model.safetensors").write_bytes(b"\0" * 20)
    with pytest.raises(UnreadableFile, match=r"model\.safetensors: cannot be read as safetensors"):
        read_static(folder)
    save_file({"embeddings": TABLE}, folder / "model.safetensors")
    for text, said in (("{", "cannot be read as JSON"), ("[]", "not an object"), ("{}", "no tokenizer")):
        (folder / "tokenizer.json").write_text(text)
        with pytest.raises(UnreadableFile, match=said):
            read_static(folder)
    with pytest.raises(UnreadableFile, match="no static embeddings"):
        read_static(folder.parent)


def test_a_word_of_several_pieces_may_be_as_long_as_a_sum_that_chance_made(folder: Path):
    static = read_static(folder)
    words = [b"good", b"goodfilm", *static.words()[0]]
    means, sums = static.vectors(words)[0], static.vectors(words, root=True)[0]
    counts = [
        len(cut.ids)
        for cut in static.pieces.encode_batch([w.decode() for w in words], add_special_tokens=False)
    ]
    np.testing.assert_allclose(sums, means * np.sqrt(counts)[:, None], rtol=1e-6)


LINES = ["the film good", "the film bad"] * 5
LABELS = [["yes"], ["no"]] * 5
HOW = Conditions(choose_engine("cpu", "cpu"))


@pytest.mark.parametrize("head", ["sgd", "linear"])
def test_a_word_that_no_label_was_seen_with_answers_by_its_vector(folder: Path, head: str):
    table = TABLE.copy()
    table[5] = table[3]  # fine is what good is
    save_file({"embeddings": table}, folder / "model.safetensors")
    assert isinstance(start_at(folder), FromPieces)
    options = config.Finetune(head=head, freeze="words", lr=1.0, epoch=50, vectors=4.0)
    model, _ = learn(Tokenized.of(LINES, LABELS), options, HOW, start=start_at(folder))
    good, fine = (
        model.input[model.dictionary.word_ids([word])[0]] @ model.output.T for word in (b"good", b"fine")
    )
    yes = model.labels.index("yes")
    assert good.argmax() == fine.argmax() == yes
    model, _ = learn(Tokenized.of(LINES, LABELS), options, HOW)
    assert model.dictionary.word_ids([b"fine"])[0] < 0


def test_every_face_takes_the_folder(folder: Path, tmp_path: Path):
    lines = [f"__label__{label[0]} {line}" for line, label in zip(LINES, LABELS, strict=True)]
    model = ftcore.train_supervised(lines, head="linear", pretrainedVectors=folder, verbose=0)
    assert "fine" in model and model.test(lines)[1] == 1.0
    with pytest.raises(ValueError, match=r"\(6\) does not match dimension \(100\)"):  # as the original says
        ftcore.train_supervised(lines, pretrainedVectors=str(folder), verbose=0)
    assert ftcore.train_supervised(lines, dim=6, pretrainedVectors=str(folder), verbose=0)[
        "fine"
    ].tolist() == (TABLE[5].tolist())
    for head in ("sgd", "linear"):
        own = FastTextClassifier(tokenizer="whitespace", pretrained=str(folder), head=head)
        assert own.fit(LINES, [label[0] for label in LABELS]).model_.tokenizer is not None
        assert b"fine" in own.model_.dictionary.words


def test_the_pipelines_start_is_by_its_files(folder: Path):
    from tasks.vectors import given_files, start_of

    named = config.Config(
        pretrain={"enabled": False}, finetune={"pretrained_vectors": str(folder), "head": "linear"}
    )
    assert start_of(named, None).dim == 6
    before = given_files(named)
    assert set(before) == {"vectors:model.safetensors", "vectors:tokenizer.json"}
    table = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(table, indent=1))
    assert given_files(named) != before
    with pytest.raises(ValueError, match="rows start at one of them only"):
        config.Config(finetune={"pretrained_vectors": str(folder)})
