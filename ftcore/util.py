"""``import ftcore.util``, as ``import fasttext.util``: the helpers of `ftcore.compat.util` at their old address."""

from ftcore.compat.util import download_model, find_nearest_neighbor, reduce_model, test

__all__ = ["download_model", "find_nearest_neighbor", "reduce_model", "test"]
