"""The model directory: whole or absent, and damage is noticed."""

import json

import numpy as np
import pytest

from ftcore.errors import UserError
from ftcore.formats.checkpoint import FORMAT, HEADER, WEIGHTS, read_arrays, write_arrays

ARRAYS = {
    "a.b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "empty": np.zeros(0, np.uint8),
    "ids": np.arange(10, dtype=np.int64)[::2],
}


def test_round_trip(tmp_path):
    write_arrays(tmp_path / "x" / "m", ARRAYS, {"labels": ["中", 1], "n": None})
    arrays, header = read_arrays(tmp_path / "x" / "m")
    assert {k: (v.dtype, v.tolist()) for k, v in arrays.items()} == {
        k: (v.dtype, v.tolist()) for k, v in ARRAYS.items()
    }
    assert header["labels"] == ["中", 1] and header["format"] == FORMAT
    assert sorted(p.name for p in (tmp_path / "x" / "m").iterdir()) == [HEADER, WEIGHTS]


def test_equal_models_are_equal_bytes(tmp_path):
    for name in "ab":
        write_arrays(tmp_path / name, ARRAYS, {"x": 1, "y": 2})
    for file in (HEADER, WEIGHTS):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_failed_write_leaves_the_old_model(tmp_path):
    write_arrays(tmp_path / "m", ARRAYS, {"x": 1})
    with pytest.raises(TypeError):
        write_arrays(tmp_path / "m", ARRAYS, {"x": object()})
    assert read_arrays(tmp_path / "m")[1]["x"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("at", [0, 100, -1])
def test_any_flipped_byte_is_noticed(tmp_path, at):
    write_arrays(tmp_path / "m", ARRAYS, {})
    path = tmp_path / "m" / WEIGHTS
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{WEIGHTS}.*damaged.*copy the model again"):
        read_arrays(tmp_path / "m")


def test_truncated_missing_and_foreign(tmp_path):
    write_arrays(tmp_path / "m", ARRAYS, {})
    header, weights = tmp_path / "m" / HEADER, tmp_path / "m" / WEIGHTS
    whole = header.read_text()
    for text, message in [
        (whole[: len(whole) // 2], "damaged"),
        ("[]", "damaged"),
        (whole.replace(FORMAT, "other"), "format 'other' is not"),
        (json.dumps({**json.loads(whole), "version": 99}), "version 99 is newer.*upgrade"),
    ]:
        header.write_text(text)
        with pytest.raises(UserError, match=message):
            read_arrays(tmp_path / "m")
    header.write_text(whole)
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError, match="cut off"):
        read_arrays(tmp_path / "m")
    weights.unlink()
    with pytest.raises(UserError, match="missing"):
        read_arrays(tmp_path / "m")
    header.unlink()
    with pytest.raises(UserError, match="no model here"):
        read_arrays(tmp_path / "m")
