"""From documents to clean tokens: normalisation, segmentation, stopwords, filters.

The unit is an Arrow record batch; a step is ``batch -> (kept, rejected)`` and every rejected
document carries its file, line and reason.
"""
