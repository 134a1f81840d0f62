"""The exported graph, run by onnxruntime, against our own probabilities and vectors."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ftcore
from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.ecosystem import onnx_inputs, onnx_model, save_onnx, to_onnx
from ftcore.ecosystem.onnx_graph import Graph, _initial_rows, _table
from ftcore.fasttext import FastText
from ftcore.model.model import Args, Model
from ftcore.model.quantize import ProductQuantizer, QuantMatrix

onnx = pytest.importorskip("onnx", reason="onnx is not installed (the extra onnx)")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (the extra onnx)")

TEXTS = ["这部电影好看", "boring film", "很好的书", "bad and boring book", "好看 好书", "a bad film"] * 4
LABELS = ["pos", "neg", "pos", "neg", "mid", "neg"] * 4
NGRAMS = {"minn": 1, "maxn": 3, "word_ngrams": 2, "bucket": 3000}
ASKED = ["这部电影好看", "", "从未见过的 unseen words", "film " * 2000, "！", "bad bad 书"]


def trained(loss="softmax", **options) -> FastText:
    model = FastText.from_texts(TEXTS, LABELS, dim=11, loss=loss, seed=5, **options)
    model.fit(list(zip(TEXTS, LABELS, strict=True)), epochs=10, lr=0.5)
    return model


def session(model) -> "ort.InferenceSession":
    made = model if isinstance(model, onnx.ModelProto) else to_onnx(model)
    onnx.checker.check_model(made, full_check=True)
    return ort.InferenceSession(made.SerializeToString())


def run(model, texts) -> list[np.ndarray]:
    return session(model).run(["probabilities", "vectors"], onnx_inputs(model, texts))


# ---------------------------------------------------------------------------------------- our models
@pytest.mark.parametrize(
    "options", [NGRAMS, {}, {"word_ngrams": 3, "bucket": 7}], ids=["n-grams", "words", "few"]
)
@pytest.mark.parametrize("loss", ["softmax", "ova", "ns", "hs"])
def test_probabilities_and_vectors_are_ours(loss, options):
    model = trained(loss, **options)
    assert options is not NGRAMS or model.encode(ASKED).absent is not None, (
        "all buckets have a row: a weak test"
    )
    found, vectors = run(model, ASKED)
    np.testing.assert_allclose(found, model.probabilities(model.tokenizer.tokenize(ASKED)), atol=1e-6)
    np.testing.assert_allclose(vectors, model.tables.hidden(*model.encode(ASKED)).detach(), atol=1e-6)


def test_one_text_and_none():
    model = trained(**NGRAMS)
    runs = session(model)
    for text in ASKED:
        alone = runs.run(None, onnx_inputs(model, [text]))[0]
        np.testing.assert_allclose(alone, model.probabilities(model.tokenizer.tokenize([text])), atol=1e-6)
    nothing = {"ids": np.zeros(0, np.int64), "offsets": np.zeros(0, np.int64)}
    assert runs.run(None, nothing)[0].shape == (0, 3)
    empty = {"ids": np.array([1, 2]), "offsets": np.array([0, 0, 2, 2])}  # bags without features
    _, vectors = runs.run(None, empty)
    assert not vectors[[0, 2, 3]].any() and vectors[1].any()


def test_threads_do_not_race():
    model = trained(**NGRAMS)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other tests want the cores too
    runs = ort.InferenceSession(to_onnx(model).SerializeToString(), options)
    given = onnx_inputs(model, ASKED * 5)
    first = runs.run(None, given)[1]
    np.testing.assert_allclose(first[:6], model.tables.hidden(*model.encode(ASKED)).detach(), atol=1e-6)
    assert all(np.array_equal(runs.run(None, given)[1], first) for _ in range(5))


@settings(max_examples=60, deadline=None)
@given(bags=st.lists(st.lists(st.integers(0, 20), max_size=5), max_size=8))
def test_bags_of_any_shape(bags):
    """Against a loop over the features; empty bags at every place."""
    rows = np.arange(63, dtype=np.float32).reshape(21, 3)
    ids = np.array([i for bag in bags for i in bag], np.int64)
    offsets = np.cumsum([0, *map(len, bags)])[:-1].astype(np.int64)
    _, vectors = _of_bags(rows).run(None, {"ids": ids, "offsets": offsets})
    wanted = [rows[bag].mean(axis=0) if bag else np.zeros(3) for bag in bags]
    np.testing.assert_allclose(vectors, np.array(wanted).reshape(-1, 3), rtol=1e-6)


_SESSIONS: dict = {}


def _of_bags(rows):
    if not _SESSIONS:
        words = [f"w{i}".encode() for i in range(21)]
        ones = np.ones(21, np.int64)
        dictionary = Dictionary(words, ["a", "b"], ones, ones[:2], 21, config.DictionaryOptions())
        args = Args(dim=3, model="supervised", loss="softmax", bucket=0)
        _SESSIONS[0] = session(Model(args, dictionary, rows, np.eye(2, 3, dtype=np.float32)))
    return _SESSIONS[0]


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
@pytest.mark.parametrize("dim", [1, 7, 300])
def test_rows_of_absent_buckets_bit_for_bit(seed, dim):
    graph = Graph()
    name = _initial_rows(graph, seed, "bucket", dim)
    buckets = np.array([0, 1, 5, 1_999_999, 2**31 - 1])
    assert np.array_equal(
        _run_piece(graph, name, bucket=buckets), initial_rows(seed, bucket_numbers(buckets), dim)
    )


def _run_piece(graph: Graph, output: str, **inputs: np.ndarray) -> np.ndarray:
    helper = onnx.helper
    infos = [helper.make_tensor_value_info(n, onnx.TensorProto.INT64, ["n"]) for n in inputs]
    out = helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, ["n", "d"])
    made = helper.make_model(
        helper.make_graph(graph.nodes, "piece", infos, [out], list(graph.constants.values())),
        opset_imports=[helper.make_opsetid("", onnx_model.OPSET)], ir_version=onnx_model.IR_VERSION,
    )  # fmt: skip
    return ort.InferenceSession(made.SerializeToString()).run(None, inputs)[0]


# --------------------------------------------------------------------------------------- other models
@pytest.mark.parametrize("dsub", [2, 3, 5])  # the last piece of 11 columns is shorter
@pytest.mark.parametrize("qnorm", [False, True])
def test_quantised_rows(dsub, qnorm):
    rng = np.random.default_rng(dsub)
    pieces = -(-11 // dsub)
    quantizer = ProductQuantizer(11, dsub, rng.normal(size=11 * 256).astype(np.float32))
    norms = ProductQuantizer(1, 1, rng.normal(size=256).astype(np.float32)) if qnorm else None
    codes = rng.integers(0, 256, (40, pieces)).astype(np.uint8)
    norm_codes = rng.integers(0, 256, 40).astype(np.uint8) if qnorm else None
    table = QuantMatrix(codes, quantizer, norm_codes, norms)
    for ids in (rng.integers(0, 40, 100), np.zeros(0, np.int64)):
        graph = Graph()
        found = _run_piece(graph, _table(graph, table, "ids"), ids=ids)
        assert np.array_equal(found, table.gather(ids))


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """A model of fastText's API, its `.bin`, and the same quantised and cut off."""
    folder = tmp_path_factory.mktemp("api")
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(400)]
    lines = [f"__label__{i % 3} " + " ".join(rng.choice(words[i % 3 :: 3], 8)) for i in range(600)]
    (folder / "t.txt").write_text("\n".join(lines) + "\n")
    made = ftcore.train_supervised(
        str(folder / "t.txt"), dim=10, minn=2, maxn=3, bucket=2000, wordNgrams=2, lr=0.5
    )
    made.save_model(str(folder / "m.bin"))
    pruned = ftcore.load_model(str(folder / "m.bin"))
    pruned.quantize(cutoff=500, qnorm=True)
    pruned.save_model(str(folder / "m.ftz"))
    return folder, made


