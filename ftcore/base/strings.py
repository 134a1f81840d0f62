"""Python strings as an Arrow column, without pandas.

``pa.array`` of a list imports pandas to see whether the list is a thing of its own: a second for a process that
answers one text.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa


def strings(values: Iterable[str | None]) -> pa.Array:
    """The values as a column of type string.

    Raises:
        UnicodeEncodeError: A value holds a lone surrogate.

    Example:
        >>> strings(["a", None]).to_pylist()
        ['a', None]
    """
    builder = pa.lib.StringBuilder()
    builder.append_values(values)
    return builder.finish()
