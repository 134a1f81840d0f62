"""Tables in fewer bytes: how far off they are, how small, and that models read them as their own."""

from __future__ import annotations

import numpy as np
import pytest

from ftcore.errors import UserError
from ftcore.fasttext import FastText
from ftcore.formats.checkpoint import read_arrays, write_arrays
from ftcore.formats.compact import WEIGHTS, compact, expand

RNG = np.random.default_rng(0)


def tables(rows: int = 50, dim: int = 8, scale: float = 1.0) -> dict[str, np.ndarray]:
    values = RNG.normal(0, scale, (rows, dim)).astype(np.float32)
    values[3] = 0
    return {"input": values, "output": values[:5] * 7, "dictionary.counts": np.arange(4)}


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4, 1e30])
def test_how_far_off_a_value_is(scale: float):
    arrays = tables(scale=scale)
    exact = expand(compact(arrays, "float32"))
    assert all(exact[name] is arrays[name] for name in arrays)
    small = expand(compact(arrays, "int8"))
    for name in ("input", "output"):
        off = np.abs(small[name] - arrays[name]).max(axis=1)
        assert (off <= np.abs(arrays[name]).max(axis=1) / 127 / 2 * 1.001).all()
        assert small[name].dtype == np.float32 and not small[name][3].any()
    half = expand(compact(arrays, "float16"))
    assert np.isfinite(half["input"]).all()
    if 1e-2 < scale < 1e4:
        assert np.allclose(half["input"], arrays["input"], rtol=2**-11, atol=1e-6)
    assert (half["dictionary.counts"] == arrays["dictionary.counts"]).all()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    texts = [f"{word} {other} today" for word in ("match", "soup", "phone") for other in "abcdefgh"]
    labels = [text.split()[0] for text in texts]
    made = FastText.from_texts(texts, labels, dim=64, minn=2, maxn=4, bucket=3000)
    made.tables.output.data += 0.5 * made.tables.output.data.new_tensor(RNG.normal(size=(3, 64)))
    folder = tmp_path_factory.mktemp("model") / "model"
    made.save(folder)
    return made, folder, texts


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_model_reads_what_was_made_smaller(model, tmp_path, weights):
    made, folder, texts = model
    arrays, header = read_arrays(folder)
    write_arrays(tmp_path / "small", compact(arrays, weights), header)
    loaded = FastText.load(tmp_path / "small")
    bytes_of = [(f / "model.safetensors").stat().st_size for f in (folder, tmp_path / "small")]
    tables = arrays["input"].nbytes + arrays["output"].nbytes
    saved = {"float32": 0, "float16": tables / 2, "int8": 0.7 * tables}[weights]
    assert bytes_of[0] - bytes_of[1] == pytest.approx(saved, rel=0.1, abs=200)
    tokens = made.tokenizer.tokenize(texts)
    assert np.abs(loaded.probabilities(tokens) - made.probabilities(tokens)).max() < 0.01
    assert loaded.tables.input.dtype == made.tables.input.dtype


@pytest.mark.parametrize("spoilt", ["no scale", "short scale", "dtype"])
def test_spoilt_tables_are_refused(model, tmp_path, spoilt):
    _, folder, _ = model
    arrays, header = read_arrays(folder)
    small = compact(arrays, "int8")
    if spoilt == "no scale":
        del small["input@scale"]
    elif spoilt == "short scale":
        small["input@scale"] = small["input@scale"][:-1]
    else:
        small["input@int8"] = small["input@int8"].astype(np.int16)
    write_arrays(tmp_path / "m", small, header)
    with pytest.raises(UserError, match="input"):
        FastText.load(tmp_path / "m")
