"""Raw bytes to clean tokens."""
