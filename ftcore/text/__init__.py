"""From raw bytes to clean tokens: sources, readers, normalisation, segmentation, filters, duplicates.

The unit is an Arrow record batch; a step is ``batch -> (kept, rejected)`` and every rejected
document carries its file, line and reason.
"""
