"""FastText as users hold it: torch loops, fit, predict, vectors, save and load; parity with the original."""

import json
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ftcore import config
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.init import bucket_numbers, initial_rows
from ftcore.errors import UserError
from ftcore.fasttext import FastText, Prediction, TextDataset
from ftcore.formats.checkpoint import HEADER, WEIGHTS
from ftcore.model.losses import huffman_tree
from ftcore.model.module import TwoTables
from ftcore.model.optimizers import clip_gradients, split_optimizers
from ftcore.text.tokenizer import Tokenizer
from tests.reference.peer import run_peer
from tests.reference.prediction import table_neighbours, tree_probability

TEXTS = ["这部 电影 好看", "boring film", "很 好 的 书", "bad and boring book", "好看 好书", "a bad film"] * 3
LABELS = ["pos", "neg", "pos", "neg", "pos", "neg"] * 3
LOSSES = ["softmax", "ova", "ns", "hs"]


def model(loss="softmax", **kw) -> FastText:
    return FastText.from_texts(TEXTS, LABELS, **{"dim": 10, "loss": loss, "minn": 1, "maxn": 2, **kw})


# ----------------------------------------------------------------------------- an ordinary torch loop
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
def test_the_default_loader_and_optimizer(loss, optimizer):
    numbers = [7 if label == "pos" else 3 for label in LABELS]
    m = FastText.from_texts(TEXTS, numbers, dim=10, loss=loss)
    step = optimizer(m.parameters(), lr=0.1 if optimizer is torch.optim.Adam else 2.0)
    for _ in range(15):
        for text, label in DataLoader(TextDataset(TEXTS, numbers), batch_size=5, shuffle=True):
            assert isinstance(label, torch.Tensor)
            step.zero_grad()
            m.nll_loss(m.log_prob(text), label).backward()
            step.step()
    assert [p.labels[0] for p in m.predict(TEXTS)] == numbers
    assert m.predict("好看")[0].labels[0] == 7


@pytest.mark.parametrize("loss", LOSSES)
def test_collate_and_functional_losses(loss):
    m = model(loss)
    step = torch.optim.Adam(m.parameters(), lr=0.1)
    for _ in range(10):
        for bags, targets in DataLoader(TextDataset(TEXTS, LABELS), batch_size=4, collate_fn=m.collate):
            step.zero_grad()
            logits = m(bags)
            if loss == "ova":
                F.binary_cross_entropy_with_logits(logits, targets).backward()
            else:
                F.cross_entropy(logits, targets).backward()
            step.step()
    assert [p.labels[0] for p in m.predict(TEXTS)] == LABELS


