"""Answers of a trained model: predictions, vectors, neighbours; batched, threaded, from files of any size."""
