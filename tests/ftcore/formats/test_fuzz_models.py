"""Mutated model directories and shipped bytes, with right checksums: refused in one line, or every use works.

The attacks run in another process (`attack_models.py`), bounded in memory, so that a crash is a failure here
that names the attack.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ftcore import FastText
from ftcore.base.files import sha256_file
from ftcore.compat.model import _FastText, _shipped
from ftcore.errors import UserError
from ftcore.formats.checkpoint import HEADER, WEIGHTS, read_arrays, write_arrays
from ftcore.formats.container import pack_arrays, unpack_arrays
from ftcore.formats.directory import from_bytes, to_bytes

ROOT = Path(__file__).resolve().parents[3]


def campaign(first: int, count: int, folder: Path) -> dict[str, int]:
    """How often each outcome came; a crash or an error of another kind fails with its number."""
    worker = Path(__file__).with_name("attack_models.py")
    done = subprocess.run(
        [sys.executable, str(worker), str(first), str(count), str(folder)],
        cwd=ROOT, env=None, capture_output=True, text=True, timeout=550 if count < 1000 else 3000,
    )  # fmt: skip
    lines = done.stdout.splitlines() or ["none"]
    assert done.returncode == 0, f"attack {lines[-1]} ended with {done.returncode}:\n{done.stderr[-3000:]}"
    return json.loads(lines[-1])


def test_damaged_models(tmp_path: Path):
    outcomes = campaign(0, 300, tmp_path)
    assert sum(outcomes.values()) == 300
    # both ways are taken, or the damage would be too weak or too strong
    assert outcomes["refused"] > 150 and outcomes["used"] > 30, outcomes


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_damaged_models(tmp_path: Path):
    assert sum(campaign(1000, 10_000, tmp_path).values()) == 10_000


@pytest.fixture(scope="module")
def model() -> FastText:
    made = FastText.from_texts(
        ["好看 a film", "boring b b"], [1, 0], minn=1, maxn=3, word_ngrams=2, bucket=90, dim=4
    )
    torch.nn.init.normal_(made.tables.output)
    return made


def changed(arrays: dict, name: str, value: object, at: object = None) -> dict:
    array = arrays[name].copy()
    if at is None:
        return {**arrays, name: value(array)}
    array[at] = value
    return {**arrays, name: array}


ARRAYS = [  # (array, element or function, place, what the message names)
    ("dictionary.word_offsets", 2**31 - 1, 1, r"dictionary\.word_offsets\[2\]"),
    ("dictionary.word_offsets", 2**58, -1, r"dictionary\.word_offsets"),
    ("dictionary.word_offsets", -1, 0, r"dictionary\.word_offsets\[0\] is -1, not 0"),
    ("dictionary.word_offsets", lambda a: a[:0], None, r"dictionary\.word_offsets is empty"),
    (
        "dictionary.word_offsets",
        lambda a: a.astype("i4"),
        None,
        r"dictionary\.word_offsets is of dtype int32, not int64",
    ),
    ("dictionary.label_offsets", 99, -1, r"dictionary\.label_offsets"),
    ("dictionary.words", lambda a: a[None], None, r"dictionary\.words is of shape \[1, "),
    ("dictionary.counts", -1, 1, r"dictionary\.counts\[1\] is -1, not between 0"),
    ("dictionary.counts", 10**15, 0, r"dictionary\.counts\[0\]"),
    ("dictionary.counts", lambda a: a[1:], None, r"dictionary\.counts is of shape"),
    (
        "dictionary.label_counts",
        lambda a: a.astype("f4"),
        None,
        r"dictionary\.label_counts is of dtype float32",
    ),
    ("dictionary.buckets", 90, -1, r"dictionary\.buckets\[\d+\] is 90, not between 0 and 89"),
    ("dictionary.buckets", 0, 5, r"dictionary\.buckets\[5\] is 0, not more than"),
    ("dictionary.buckets", lambda a: a[1:], None, r"input is of shape"),
    ("dictionary.ntokens", lambda a: a[:0], None, r"dictionary\.ntokens is of shape \[0\], not \[1\]"),
    ("dictionary.options", lambda a: a[:9], None, r"dictionary\.options is .*JSON"),
    ("input", lambda a: a[:, :3], None, r"input is of shape"),
    ("input", np.nan, (2, 1), r"input\[2, 1\] is nan, not a finite number"),
    ("input", lambda a: a.astype("f8"), None, r"output is of dtype float32, not float64"),
    ("output", lambda a: a[:1], None, r"output is of shape \[1, 4\], not \[2, 4\]"),
    ("output", lambda a: a.astype("i4"), None, r"output is of dtype int32"),
]


@pytest.mark.parametrize(("name", "value", "at", "message"), ARRAYS)
def test_arrays_are_checked_and_named(model: FastText, tmp_path: Path, name: str, value, at, message: str):
    arrays, header = unpack_arrays(model.to_bytes())
    arrays = changed(arrays, name, value, at)
    write_arrays(tmp_path / "m", arrays, header)
    with pytest.raises(UserError, match=rf"{WEIGHTS}: {message}"):
        FastText.load(tmp_path / "m")
    with pytest.raises(UserError, match=f"these bytes: {message}"):
        FastText.from_bytes(pack_arrays(arrays, header))


HEADERS = [
    ("labels", -1), ("labels", ["1", "2"]), ("labels", [1]), ("labels", [1, None]), ("labels", [1, 0.0]), ("labels", [True, 0]),
    ("tokenizer", None), ("tokenizer", {}), ("tokenizer", {"version": [1]}), ("kind", "cnn"), ("kind", ["cbow"]), ("kind", "cbow"),
    ("loss", None), ("loss", "mse"), ("dim", 3), ("dim", -4), ("dim", "4"), ("dim", 1e400), ("seed", -1), ("seed", 1 << 64),
    ("seed", 0.5), ("sparse", "no"), ("sparse", 2),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), HEADERS)
def test_the_header_is_checked_and_named(model: FastText, tmp_path: Path, key: str, value):
    arrays, header = unpack_arrays(model.to_bytes())
    write_arrays(tmp_path / "m", arrays, {**header, key: value})
    named = "(output|labels|input)" if value == "cbow" else "input" if value == 3 else key
    with pytest.raises(UserError, match=rf"{tmp_path}/m.*{named}"):
        FastText.load(tmp_path / "m")
    del header[key]
    write_arrays(tmp_path / "m", arrays, header)
    with pytest.raises(UserError, match=rf"{HEADER}: the model lacks '{key}'"):
        FastText.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("jieba", 1), ("text", None), ("text", {"segment": {"hmm": "?"}}), ("text", {"no": 1}), ("user_words", 5),
        ("user_words", [["a"]]), ("user_words", [["", 1, None]]), ("user_words", [["a", -1, None]]),
        ("user_words", [["a", 1 << 80, None]]), ("stopwords", "a"), ("stopwords", [1]), ("version", {}),
    ],
)  # fmt: skip
def test_the_tokenizer_is_checked_and_named(model: FastText, tmp_path: Path, key: str, value):
    arrays, header = unpack_arrays(model.to_bytes())
    write_arrays(tmp_path / "m", arrays, {**header, "tokenizer": {**header["tokenizer"], key: value}})
    with pytest.raises(UserError, match=rf"{tmp_path}/m: tokenizer: .*{key}"):
        FastText.load(tmp_path / "m")


@pytest.fixture(scope="module")
def tokenless(model: FastText) -> tuple[dict, dict]:
    """The same as a file of fastText's has it, packed."""
    return unpack_arrays(to_bytes(model.to_model().with_prefix()))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("args", {}), ("args", None), ("version", 0), ("version", 13), ("path", None), ("kept", {"minn": 1}), ("kept", {"maxn": 1 << 20}),
        ("quantizers", 5),
    ],
)  # fmt: skip
def test_shipped_models_are_checked_and_named(tokenless: tuple[dict, dict], key: str, value):
    arrays, header = tokenless
    with pytest.raises(UserError, match=f"these bytes: .*{key}"):
        from_bytes(pack_arrays(arrays, {**header, "file": {**header["file"], key: value}}))
    file = {k: v for k, v in header["file"].items() if k != key}
    with pytest.raises(UserError, match=rf"these bytes: the model lacks 'file\.{key}'"):
        from_bytes(pack_arrays(arrays, {**header, "file": file}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dim", 0), ("dim", 3), ("dim", 4.0), ("ws", -1), ("loss", "mse"), ("model", "cnn"), ("model", "cbow"), ("lr", -1.0),
        ("minn", 1001), ("label", 3), ("t", float("inf")),
    ],
)  # fmt: skip
def test_arguments_of_shipped_models_are_checked(tokenless: tuple[dict, dict], name: str, value):
    arrays, header = tokenless
    args = {**header["file"]["args"], name: value}
    with pytest.raises(UserError, match=f"these bytes: .*(args.{name}|output|input)"):
        from_bytes(pack_arrays(arrays, {**header, "file": {**header["file"], "args": args}}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("options", '{"minn": 1}'), ("options", "null"), ("storage", "none"), ("storage", "pruned")],
)
def test_the_dictionary_of_shipped_models_is_checked(tokenless: tuple[dict, dict], name: str, value: str):
    arrays, header = tokenless
    changed = {**arrays, f"dictionary.{name}": np.frombuffer(value.encode(), np.uint8)}
    with pytest.raises(UserError, match=rf"these bytes: dictionary\.({name}|prune)"):
        from_bytes(pack_arrays(changed, header))


