"""fastText's command line, flag by flag and byte by byte: `commands` runs what `flags` has read."""
