"""What the native core answers on this processor family, into an .npz: ``python answers.py out.npz`` (see test_processors).

Names that begin with ``same`` promise their bits on every family; the others sum in lanes, whose number differs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from ftcore import native
from ftcore.dictionary.lookup import Words
from ftcore.formats.digits import format_rows
from ftcore.formats.vec import read_vec, write_vec
from ftcore.model.quantize import QuantMatrix

LABELS = 3
# of the largest value: weights, which some hundred updates carry on, by sums of float32 in another order
TOLERANCE = {"probabilities": 1e-4}
TRAINED = 1e-3


def disagreements(base: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """Names of what differs: in a bit where the bits are promised, else by more than the tolerance."""
    assert base.keys() == other.keys() and len(base) > 20
    found = []
    for key, value in base.items():
        if key.startswith("same"):
            if value.tobytes() != other[key].tobytes():
                found.append(key)
        elif not np.abs(value - other[key]).max() <= TOLERANCE.get(key, TRAINED) * np.abs(value).max():
            found.append(key)
    return found


def corpus(lines: int, labelled: bool) -> bytes:
    """Texts that a label can be learnt from, with words outside of ASCII."""
    rng = np.random.default_rng(1)
    out = []
    for i in range(lines):
        label = i % LABELS
        words = [f"w{x}" if x % 3 else f"词{x}é" for x in rng.integers(0, 40, 12)] + [
            f"t{label}{rng.integers(4)}"
        ]
        out.append((f"__label__{label} " if labelled else "") + " ".join(words))
    return "\n".join(out).encode() + b"\n"


def tables() -> dict[str, np.ndarray]:
    """Means, products and first values by themselves."""
    rng = np.random.default_rng(0)
    rows, extra = rng.normal(size=(500, 67)).astype(np.float32), rng.normal(size=(9, 67)).astype(np.float32)
    ids = rng.integers(-9, 500, 4000).astype(np.int32)
    offsets = np.sort(np.concatenate(([0, 4000], rng.integers(0, 4000, 59))))
    hidden = np.empty((60, 67), np.float32)
    native.mean_rows(rows, extra, ids, offsets, hidden)
    products = np.empty((60, 500), np.float32)
    native.products(hidden, rows, products)
    first = np.empty((9, 67), np.float32)
    native.initial_rows(3, np.arange(-4, 5), first)
    return {"same means": hidden, "same products": products, "same first values": first}


def files(folder: Path) -> dict[str, np.ndarray]:
    """Printing, parsing and the quantiser."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3000, 10)).astype(np.float32)
    alike = np.round(rows)  # clusters come out empty, where one bit decides
    words = [b"w%d" % i for i in range(3000)]
    packed = Words.of(words)
    write_vec(folder / "m.vec", words, rows, threads=1)
    found = {
        "same printed": np.frombuffer(format_rows(packed.blob, packed.offsets, 0, rows), np.uint8),
        "same parsed": read_vec(folder / "m.vec", threads=1)[1],
    }
    for table, name in ((rows, "rows"), (alike, "alike")):
        for fused in (False, True):
            for dsub in (2, 3):
                made = QuantMatrix.train(table, dsub, qnorm=True, threads=1, fused=fused)
                key = f"same quantised {name} {fused} {dsub}"
                found |= {f"{key} codes": made.codes, f"{key} centroids": made.quantizer.centroids}
                found[f"{key} rows"] = made.dense()
    return found


def training(folder: Path) -> dict[str, np.ndarray]:
    """A model of each kind through the API: features and order of ids, weights after some hundred updates."""
    import ftcore as fasttext

    labelled, plain = folder / "labelled.txt", folder / "plain.txt"
    labelled.write_bytes(corpus(300, True))
    plain.write_bytes(corpus(300, False))
    found: dict[str, np.ndarray] = {}
    common = {"thread": 1, "bucket": 5000, "verbose": 0, "minCount": 1}
    models = {
        f"supervised {loss}": fasttext.train_supervised(
            str(labelled), dim=20, epoch=2, loss=loss, wordNgrams=2, seed=1, **common
        )
        for loss in ("softmax", "ova", "ns", "hs")
    }
    models |= {
        f"{model} {loss}": fasttext.train_unsupervised(
            str(plain), model=model, loss=loss, dim=20, epoch=1, minn=2, maxn=4, seed=1, **common
        )
        for model, loss in (("skipgram", "ns"), ("cbow", "ns"), ("skipgram", "hs"))
    }
    for name, model in models.items():
        found[f"{name} input"] = model.get_input_matrix()
        found[f"{name} output"] = model.get_output_matrix()
        found[f"same {name} words"] = np.array(model.words)
    texts = corpus(60, False).decode().splitlines()
    labels, probabilities = models["supervised softmax"].predict(texts, k=LABELS)
    found["probabilities"] = np.array([sorted(row) for row in probabilities], np.float32)
    found["same first labels"] = np.array([row[0] for row in labels])
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.savez(sys.argv[1], **tables(), **files(folder), **training(folder))


if __name__ == "__main__":
    main()