@pytest.mark.parametrize(("name", "value"), [("predict", 1), ("loss", "mse")])
def test_a_shipped_models_attributes_are_arguments_of_a_training(
    tokenless: tuple[dict, dict], name: str, value
):
    assert isinstance(_shipped(pack_arrays(*tokenless), {"loss": "ns", "dim": 4}), _FastText)
    with pytest.raises(UserError, match=f"{name} = {value!r} is no argument of a training"):
        _shipped(pack_arrays(*tokenless), {name: value})


def test_wide_options_of_a_bin_survive_saving(model: FastText, tmp_path: Path):
    """fastText trains with maxn above our own 30, and such a model is saved and loaded like others."""
    classic = model.to_model().with_prefix()
    classic.dictionary.options = replace(classic.dictionary.options, maxn=50)
    wide = FastText.from_model(classic)
    wide.save(tmp_path / "m")
    assert FastText.load(tmp_path / "m").dictionary.options.maxn == 50


def test_what_the_system_refuses_is_one_line(model: FastText, tmp_path: Path):
    model.save(tmp_path / "m")
    (tmp_path / "m" / WEIGHTS).unlink()
    (tmp_path / "m" / WEIGHTS).mkdir()
    with pytest.raises(UserError, match=WEIGHTS):
        FastText.load(tmp_path / "m")
    (tmp_path / "m" / HEADER).write_text("[" * 100_000)
    with pytest.raises(UserError, match=f"{HEADER}: damaged .*nested too deeply"):
        FastText.load(tmp_path / "m")
    with pytest.raises(UserError, match="no model here"):
        FastText.load(tmp_path / "nowhere")


def test_half_precision_goes_through(model: FastText, tmp_path: Path):
    """float16 and float64 tables are a model, too; of another kind of number there is none."""
    arrays, header = unpack_arrays(model.to_bytes())
    half = {**arrays, **{name: arrays[name].astype(np.float16) for name in ("input", "output")}}
    write_arrays(tmp_path / "m", half, header)
    assert sha256_file(tmp_path / "m" / WEIGHTS) == read_arrays(tmp_path / "m")[1]["weights"]["sha256"]
    loaded = FastText.load(tmp_path / "m")
    assert loaded.tables.input.dtype == torch.float16
    names = [answer.labels for answer in loaded.predict(["a film", "boring"])]
    assert names == [answer.labels for answer in model.predict(["a film", "boring"])]
    assert loaded.to_model().with_prefix().input.dtype == np.float32
