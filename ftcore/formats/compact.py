"""Tables in fewer bytes on disk: float16, or int8 with a scale for each row. In memory they are float32 again.

A row of int8 holds ``round(value / scale)`` with ``scale = max |value| / 127``, so that a value is off by
at most half a scale; float16 keeps 11 bits of each value. The names of the arrays say which it is, so
that a model whose tables are float16 of its own is not mistaken for one.
"""

from __future__ import annotations

import numpy as np

TABLES = ("input", "output")
WEIGHTS = ("float32", "float16", "int8")
_LARGEST = np.finfo(np.float16).max


def compact(arrays: dict[str, np.ndarray], weights: str) -> dict[str, np.ndarray]:
    """Arrays of a model with its tables as `weights`: float32 (as they are), float16 or int8.

    Example:
        >>> small = compact({"input": np.float32([[1, -2]]), "output": np.float32([[0, 0]])}, "int8")
        >>> {name: array.tolist() for name, array in small.items() if name.endswith("int8")}
        {'input@int8': [[64, -127]], 'output@int8': [[0, 0]]}
    """
    made = dict(arrays)
    for name in TABLES if weights != "float32" else ():
        table = made.pop(name)
        if weights == "float16":
            made[f"{name}@float16"] = np.clip(table, -_LARGEST, _LARGEST).astype(np.float16)
            continue
        scale = (np.abs(table).max(axis=1, initial=0) / 127).astype(np.float32)
        safe = np.where(scale > 0, scale, 1)[:, None]
        made[f"{name}@int8"] = np.rint(table / safe).clip(-127, 127).astype(np.int8)
        made[f"{name}@scale"] = scale
    return made


def expand(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `compact`, as near as it goes; other arrays stay as they are.

    Whoever reads a model checks types and shapes afterwards: what does not fit is left as it is.
    """
    made = dict(arrays)
    for name in TABLES:
        half, small, scale = (made.get(f"{name}@{kind}") for kind in ("float16", "int8", "scale"))
        if half is not None and half.dtype == np.float16:
            made[name] = made.pop(f"{name}@float16").astype(np.float32)
        elif small is not None and scale is not None and _fit(small, scale):
            made[name] = made.pop(f"{name}@int8").astype(np.float32) * made.pop(f"{name}@scale")[:, None]
    return made


def _fit(small: np.ndarray, scale: np.ndarray) -> bool:
    whole = small.ndim == 2 and scale.shape == small.shape[:1]
    return whole and small.dtype == np.int8 and scale.dtype == np.float32
