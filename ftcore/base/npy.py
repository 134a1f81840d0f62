"""A `.npy` file that grows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ftcore.base.files import open_sink


class GrowingNpy:
    """A `.npy` file whose number of rows is known at the end: its header leaves room for any.

    Args:
        path: of the file.
        dtype: of its values.
        row: shape of a row, () for a plain list.

    Example:
        >>> import tempfile; path = Path(tempfile.mkdtemp()) / "a.npy"
        >>> grown = GrowingNpy(path, np.int32)
        >>> grown.append(np.array([1, 2])); grown.append(np.array([3])); grown.close()
        >>> np.load(path).tolist()
        [1, 2, 3]
    """

    def __init__(self, path: Path, dtype: type | str, row: tuple[int, ...] = ()) -> None:
        self.dtype, self.rows, self._row = np.dtype(dtype), 0, row
        self.file = open_sink(path)
        self._header()

    def _header(self) -> None:
        about = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self._row),
        }
        np.lib.format.write_array_header_1_0(self.file, about)  # padded: any length has the same size

    def append(self, array: np.ndarray) -> None:
        """Write rows behind those that are there."""
        self.file.write(np.ascontiguousarray(array, self.dtype).data)
        self.rows += len(array)

    def close(self) -> None:
        """Write how many rows there are, and close the file."""
        self.file.seek(0)
        self._header()
        self.file.close()