@pytest.mark.parametrize("kind", ["trained", "m.bin", "m.ftz"])
def test_models_of_the_api(api, kind):
    folder, made = api
    model = made if kind == "trained" else ftcore.load_model(str(folder / kind))
    texts = ["w1 w4 w7 unseen w1", "w2 w5", "没有 见过", "__label__1 w1 w1"]
    found, _ = run(model, texts)
    assert json.loads(dict((p.key, p.value) for p in to_onnx(model).metadata_props)["labels"]) == model.labels
    for row, (labels, scores) in zip(found, zip(*model.predict(texts, k=-1), strict=True), strict=True):
        # predict adds 1e-5 to each, as the original does
        theirs = {label: score - 1e-5 for label, score in zip(labels, scores, strict=True)}
        np.testing.assert_allclose(row, [theirs[label] for label in model.labels], atol=3e-6)


def test_a_cut_off_model_leaves_lost_buckets_out(api):
    model = ftcore.load_model(str(api[0] / "m.ftz"))
    assert model.classic.dictionary.bucket_rows.leaves_out
    given = onnx_inputs(model, ["w1 qqq zzz"])
    assert (model.classic.dictionary.to_rows(given["ids"]) < 0).any(), "no bucket is gone: a weak test"
    vectors = session(model).run(["vectors"], given)[0]
    np.testing.assert_allclose(vectors[0], model.get_sentence_vector("w1 qqq zzz"), atol=1e-6)


def test_word_vectors_of_unsupervised_models():
    model = FastText.from_texts(TEXTS, dim=9, minn=2, maxn=4, bucket=500)
    runs = session(model)
    assert [out.name for out in runs.get_outputs()] == ["vectors"]
    for word in ("film", "unseen", "好看"):
        ids = model.dictionary.subwords(word.encode())
        found = runs.run(None, {"ids": ids, "offsets": np.array([0])})[0]
        np.testing.assert_allclose(found[0], model.word_vector(word), atol=1e-7)


# --------------------------------------------------------------------------------------------- files
def test_files(tmp_path, monkeypatch):
    model = trained(**NGRAMS)
    save_onnx(model, tmp_path / "one.onnx")
    monkeypatch.setattr(onnx_model, "LARGEST", 1000)
    for _ in range(2):  # a second time over the first
        save_onnx(model, tmp_path / "two.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.onnx", "two.onnx", "two.onnx.data"]
    assert (tmp_path / "two.onnx.data").stat().st_size < 2 * (tmp_path / "one.onnx").stat().st_size
    given = onnx_inputs(model, ASKED)
    answers = [ort.InferenceSession(tmp_path / f"{n}.onnx").run(None, given)[0] for n in ("one", "two")]
    assert np.array_equal(*answers)
    about = {p.key: p.value for p in onnx.load(tmp_path / "one.onnx").metadata_props}
    assert json.loads(about["labels"]) == model.labels
    assert (about["loss"], about["nwords"], about["bucket"]) == (
        "softmax",
        str(model.dictionary.nwords),
        "3000",
    )
