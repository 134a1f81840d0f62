"""A model that is shipped travels as our own format's bytes; copies stay torch modules."""

import copy
import os
import pickle
import pickletools
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch

from ftcore.fasttext import FastText

TEXTS = ["这部 电影 好看", "boring film", "很 好 的 书", "bad and boring book"] * 3
LABELS = ["pos", "neg", "pos", "neg"] * 3


def fitted(**kw) -> FastText:
    model = FastText.from_texts(TEXTS, LABELS, **{"dim": 8, "minn": 1, "maxn": 2, "seed": 3, **kw})
    model.fit(list(zip(TEXTS, LABELS, strict=True)), lr=0.5, epochs=2)
    return model


def globals_of(data: bytes) -> set[str]:
    """What unpickling would look up: module and name."""
    strings, found = [], set()
    for code, value, _ in pickletools.genops(data):
        if code.name == "GLOBAL":
            found.add(value)
        elif code.name == "STACK_GLOBAL":
            found.add(f"{strings[-2]} {strings[-1]}")
        elif isinstance(value, str):
            strings.append(value)
    return found


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_only_our_own_reader_is_named(protocol):
    model = fitted()
    data = pickle.dumps(model, protocol)
    named = globals_of(data)
    # before protocol 4 there is no code for a nested name, nor one for bytes before 3
    helpers = {"__builtin__ getattr", "builtins getattr", "_codecs encode", "getattr", "__builtin__ bytes"}
    assert {name for name in named if name not in helpers} <= {
        "ftcore.fasttext FastText",
        "ftcore.fasttext FastText.from_bytes",
    }
    back = pickle.loads(data)
    assert back.to_bytes() == model.to_bytes()
    assert back.labels == model.labels and back.seed == 3
    texts = ["好看 的 film", "", "从来 没有 见过 unseen"]
    assert np.array_equal(
        back.probabilities(back.tokenizer.tokenize(texts)),
        model.probabilities(model.tokenizer.tokenize(texts)),
    )


def test_joblib_and_a_fresh_process(tmp_path):
    model = fitted()
    joblib.dump(model, tmp_path / "m.joblib")
    # jieba's dictionary, of some 10 MB, stays behind
    assert (tmp_path / "m.joblib").stat().st_size < 200_000
    code = "import joblib, sys; print(joblib.load(sys.argv[1]).predict('好看 film', k=2)[0].labels)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.joblib")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(model.predict("好看 film", k=2)[0].labels)


def test_deep_copies_keep_what_bytes_do_not_hold():
    model = fitted()
    model.tables.output.requires_grad_(False)
    model.eval()
    seen = []
    model.tables.register_forward_hook(lambda module, given, out: seen.append(module))
    twin = copy.deepcopy(model)
    assert not twin.training and not twin.tables.output.requires_grad
    twin(TEXTS)
    assert seen == [twin.tables]
    with torch.no_grad():
        twin.tables.input.zero_()
    assert model.tables.input.any(), "the copy shares memory with the model"


def _train_once(model: FastText) -> None:
    with torch.no_grad():
        model.tables.input.fill_(7)


def test_shared_tables_stay_shared():
    model = fitted()
    model.share_memory()
    context = torch.multiprocessing.get_context("spawn" if os.name == "nt" else "forkserver")
    worker = context.Process(target=_train_once, args=(model,))
    worker.start()
    worker.join(120)
    assert worker.exitcode == 0
    assert (model.tables.input == 7).all(), "the worker trained a copy"
