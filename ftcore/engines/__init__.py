"""One training interface; `reference` (plain torch) defines the semantics, `cpu` (C++) is quick."""