def test_sparse_recipe():
    m = model(sparse=True)
    optimizers = split_optimizers(m, lr=0.1)
    for _ in range(10):
        for text, label in DataLoader(TextDataset(TEXTS, LABELS), batch_size=4):
            for optimizer in optimizers:
                optimizer.zero_grad()
            m.nll_loss(m.log_prob(text), label).backward()
            assert m.tables.input.grad.is_sparse
            clip_gradients(m.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
    assert [p.labels[0] for p in m.predict(TEXTS)] == LABELS


@pytest.mark.parametrize("loss", ["softmax", "hs"])
def test_compiled_forward_of_ids_and_offsets(loss):
    m = model(loss)
    torch.nn.init.normal_(m.tables.output)
    m._huffman()  # outside the compiled region
    # hs unrolls the tree's levels: that it is one graph is checked without the minute of code generation
    compiled = torch.compile(m, fullgraph=True, backend="inductor" if loss == "softmax" else "eager")
    bags = m.encode(TEXTS[:3])
    torch.testing.assert_close(compiled(bags.ids, bags.offsets), m(TEXTS[:3]))


def test_forward_takes_strings_bags_and_tensors():
    m = model()
    torch.nn.init.normal_(m.tables.output)
    bags = m.encode(TEXTS[:2])
    for same in (m(TEXTS[:2]), m(tuple(TEXTS[:2])), m(bags), m(*bags)):
        assert same.shape == (2, 2)
        torch.testing.assert_close(same, m(TEXTS[:2]))
    assert m("一 条").shape == (1, 2) and m([]).shape == (0, 2)


# ---------------------------------------------------------------------------------------------- losses
@pytest.mark.parametrize("loss", LOSSES)
def test_log_prob_and_nll(loss):
    m = FastText.from_texts(TEXTS[:3], ["a", "b", "c"], dim=6, loss=loss)
    torch.nn.init.normal_(m.tables.output)
    log_p = m.log_prob(TEXTS[:3])
    if loss in ("softmax", "hs"):
        torch.testing.assert_close(log_p.exp().sum(1), torch.ones(3))
        expected = -log_p[torch.arange(3), m.targets(["c", "a", "b"])].mean()
    else:
        scores = m(TEXTS[:3])
        truth = F.one_hot(torch.tensor([m.labels.index(v) for v in "cab"]), 3).float()
        expected = F.binary_cross_entropy_with_logits(scores, truth, reduction="sum") / 3
    torch.testing.assert_close(m.nll_loss(log_p, ["c", "a", "b"]), expected)
    assert torch.isfinite(m.nll_loss(torch.zeros(3, 3) if loss == "ova" else log_p, ["a", "a", "a"]))


def test_several_labels():
    rows = [["a", "b"], ["b"], ["a"]]
    m = FastText.from_texts(TEXTS[:3], rows, dim=6, loss="ova")
    truth = m.targets([["b", "a"], [], ["a"]])
    assert truth.tolist() == [[1, 1], [0, 0], [float(v == "a") for v in m.labels]]
    m.nll_loss(m.log_prob(TEXTS[:3]), rows).backward()
    with pytest.raises(UserError, match="loss=ova"):
        model().targets([["pos", "neg"]])


def test_unknown_and_strange_labels():
    with pytest.raises(UserError, match="unknown labels.*'x'.*the model has"):
        model().targets(["x"])
    with pytest.raises(UserError, match="differ only in type"):
        FastText.from_texts(TEXTS[:3], [1, "1", 2])
    with pytest.raises(UserError, match="strings or ints"):
        FastText.from_texts(TEXTS[:2], [1.5, 2])
    with pytest.raises(UserError, match="at least two labels"):
        FastText.from_texts(TEXTS[:2], [1, 1])
    with pytest.raises(UserError, match="2 texts and 1 labels"):
        TextDataset(TEXTS[:2], [1])
    m = FastText.from_texts(TEXTS[:3], [np.int64(4), torch.tensor(5), True])
    assert sorted(m.labels) == [1, 4, 5] and all(type(v) is int for v in m.labels)
    assert m.targets(torch.tensor([5])).tolist() == [m.labels.index(5)]


# -------------------------------------------------------------------------------------------- prediction
def test_predict():
    m = FastText.from_texts(TEXTS[:3], ["a", "b", "c"], dim=6)
    torch.nn.init.normal_(m.tables.output, std=5)
    best = m.predict(TEXTS[:2], k=-1)
    assert isinstance(best[0], Prediction) and len(best) == 2
    assert sorted(best[0].labels) == ["a", "b", "c"]
    assert sum(best[0].probabilities) == pytest.approx(1, abs=1e-5)
    assert best[0].probabilities == sorted(best[0].probabilities, reverse=True)
    assert m.predict(TEXTS[0], k=9)[0].labels == best[0].labels
    assert m.predict(TEXTS[:1], k=3, threshold=best[0].probabilities[1])[0].labels == best[0].labels[:2]
    assert m.predict([]) == [] and len(m.predict("")) == 1
    for k in (0, -2):
        with pytest.raises(UserError, match="k = "):
            m.predict(TEXTS, k=k)


def test_probabilities_in_batches():
    m = model()
    torch.nn.init.normal_(m.tables.output)
    lines = m.tokenizer.tokenize(TEXTS)
    whole = m.probabilities(lines)
    assert whole.dtype == np.float32 and whole.shape == (18, 2)
    np.testing.assert_allclose(m.probabilities(iter(lines), batch=5), whole, atol=1e-6)
    assert m.probabilities([]).shape == (0, 2)
    with pytest.raises(UserError, match="no classifier"):
        FastText.from_texts(TEXTS).predict("x")


def test_unseen_ngrams_count_with_their_initial_rows():
    m = model(minn=2, maxn=2, seed=3)
    ids = m.dictionary.subwords("乙丁".encode())
    rows = m.dictionary.to_rows(ids)
    assert (rows == -1).all()
    expected = initial_rows(3, bucket_numbers(ids - m.dictionary.nwords), 10).mean(0)
    np.testing.assert_allclose(m.word_vector("乙丁"), expected, atol=1e-7)


# ----------------------------------------------------------------------------------------------- vectors
def test_vectors_and_neighbours():
    m = FastText.from_texts(TEXTS, dim=8, minn=1, maxn=2, kind="skipgram")
    assert m.kind == "skipgram" and m.loss == "ns" and m.labels == []
    assert m(TEXTS[:1]).shape == (1, m.dictionary.nwords)
    vectors = m.word_vectors()
    for i, word in enumerate(m.words):
        np.testing.assert_allclose(m.word_vector(word), vectors[i], atol=1e-6)
    [bucket] = m.dictionary.subwords(b"") - m.dictionary.nwords  # of "<>"
    np.testing.assert_array_equal(
        m.word_vector(""), initial_rows(0, bucket_numbers(np.array([bucket])), 8)[0]
    )
    assert not m.sentence_vector("").any()
    near = m.nearest_neighbors("boring", k=3)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit[m.words.index("boring")]
    assert [w for w, _ in near] == [m.words[i] for i in np.argsort(-cosine) if m.words[i] != "boring"][:3]
    assert len(m.nearest_neighbors("unseenword", k=2)) == 2
    words = m.tokenizer.tokenize(["bad film"])[0].split()
    expected = np.mean([m.word_vector(w) / np.linalg.norm(m.word_vector(w)) for w in words], axis=0)
    np.testing.assert_allclose(m.sentence_vector("bad film"), expected, atol=1e-6)
    assert FastText.from_texts(TEXTS, dim=4).word_vector("nope").tolist() == [0] * 4
    s = model()
    np.testing.assert_allclose(
        s.sentence_vector("bad film"), s.tables.hidden(*s.encode("bad film"))[0].detach()
    )


# ---------------------------------------------------------------------------------------------- training
@pytest.mark.parametrize("loss", LOSSES)
def test_fit(loss):
    m = model(loss)
    result = m.fit(TextDataset(TEXTS, LABELS), epochs=20, batch_size=4, lr=0.5)
    assert len(result.history) == 20
    assert [p.labels[0] for p in m.predict(TEXTS)] == LABELS


def test_fit_with_validation_and_options():
    m = model()
    data = list(zip(TEXTS, LABELS, strict=True))
    result = m.fit(data, epochs=8, lr=0.5, valid=data[:4], dropout=0.1, patience=3)
    assert result.best_epoch and "valid_accuracy" in result.history[0]
    with pytest.raises(UserError, match="maxn belong to the dictionary"):
        m.fit(data, maxn=3)
    with pytest.raises(UserError, match="no texts"):
        m.fit([])


def test_fit_grows_words_and_labels_and_keeps_rows():
    m = model(minn=0, maxn=0)
    m.fit(TextDataset(TEXTS, LABELS), epochs=5, lr=0.5)
    before = (
        m.tables.output.detach().clone(),
        m.tables.input.detach().clone(),
        list(m.labels),
        m.dictionary.nwords,
    )
    m.fit(TextDataset(["全新 brandnew", "boring film"], ["other", "neg"]), epochs=0)
    assert m.labels == [*before[2], "other"] and m.dictionary.labels == m.labels
    assert m.dictionary.words[before[3] :] != [] and "brandnew" in m.words
    torch.testing.assert_close(m.tables.output[:2], before[0])
    assert m.tables.output[2].abs().sum() == 0
    torch.testing.assert_close(m.tables.input[: before[3]], before[1])
    m.fit(TextDataset(["全新 brandnew", "boring film"], ["other", "neg"]), epochs=20, lr=0.5)
    assert m.predict(["brandnew"])[0].labels == ["other"]


def test_fit_keeps_what_was_learnt_of_word_ngrams():
    """Without subwords their rows are found by the bucket all the same; they began anew once."""
    m = model(minn=0, maxn=0, word_ngrams=2, bucket=1000)
    m.fit(TextDataset(TEXTS, LABELS), epochs=5, lr=0.5)
    buckets, first = m.dictionary.buckets.copy(), m.dictionary.nwords
    before = m.tables.input[first:].detach().clone()
    m.fit(TextDataset(["全新 brandnew", "boring film"], ["other", "neg"]), epochs=0)
    assert m.dictionary.nwords > first and len(buckets) > 5
    rows = m.dictionary.nwords + np.searchsorted(m.dictionary.buckets, buckets)
    torch.testing.assert_close(m.tables.input[torch.from_numpy(rows)], before)


def test_new_words_start_from_their_ngrams():
    m = model()
    expected = m.word_vector("filmbook")
    m.fit([("filmbook", "neg"), ("好看", "pos")], epochs=0)
    i = m.dictionary.index[b"filmbook"]
    np.testing.assert_allclose(m.tables.input[i].detach(), expected, atol=1e-6)


def test_one_document_with_one_label():
    m = model()
    m.fit(TextDataset(TEXTS, LABELS), epochs=5, lr=0.5)
    before = m.log_prob(["boring 好看"]).exp()[0, m.labels.index("pos")].item()
    with pytest.warns(UserWarning, match="nothing can be validated"):
        m.fit(TextDataset(["boring 好看"], ["pos"]), epochs=3)
    assert m.log_prob(["boring 好看"]).exp()[0, m.labels.index("pos")].item() > before
    fresh = FastText.from_texts(TEXTS)
    with pytest.raises(UserError, match="at least two labels"):
        fresh.fit(TextDataset(["x"], ["pos"]))
    assert fresh.kind == "skipgram" and fresh.labels == []


def test_an_unsupervised_model_gains_a_classifier():
    m = FastText.from_texts(TEXTS, dim=10, minn=1, maxn=2)
    m.fit(TextDataset(TEXTS, LABELS), epochs=20, lr=0.5, loss="softmax", freeze="words")
    assert m.kind == "supervised" and sorted(m.labels) == ["neg", "pos"]
    assert [p.labels[0] for p in m.predict(TEXTS)] == LABELS


def test_hs_with_new_labels_starts_its_head_anew(caplog):
    m = model("hs")
    m.fit(TextDataset(TEXTS, LABELS), epochs=10, lr=0.5)
    m.fit(TextDataset([*TEXTS, "全新"], [*LABELS, "other"]), epochs=30, lr=0.5)
    assert "starts anew" in caplog.text
    assert m.log_prob(TEXTS).exp().sum(1).tolist() == pytest.approx([1] * 18, abs=1e-5)
    assert m.predict(TEXTS[0])[0].labels == ["pos"]


# ------------------------------------------------------------------------------------------------- files
@pytest.mark.parametrize("loss", LOSSES)
def test_save_and_load(tmp_path, loss):
    rows = [["标签", 3], ["标签"], [3]] if loss == "ova" else ["标签", 3, "标签"]
    m = FastText.from_texts(TEXTS[:3], rows, dim=6, loss=loss, minn=1, maxn=2, word_ngrams=2, seed=5)
    torch.nn.init.normal_(m.tables.output)
    m.save(tmp_path / "m")
    m.save(tmp_path / "m")  # over an existing one
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]
    back = FastText.load(tmp_path / "m")
    assert (back.labels, back.loss, back.kind, back.seed) == (m.labels, loss, "supervised", 5)
    query = [*TEXTS, "unseen 词"]
    torch.testing.assert_close(back.log_prob(query), m.log_prob(query), rtol=0, atol=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back.fit(TextDataset(TEXTS[:1], rows[:1]), epochs=1)


@pytest.mark.parametrize("kind", ["skipgram", "cbow"])
def test_unsupervised_models_save_and_load(tmp_path, kind):
    m = FastText.from_texts(TEXTS, kind=kind, dim=6, minn=1, maxn=2, sparse=True, loss="hs")
    m.save(tmp_path / "m")
    back = FastText.load(tmp_path / "m")
    assert (back.kind, back.loss, back.tables.sparse) == (kind, "hs", True)
    np.testing.assert_array_equal(back.word_vectors(), m.word_vectors())
    assert back.words == m.words and back.dictionary.counts.tolist() == m.dictionary.counts.tolist()
    assert back.log_prob(TEXTS[:1]).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_a_damaged_model_names_the_file_and_the_remedy(tmp_path):
    model().save(tmp_path / "m")
    header = json.loads((tmp_path / "m" / HEADER).read_text())
    header["labels"] = None
    (tmp_path / "m" / HEADER).write_text("{}")
    with pytest.raises(UserError, match=f"{HEADER}.*damaged.*save it again"):
        FastText.load(tmp_path / "m")
    del header["seed"]
    (tmp_path / "m" / HEADER).write_text(json.dumps(header))
    with pytest.raises(UserError, match="lacks 'seed'"):
        FastText.load(tmp_path / "m")
    with pytest.raises(UserError, match="no model here"):
        FastText.load(tmp_path / "nothing")
    data = (tmp_path / "m" / WEIGHTS).read_bytes()
    (tmp_path / "m" / WEIGHTS).write_bytes(data[:-10])
    with pytest.raises(UserError, match=f"{WEIGHTS}.*cut off"):
        FastText.load(tmp_path / "m")


# ---------------------------------------------------------------------------------- against the original
# `m.predict` of the Python package breaks under numpy 2; `m.f.predict` is what it calls
TRAIN = """
import os, tempfile
path = os.path.join(tempfile.mkdtemp(), 't')
open(path, 'w', encoding='utf-8').write(str(given['text']))
m = fasttext.train_supervised(path, loss=str(given['loss']), dim=6, epoch=30, lr=.5, minn=1, maxn=3, minCount=1,
    wordNgrams=2, bucket=200, thread=12, neg=2, verbose=0)
out.update(input=m.get_input_matrix(), output=m.get_output_matrix(), labels=m.labels)
queries = [str(q) for q in given['queries']]
for i, q in enumerate(queries):
    pairs = m.f.predict(q + chr(10), -1, 0.0, 'strict')
    out[f'p{i}'] = [p for p, _ in pairs]
    out[f'l{i}'] = [name for _, name in pairs]
    out[f's{i}'] = m.get_sentence_vector(q)
"""


@pytest.mark.parametrize("loss", LOSSES)
def test_probabilities_equal_the_originals(loss):
    """A model whose matrices are the original's: the same vectors, the same probabilities."""
    lines = [
        f"__label__{label}{i % 3 if label == 'neg' else ''} {text}"
        for i, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True))
    ]
    queries = ["这部 电影 好看", "boring unseen 书", "", "完全 不 同", "a bad film and a bad book"]
    got = run_peer(TRAIN, text="\n".join(lines) + "\n", loss=loss, queries=queries)

    documents = [([line.split(" ")[0].removeprefix("__label__")], line.split(" ", 1)[1]) for line in lines]
    options = config.DictionaryOptions(minn=1, maxn=3, word_ngrams=2, bucket=200)
    d = Dictionary.build(documents, options)
    d.add_buckets(np.arange(200))
    tables = TwoTables(torch.from_numpy(got["input"]), torch.from_numpy(got["output"]))
    m = FastText(Tokenizer(config.Text()), d, tables, d.labels, loss=loss)
    assert [f"__label__{label}" for label in m.labels] == got["labels"].tolist()

    bags = m.encode_tokens(queries)
    scores = m.tables(*bags).detach().numpy()
    ours = m.probabilities(queries)
    hidden = m.tables.hidden(*bags).detach().numpy()
    tree = huffman_tree(d.label_counts)
    for i in range(len(queries)):
        np.testing.assert_allclose(hidden[i], got[f"s{i}"], atol=1e-5)
        theirs = dict(
            zip(
                [n.removeprefix("__label__") for n in got[f"l{i}"].tolist()],
                got[f"p{i}"].tolist(),
                strict=True,
            )
        )
        for c, label in enumerate(m.labels):
            if label not in theirs:  # below the threshold 0 of the log score in hs
                assert loss == "hs" and ours[i, c] < 1e-4
            elif loss == "softmax":
                assert theirs[label] == pytest.approx(ours[i, c] + 1e-5, abs=1e-5)
            elif loss == "hs":
                on = tree.signs[c] != 0
                steps = zip(tree.paths[c][on].tolist(), (tree.signs[c][on] > 0).tolist(), strict=True)
                assert theirs[label] == pytest.approx(
                    tree_probability([(scores[i, r], s) for r, s in steps]), abs=1e-5
                )
                assert theirs[label] == pytest.approx(ours[i, c], abs=1e-4)
            else:
                assert min(abs(theirs[label] - 1e-5 - p) for p in table_neighbours(scores[i, c])) < 1e-5
                assert ours[i, c] == pytest.approx(1 / (1 + math.exp(-scores[i, c])), abs=1e-5)


def test_no_pickle_is_read_or_written():
    """Loading a model must not import or run a pickle."""
    from pathlib import Path

    root = Path(__file__).parents[2] / "ftcore"
    for path in [root / "fasttext.py", *root.glob("formats/*.py"), *root.glob("model/*.py")]:
        text = path.read_text(encoding="utf-8")
        assert "pickle" not in text.replace("unpickled", "") and "torch.load" not in text, path


def test_a_model_loads_in_a_fresh_process(tmp_path):
    m = model()
    m.save(tmp_path / "m")
    code = (
        "from ftcore import FastText; import sys\n"
        "m = FastText.load(sys.argv[1]); print(m.predict('好看', k=2)[0].labels)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(m.predict("好看", k=2)[0].labels)
