"""Classification metrics, word similarity and analogies, significance tests."""
