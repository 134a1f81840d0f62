"""What counts as a missing value, and what a number means as a label: one rule for every door.

Missing are None, NaN (of Python, numpy, Decimal), pandas' NA and NaT, and in csv and tsv, where all
is text, the cells that `config.Source.na_values` lists. What is missing is
never the word "nan" or "None".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

_PANDAS = {"NAType", "NaTType"}  # told by name, as Decimal is: neither need be imported for it
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+")


def is_missing(value: Any) -> bool:
    """Whether a value of a frame, a column or a record is no value.

    Example:
        >>> [is_missing(v) for v in (None, float("nan"), "", "nan", 0)]
        [True, True, False, False, False]
    """
    if isinstance(value, str):
        return False
    if value is None or type(value).__name__ in _PANDAS:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if type(value).__name__ == "Decimal" and hasattr(value, "is_nan"):
        return value.is_nan()
    return isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(value))


def label_name(value: Any) -> str:
    """A label as text: "" if missing, true or false for a truth value; whole numbers have no point.

    Example:
        >>> [label_name(v) for v in (1, 1.0, 1.5, True, " a ", "1.0", None)]
        ['1', '1', '1.5', 'true', 'a', '1.0', '']
    """
    if is_missing(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)  # a column of whole numbers with gaps becomes one of floats in pandas
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value).strip()


def whole_name(name: str) -> str:
    """The whole number that a label such as ``1.0`` stands for, "" if it is none.

    Example:
        >>> whole_name("1.0"), whole_name("1.5"), whole_name("01.0")
        ('1', '', '')
    """
    found = _WHOLE.fullmatch(name)
    return str(int(found[1])) if found else ""


def unified_names(names: Iterable[str]) -> dict[str, str]:
    """Labels to be renamed so that each has one name, given all that occur.

    pandas makes whole numbers floats as soon as one of a column is missing, and writes True where
    JSON writes true: among whole numbers ``1.0`` is 1, among truth values ``True`` is true. Where a
    number has a fraction (ratings, versions) ``1.0`` stays, unless there is a 1 as well.

    Example:
        >>> unified_names(["0", "1.0", "sport"]), unified_names(["1.0", "1.5"]), unified_names(["True", "false"])
        ({'1.0': '1'}, {}, {'True': 'true'})
    """
    names = set(names)
    whole = {name: whole_name(name) for name in sorted(names) if whole_name(name)}
    fractions = any("." in name and _NUMBER.fullmatch(name) and name not in whole for name in names)
    renamed = {name: plain for name, plain in whole.items() if not fractions or plain in names}
    if names and {name.lower() for name in names} <= {"true", "false"}:
        renamed |= {name: name.lower() for name in sorted(names) if name != name.lower()}
    return renamed
