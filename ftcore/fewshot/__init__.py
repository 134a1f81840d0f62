"""Classifiers from few labels or none: seed words, languages side by side, which documents to label next."""
