"""One training interface; `reference` (plain torch) defines the semantics, `cpu` (Numba) is quick."""
