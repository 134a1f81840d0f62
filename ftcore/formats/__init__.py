"""Files a model is written to and read from."""
