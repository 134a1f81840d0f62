"""fastText's Python API and command line, exactly, over ftcore's own engine and formats."""
