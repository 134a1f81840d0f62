"""Model files made by the original: every model, loss and kind of subwords, dense and quantised."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reference.peer import run_peer

MAKE = r"""
import os, random
random.seed(1)
folder = str(given["into"])
zh = [("中" + chr(0x4E00 + i)).encode() for i in range(12)]
words = [b"w%d" % i for i in range(40)] + zh + [b"bad\xff%d" % i for i in range(3)] + [b"\xe4\xb8", b"\x80abc"]
labels = [b"__label__a", "__label__中".encode(), b"__label__c\xff"]
with open(folder + "/words.txt", "wb") as plain, open(folder + "/labelled.txt", "wb") as labelled, open(folder + "/many.txt", "wb") as many:
    for i in range(300):
        line = b" ".join(random.choices(words, k=12)) + b"\n"
        plain.write(line)
        labelled.write(random.choice(labels) + b" " + line)
        many.write(b"__label__%d " % i + line)
names = []
def save(model, name):
    model.save_model(folder + "/" + name)
    names.append(name)
for kind in ("cbow", "skipgram"):
    for loss in ("ns", "hs", "softmax"):
        for minn, maxn in ((1, 4), (3, 0), (5, 3)):
            model = fasttext.train_unsupervised(folder + "/words.txt", model=kind, loss=loss, minn=minn, maxn=maxn,
                dim=3, epoch=1, bucket=20, minCount=1, thread=12, verbose=0)
            save(model, f"{kind}-{loss}-{minn}-{maxn}.bin")
options = [dict(), dict(qnorm=True, dsub=3), dict(cutoff=280), dict(qnorm=True, cutoff=260, dsub=1)]
turn = 0
for loss in ("ns", "hs", "softmax", "ova"):
    for minn, maxn, ngrams in ((0, 0, 1), (0, 0, 2), (2, 4, 1), (1, 2, 3)):
        name = f"supervised-{loss}-{minn}-{maxn}-{ngrams}"
        model = fasttext.train_supervised(folder + "/labelled.txt", loss=loss, minn=minn, maxn=maxn, wordNgrams=ngrams,
            dim=3, epoch=1, bucket=220, thread=12, verbose=0)
        save(model, name + ".bin")
        if ngrams + maxn > 1:
            model.quantize(**options[turn % 4])
            save(model, name + f"-{turn % 4}.ftz")
            turn += 1
for qnorm in (False, True):
    model = fasttext.train_supervised(folder + "/many.txt", dim=4, epoch=1, bucket=300, wordNgrams=2, thread=12, verbose=0)
    if not qnorm:
        save(model, "many.bin")
    model.quantize(qout=True, qnorm=qnorm, cutoff=270 if qnorm else 0)
    save(model, f"many-{qnorm}.ftz")
for name in ("words", "labelled", "many"):
    os.remove(f"{folder}/{name}.txt")
out["names"] = np.array(names)
"""


@pytest.fixture(scope="session")
def peer_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Name -> file."""
    folder = tmp_path_factory.mktemp("models")
    names = run_peer(MAKE, folder)["names"]
    return {name: folder / name for name in names.tolist()}
