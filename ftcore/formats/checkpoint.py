"""A model as a directory: ``model.safetensors`` (arrays) and ``model.json`` (everything else).

The directory appears whole or not at all. ``model.json`` carries the size and SHA-256 of the arrays,
so that a damaged or truncated file is noticed before it is used. Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ftcore.base.files import atomic_directory, canonical_json, sha256_file
from ftcore.dictionary.stored import parse_json
from ftcore.errors import IncompatibleModel, UnreadableFile
from ftcore.formats.compact import expand

FORMAT = "ftcore-model"
VERSION = 1
WEIGHTS = "model.safetensors"
HEADER = "model.json"
NO_ARRAYS = (
    SafetensorError,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)  # types numpy lacks, absurd shapes
_REMEDY = "copy the model again from where it was saved, or train and save it again"


def write_arrays(directory: str | PathLike, arrays: dict[str, np.ndarray], header: dict[str, Any]) -> None:
    """Write a model directory, replacing an existing one.

    Args:
        directory: its parent must be writable.
        arrays: any safetensors type; names may contain dots.
        header: JSON values; the keys format, version and weights are ours.

    Raises:
        UserError: the disk is full.
    """
    with atomic_directory(directory) as folder:
        packed = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(packed, folder / WEIGHTS)
        weights = {"bytes": (folder / WEIGHTS).stat().st_size, "sha256": sha256_file(folder / WEIGHTS)}
        whole = {**header, "format": FORMAT, "version": VERSION, "weights": weights}
        (folder / HEADER).write_bytes(canonical_json(whole))


def read_arrays(directory: str | PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """(arrays, header) of `write_arrays`.

    Raises:
        UserError: it names the file and the remedy when something is missing, damaged, truncated, of another
            kind or of a newer version.
    """
    directory = Path(directory)
    header = _read_header(directory)
    path = directory / WEIGHTS
    if not path.is_file():
        raise UnreadableFile(f"{path}: the model's arrays are missing; {_REMEDY}")
    with explain_unreadable(path):
        return expand(_read_arrays(path, header["weights"])), header


def _read_arrays(path: Path, weights: dict[str, Any]) -> dict[str, np.ndarray]:
    size, expected = path.stat().st_size, weights["bytes"]
    if size != expected:
        raise UnreadableFile(
            f"{path}: {size} bytes where {expected} were written, the file is cut off; {_REMEDY}"
        )
    if sha256_file(path) != weights["sha256"]:
        raise UnreadableFile(
            f"{path}: its SHA-256 is not the one in {HEADER}, the file is damaged; {_REMEDY}"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except NO_ARRAYS as error:
        raise UnreadableFile(
            f"{path}: not a safetensors file of numpy's types ({error}); {_REMEDY}"
        ) from None


def _read_header(directory: Path) -> dict[str, Any]:
    path = directory / HEADER
    if not path.is_file():
        raise UnreadableFile(
            f"{directory}: no model here ({HEADER} is missing); give a directory that save() wrote"
        )
    with explain_unreadable(path):
        return check_header(path.read_bytes(), str(path), _REMEDY)


@contextmanager
def explain_unreadable(path: Path) -> Iterator[None]:
    """Turn what the system says inside (no permission, a disk that fails) into a `UserError` naming the file."""
    try:
        yield
    except OSError as error:
        raise UnreadableFile(f"{path}: cannot be read ({error.strerror or error}); {_REMEDY}") from None


def check_header(text: bytes, place: str, remedy: str) -> dict[str, Any]:
    """The header of a model from its JSON.

    Raises:
        UserError: it names `place` and what to do, for one that is damaged, foreign or too new.
    """
    try:
        header = parse_json(text)
        kind, version = header["format"], header["version"]
        weights = header["weights"]
        if type(weights["bytes"]) is not int or not isinstance(weights["sha256"], str):
            raise TypeError("size or SHA-256 of the arrays has another type")
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(f"{place}: damaged ({type(error).__name__}: {error}); {remedy}") from None
    if kind != FORMAT:
        raise UnreadableFile(
            f"{place}: format {str(kind)[:60]!r} is not {FORMAT!r}; give a directory that save() wrote"
        )
    if type(version) is not int or version < 1:
        raise UnreadableFile(f"{place}: version {str(version)[:60]!r} is none that ftcore writes; {remedy}")
    if version > VERSION:
        raise IncompatibleModel(
            f"{place}: version {version} is newer than this ftcore reads ({VERSION}); upgrade ftcore"
        )
    return header
