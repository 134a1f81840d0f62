"""Training through fastText's API: what the original does, and what it cannot."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

import ftcore
from ftcore.config import DictionaryOptions as Options
from ftcore.dictionary.additions import add_words
from ftcore.dictionary.dictionary import Dictionary
from ftcore.dictionary.lines import Lines
from ftcore.errors import UserError
from tests.ftcore.compat.conftest import labelled_lines
from tests.reference.peer import run_peer

QUIET = {"verbose": 0, "thread": 1, "dim": 8}
LINES = labelled_lines(150)


def test_attributes_are_the_arguments_as_in_the_original(train_file):
    model = ftcore.train_supervised(str(train_file), lr=0.3, wordNgrams=2, bucket=50, epoch=2, **QUIET)
    shown = {
        name: getattr(model, name)
        for name in ["lr", "dim", "ws", "epoch", "minCount", "minn", "maxn", "neg", "bucket", "thread", "t"]
    }
    assert shown == {
        "lr": 0.3, "dim": 8, "ws": 5, "epoch": 2, "minCount": 1, "minn": 0, "maxn": 0, "neg": 5, "bucket": 50,
        "thread": 1, "t": 1e-4,
    }  # fmt: skip
    assert (
        str(model.loss) == "loss_name.softmax"
        and model.label == "__label__"
        and model.pretrainedVectors == ""
    )
    assert not hasattr(ftcore.load_model, "lr")


def test_a_loaded_model_has_no_such_attributes(train_file, tmp_path):
    ftcore.train_supervised(str(train_file), **QUIET).save_model(tmp_path / "m.bin")
    assert not hasattr(ftcore.load_model(tmp_path / "m.bin"), "lr")


def test_dictionaries_are_the_originals(train_file):
    script = (
        "for name, train, named in (('s', fasttext.train_supervised, {}), ('u', fasttext.train_unsupervised, {}),\n"
        "        ('m', fasttext.train_supervised, {'minCount': 30, 'minCountLabel': 100})):\n"
        "    m = train(str(given['path']), dim=2, epoch=0, verbose=0, thread=12, bucket=100, **named)\n"
        "    out[name + ' words'], out[name + ' labels'] = np.array(m.get_words()), np.array(m.get_labels())\n"
        "    out[name + ' counts'] = m.get_words(include_freq=True)[1]\n"
    )
    theirs = run_peer(script, path=train_file)
    calls = (("s", ftcore.train_supervised, {}), ("u", ftcore.train_unsupervised, {}),
             ("m", ftcore.train_supervised, {"minCount": 30, "minCountLabel": 100}))  # fmt: skip
    for name, train, named in calls:
        model = train(str(train_file), epoch=0, bucket=100, **QUIET, **named)
        assert model.get_words() == theirs[f"{name} words"].tolist()
        assert model.get_labels() == theirs[f"{name} labels"].tolist()
        assert model.get_words(include_freq=True)[1].tolist() == theirs[f"{name} counts"].tolist()


@pytest.mark.parametrize("train", [ftcore.train_supervised, ftcore.train_unsupervised])
def test_one_thread_and_a_seed_repeat_every_byte(train_file, tmp_path, train):
    files = []
    for seed in (1, 1, 2):
        path = tmp_path / f"{len(files)}.bin"
        train(str(train_file), seed=seed, bucket=100, **QUIET).save_model(path)
        files.append(path.read_bytes())
    assert files[0] == files[1] != files[2]


def test_a_trained_model_learns(train_file, test_file):
    model = ftcore.train_supervised(str(train_file), lr=0.5, epoch=10, **QUIET)
    n, p, _ = model.test(str(test_file))
    assert n > 50 and p > 0.8
    assert (
        ftcore.train_supervised(str(train_file), lr=0.5, epoch=10, verbose=0, thread=4, dim=8).test(
            str(test_file)
        )[1]
        > 0.8
    )


# --------------------------------------------------------------------------------------------- inputs
def test_every_kind_of_input_gives_the_same_model(tmp_path):
    data = "\n".join(LINES) + "\n"
    (tmp_path / "plain.txt").write_text(data, encoding="utf-8")
    (tmp_path / "packed.gz").write_bytes(gzip.compress(data.encode()))
    (tmp_path / "packed.zst").write_bytes(zstandard.compress(data.encode()))
    half = len(LINES) // 2
    for name, part in (("a.txt", LINES[:half]), ("b.txt", LINES[half:])):
        (tmp_path / name).write_text("\n".join(part) + "\n", encoding="utf-8")
    inputs = [
        str(tmp_path / "plain.txt"), tmp_path / "plain.txt", tmp_path / "packed.gz", tmp_path / "packed.zst",
        [tmp_path / "a.txt", tmp_path / "b.txt"], LINES, iter(LINES), (line.encode() for line in LINES),
    ]  # fmt: skip
    for supervised in (True, False):
        made = []
        for given in inputs if supervised else [*inputs[:6], iter(LINES)]:
            train = ftcore.train_supervised if supervised else ftcore.train_unsupervised
            model = train(given, epoch=1, bucket=50, minCount=1, **QUIET)
            made.append((model.get_words(), model.get_input_matrix().tobytes()))
        assert all(one == made[0] for one in made)


def test_parquet_with_labels_and_weights(tmp_path):
    texts, labels = ["good film", "bad film", "good book", "bad book"] * 10, [["pos"], ["neg"]] * 20
    weights = [1.0, 0.0] * 20
    path = tmp_path / "d.parquet"
    pq.write_table(pa.table({"tokens": texts, "labels": labels, "weight": weights}), path)
    model = ftcore.train_supervised(path, epoch=5, lr=0.5, sample_weights="weight", **QUIET)
    plain = ftcore.train_supervised(path, epoch=5, lr=0.5, **QUIET)
    assert model.get_labels() == ["__label__pos", "__label__neg"]
    assert plain.predict("bad book")[0] == ("__label__neg",)
    assert model.predict("bad book")[0] == ("__label__pos",), "negative documents weigh nothing"
    given = [f"__label__{label[0]} {text}" for label, text in zip(labels, texts, strict=True)]
    again = ftcore.train_supervised(given, epoch=5, lr=0.5, sample_weights=weights, **QUIET)
    assert np.array_equal(again.get_output_matrix(), model.get_output_matrix())
    with pytest.raises(UserError, match="39 weights for 40 lines"):
        ftcore.train_supervised(given, sample_weights=weights[1:], **QUIET)
    with pytest.raises(UserError, match="no column 'w' for sample_weights; it has tokens, labels, weight"):
        ftcore.train_supervised(path, sample_weights="w", **QUIET)
    with pytest.raises(UserError, match="only Parquet input has columns"):
        ftcore.train_supervised(given, sample_weights="weight", **QUIET)


def test_class_weights(train_file):
    lines = ["__label__a x", "__label__b x"] * 30 + ["__label__a x"] * 40
    shares = {}
    for weights in (None, {"b": 5.0}, "balanced"):
        model = ftcore.train_supervised(lines, lr=0.5, epoch=20, class_weights=weights, **QUIET)
        labels, scores = model.predict("x", k=2)
        shares[str(weights)] = dict(zip(labels, scores, strict=True))["__label__b"]
    # by counting: 30 of 100; 150 of 220; one half
    assert shares["None"] == pytest.approx(0.3, abs=0.08)
    assert shares["{'b': 5.0}"] == pytest.approx(150 / 220, abs=0.1)
    assert shares["balanced"] == pytest.approx(0.5, abs=0.08)


def test_unsegmented_chinese_is_warned_of_once(recwarn):
    lines = ["我爱北京天安门天安门上太阳升", "今天的天气非常好我们去公园"] * 5
    ftcore.train_unsupervised(lines, minCount=1, bucket=50, epoch=0, **QUIET)
    assert [str(w.message) for w in recwarn if "segment it first" in str(w.message)]
    recwarn.clear()
    segmented = ["我 爱 北京 天安门", "今天 的 天气 非常 好"] * 5
    ftcore.train_unsupervised(segmented, minCount=1, bucket=50, epoch=0, **QUIET)
    assert not [w for w in recwarn if "segment it first" in str(w.message)]
    with pytest.raises(UserError, match="Empty vocabulary.*segment"):
        ftcore.train_unsupervised([f"{i}我爱北京天安门天安门上太阳升" for i in range(4)], minCount=5, **QUIET)


# --------------------------------------------------------------------------------------- where to start
def test_pretrained_vectors_change_the_vocabulary_as_in_the_original(train_file, tmp_path):
    vec = tmp_path / "v.vec"
    words = ["soup", "new", "火锅", "__label__extra", "</s>", "__label__food", "soup"]
    rng = np.random.default_rng(0)
    vec.write_text(
        f"{len(words)} 8\n"
        + "".join(f"{w} {' '.join(f'{x:.4f}' for x in rng.normal(size=8))} \n" for w in words),
        encoding="utf-8",
    )
    theirs = run_peer(
        "m = fasttext.train_supervised(str(given['path']), dim=8, verbose=0, thread=12, lr=0, pretrainedVectors=str(given['vec']))\n"
        "out['words'], out['labels'] = np.array(m.get_words()), np.array(m.get_labels())\n"
        "out['counts'], out['label counts'] = m.get_words(include_freq=True)[1], m.get_labels(include_freq=True)[1]\n"
        "out['rows'] = np.stack([m[w] for w in ('soup', 'new', '火锅', '</s>')])\n",
        path=train_file, vec=vec,
    )  # fmt: skip
    model = ftcore.train_supervised(str(train_file), epoch=0, pretrainedVectors=str(vec), **QUIET)
    assert model.get_words() == theirs["words"].tolist() and model.get_labels() == theirs["labels"].tolist()
    assert model.get_words(include_freq=True)[1].tolist() == theirs["counts"].tolist()
    assert model.get_labels(include_freq=True)[1].tolist() == theirs["label counts"].tolist()
    assert np.array_equal(np.stack([model[w] for w in ("soup", "new", "火锅", "</s>")]), theirs["rows"])
    assert (
        model.classic.dictionary.ntokens
        == ftcore.train_supervised(str(train_file), epoch=0, **QUIET).classic.dictionary.ntokens + 7
    )


def test_add_words_of_none_keeps_the_dictionary():
    own = Dictionary.read(Lines(LINES), Options())
    again = add_words(own, [], b"__label__")
    assert (again.words, again.labels, again.counts.tolist()) == (own.words, own.labels, own.counts.tolist())


@pytest.fixture(scope="module")
def pretrained():
    return ftcore.train_unsupervised(LINES, minCount=1, minn=1, maxn=2, bucket=200, epoch=3, **QUIET)


def test_pretrained_vectors_from_a_bin(pretrained, tmp_path):
    pretrained.save_model(tmp_path / "p.bin")
    lines = ["__label__a soup zzz", "__label__b 火锅 yyy"]
    plain = ftcore.train_supervised(lines, epoch=0, pretrainedVectors=str(tmp_path / "p.bin"), **QUIET)
    for word in ("soup", "火锅", "pasta"):  # without n-grams a word starts from its whole vector
        np.testing.assert_allclose(plain[word], pretrained[word], atol=1e-6)
    same = {"minn": 1, "maxn": 2, "bucket": 200}
    subwords = ftcore.train_supervised(lines, epoch=0, pretrainedVectors=tmp_path / "p.bin", **same, **QUIET)
    for word in ("soup", "火锅", "pasta", "unseen", "没"):  # with the same n-grams everything is taken over
        np.testing.assert_allclose(subwords[word], pretrained[word], atol=1e-6)
    # a word that the vectors do not know starts where its n-grams put it
    own = subwords.get_input_matrix()[subwords.get_word_id("zzz")]
    np.testing.assert_allclose(own, pretrained["zzz"], atol=1e-6)


def test_freeze_words_keeps_pretrained_rows(pretrained):
    lines = ["__label__a soup zzz", "__label__b 火锅 yyy"] * 10
    model = ftcore.train_supervised(lines, init_model=pretrained, freeze="words", lr=0.5, epoch=5, **QUIET)
    np.testing.assert_array_equal(
        model.get_input_matrix()[model.get_word_id("soup")],
        pretrained.get_input_matrix()[pretrained.get_word_id("soup")],
    )
    assert model.predict("soup")[0] == ("__label__a",)


def test_init_model_goes_on_with_word_vectors(pretrained, tmp_path):
    pretrained.save_model(tmp_path / "p.bin")
    for source in (pretrained, str(tmp_path / "p.bin")):
        more = ftcore.train_unsupervised(
            ["totally new words", "soup new"] * 5, init_model=source, minCount=1, epoch=0, verbose=0
        )
        assert (more.dim, more.minn, more.maxn, more.bucket) == (8, 1, 2, 200), (
            "what was not given is the model's"
        )
        assert set(more.get_words()) == {*pretrained.get_words(), "totally", "new", "words"}
        for word in ("soup", "unseen", "火锅"):
            np.testing.assert_allclose(more[word], pretrained[word], atol=1e-6)
        rows = [m.get_output_matrix()[m.get_word_id("soup")] for m in (more, pretrained)]
        np.testing.assert_array_equal(*rows)
        assert not more.get_output_matrix()[more.get_word_id("totally")].any()
        counts = more.get_words(include_freq=True)[1]
        assert (np.diff(counts) <= 0).all(), "a file's words are in the order of their counts"
    trained = ftcore.train_unsupervised(
        ["totally new words", "soup new"] * 50,
        init_model=pretrained,
        minCount=1,
        epoch=3,
        t=1.0,
        verbose=0,
        thread=1,
    )
    assert not np.allclose(trained["soup"], pretrained["soup"])


@pytest.mark.parametrize(
    "grams", [{}, {"wordNgrams": 2, "bucket": 300}, {"minn": 2, "maxn": 3, "bucket": 300}]
)
def test_init_model_goes_on_with_a_classifier_and_learns_new_labels(tmp_path, grams):
    first = ftcore.train_supervised(LINES, lr=0.5, epoch=5, **grams, **QUIET)
    first.save_model(tmp_path / "first.bin")
    texts = ["soup noodle 面条", "pasta 火锅", "sauce bake oven", "unseen words"]
    expected = first.predict(texts, k=3)
    for source in (first, str(tmp_path / "first.bin")):
        same = ftcore.train_supervised(LINES, init_model=source, epoch=0, verbose=0, thread=1)
        assert same.wordNgrams == first.wordNgrams
        labels, scores = same.predict(texts, k=3)
        assert labels == expected[0]
        np.testing.assert_allclose(np.concatenate(scores), np.concatenate(expected[1]), atol=1e-5)
    more = ["__label__new fresh words here", "__label__food soup noodle"] * 20
    grown = ftcore.train_supervised(more, init_model=first, lr=0.5, epoch=5, verbose=0, thread=1)
    assert set(grown.get_labels()) == {*first.get_labels(), "__label__new"}
    assert grown.predict("fresh words")[0] == ("__label__new",)
    assert grown.predict("soup noodle")[0] == ("__label__food",)
    assert grown.predict("pasta 火锅", k=2)[0][0] in (expected[0][1][0], "__label__new"), (
        "old labels are still known"
    )


def test_starts_that_make_no_sense(pretrained, tmp_path):
    with pytest.raises(
        UserError, match=r"Dimension of pretrained vectors \(8\) does not match dimension \(5\)! Set dim=8"
    ):
        ftcore.train_supervised(LINES, init_model=pretrained, dim=5, verbose=0)
    with pytest.raises(UserError, match="init_model and pretrainedVectors are both given"):
        ftcore.train_supervised(LINES, init_model=pretrained, pretrainedVectors="x.vec", **QUIET)
    with pytest.raises(UserError, match="init_model = 3"):
        ftcore.train_supervised(LINES, init_model=3, **QUIET)
    lines = [f"__label__{i % 2} w{i}" for i in range(400)]
    small = ftcore.train_supervised(lines, **QUIET)
    small.quantize()
    with pytest.raises(UserError, match="quantised model cannot be trained further"):
        ftcore.train_supervised(LINES, init_model=small, verbose=0)


# ------------------------------------------------------------------------------------ while it trains
def test_callbacks_and_validation():
    seen = []
    model = ftcore.train_supervised(
        LINES, valid=LINES[:40], lr=0.5, epoch=4, callbacks=[seen.append], **QUIET
    )
    ends = [p for p in seen if p.epoch_end]
    assert [p.epoch for p in ends] == [0, 1, 2, 3] and all(0 <= p.validation["accuracy"] <= 1 for p in ends)
    assert model.result.best_epoch in (1, 2, 3, 4) and len(model.result.history) == 4


def test_early_stopping_ends_with_the_best_epoch():
    wrong = [line.replace("food", "x").replace("菜", "food").replace("x", "菜") for line in LINES[:60]]
    model = ftcore.train_supervised(LINES, valid=wrong, patience=2, lr=0.5, epoch=50, **QUIET)
    assert model.result.stopped_early and len(model.result.history) < 50
    best = model.result.best_epoch
    again = ftcore.train_supervised(
        LINES, valid=wrong, patience=2, lr=0.5, epoch=50, keep_best=False, **QUIET
    )
    assert again.result.best_epoch == best
    assert not np.array_equal(again.get_output_matrix(), model.get_output_matrix())


def test_verbose(capfd):
    ftcore.train_supervised(LINES, epoch=2, verbose=0, thread=1, dim=4)
    assert capfd.readouterr() == ("", "")
    ftcore.train_supervised(LINES, epoch=2, verbose=1, thread=1, dim=4)
    out, lines = capfd.readouterr()
    shown = lines.splitlines()
    words = ftcore.train_supervised(LINES, epoch=0, verbose=0, thread=1, dim=4).get_words()
    assert out == "" and shown[:3] == [
        "Read 0M words",
        f"Number of words:  {len(words)}",
        "Number of labels: 3",
    ]
    assert len(shown) == 4 and "loss" in shown[3] and "epoch 2" in shown[3]
    ftcore.train_supervised(LINES, epoch=2, verbose=2, thread=1, dim=4)
    assert capfd.readouterr().err.count("loss") == 2, "a line an epoch, where there is no terminal"


def test_ctrl_c_leaves_a_checkpoint_that_training_goes_on_from(tmp_path):
    data = tmp_path / "t.txt"
    data.write_text("\n".join(LINES * 40), encoding="utf-8")
    named = {"epoch": 20, "dim": 64, "thread": 1, "verbose": 0, "checkpoint": str(tmp_path / "checkpoint")}
    script = (
        "import json, sys, time, ftcore\n"
        "def tell(p): print(p.done, flush=True); time.sleep(0.05)  # so that there is time to interrupt it\n"
        "ftcore.train_supervised(sys.argv[1], callbacks=tell, **json.loads(sys.argv[2]))\n"
    )
    words = [sys.executable, "-c", script, str(data), json.dumps(named)]
    environment = {**os.environ, "PYTHONPATH": str(Path(ftcore.__file__).parents[1])}
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode != 0 and "KeyboardInterrupt" in err, out + err
    assert (tmp_path / "checkpoint/checkpoint.json").exists()
    resumed = ftcore.train_supervised(str(data), **named)
    whole = ftcore.train_supervised(str(data), **named)
    assert resumed.result.resumed and not whole.result.resumed
    assert np.array_equal(resumed.get_output_matrix(), whole.get_output_matrix())
    assert not (tmp_path / "checkpoint").exists(), "a finished training needs none"


# ------------------------------------------------------------------------------ faults that are errors
@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: ftcore.train_supervised(["__label__a x"] * 5, loss="ns", **QUIET), "label"),
        (lambda: ftcore.train_unsupervised(["x x x"], minCount=2, maxn=0, **QUIET), "ns|negative"),
        (lambda: ftcore.train_supervised(["no label"] * 5, **QUIET), "none has both a label"),
        (lambda: ftcore.train_unsupervised([], **QUIET), "Empty vocabulary"),
    ],
)  # fmt: skip
def test_what_the_original_loops_or_breaks_on(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_dim_1_no_buckets_and_one_label_work():
    assert ftcore.train_supervised(LINES, dim=1, verbose=0, thread=1).get_dimension() == 1
    model = ftcore.train_unsupervised(LINES, minCount=1, minn=0, maxn=0, bucket=0, **QUIET)
    assert model.get_input_matrix().shape == (len(model.get_words()), 8)
    for loss in ("softmax", "hs"):
        alone = ftcore.train_supervised(["__label__a x y"] * 5, loss=loss, **QUIET)
        labels, scores = alone.predict("x")
        assert labels == ("__label__a",) and scores[0] == pytest.approx(1.0, abs=2e-5)


# ------------------------------------------------------------------------------------------ autotune
def test_autotune_keeps_what_was_given_and_the_time(train_file, test_file):
    started = time.perf_counter()
    model = ftcore.train_supervised(
        str(train_file),
        autotuneValidationFile=str(test_file),
        autotuneDuration=4,
        dim=8,
        minn=0,
        verbose=0,
        thread=1,
    )
    assert time.perf_counter() - started < 12
    assert model.dim == 8 and model.minn == 0
    assert model.test(str(test_file))[1] > 0.8


def test_autotune_to_a_size(tmp_path, test_file):
    lines = [f"{line} w{i % 900} v{i % 700}" for i, line in enumerate(LINES * 10)]
    size = 60_000
    model = ftcore.train_supervised(
        lines, autotuneValidationFile=str(test_file), autotuneDuration=3, autotuneModelSize=f"{size // 1000}k",
        dim=16, wordNgrams=2, bucket=20_000, verbose=0, thread=1,
    )  # fmt: skip
    assert model.is_quantized()
    model.save_model(tmp_path / "m.ftz")
    assert size * 0.5 < (tmp_path / "m.ftz").stat().st_size <= size * 1.02
    with pytest.raises(UserError, match="please increase `autotune-modelsize`"):
        ftcore.train_supervised(
            lines,
            autotuneValidationFile=str(test_file),
            autotuneDuration=2,
            autotuneModelSize="5k",
            dim=16,
            verbose=0,
        )


def test_retraining_after_a_cutoff_makes_up_for_it(tmp_path):
    lines = [f"{line} w{i % 900} v{i % 700}" for i, line in enumerate(LINES * 10)]
    scores = {}
    for retrain in (False, True):
        model = ftcore.train_supervised(lines, lr=0.5, epoch=5, **QUIET)
        model.quantize(lines if retrain else None, cutoff=260, retrain=retrain, epoch=3, lr=0.2, verbose=0)
        scores[retrain] = model.test(lines)[1]
        assert len(model.get_words()) == 260
    assert scores[True] > scores[False] - 0.02 and scores[True] > 0.8


def test_unsupervised_quantisation_needs_to_be_asked_for():
    lines = [f"w{i % 300} w{(i * 7) % 300} w{(i + 1) % 300}" for i in range(900)]
    model = ftcore.train_unsupervised(lines, minCount=1, maxn=0, epoch=1, **QUIET)
    before = model["w3"]
    with pytest.raises(UserError, match="only support quantization of supervised models"):
        model.quantize()
    model.quantize(unsupervised=True)
    assert model.is_quantized() and np.abs(model["w3"] - before).max() < 0.2


def test_import_is_cheap_and_the_module_is_fasttexts():
    code = (
        "import sys, ftcore as fasttext\n"
        "assert not {'numpy', 'torch', 'numba', 'pyarrow', 'pydantic'} & set(sys.modules)\n"
        "print(fasttext.EOS, fasttext.BOW, fasttext.EOW, fasttext.tokenize('a b\\n'))\n"
        "from ftcore import util, train_supervised, train_unsupervised, load_model, tokenize\n"
        "assert util is fasttext.util and 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "</s> < > ['a', 'b', '</s>']\n"), done.stderr
