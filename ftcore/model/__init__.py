"""The two tables of fastText and what they mean: (ids, offsets) -> logits."""
