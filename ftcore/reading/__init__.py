"""From bytes anywhere to documents: sources, streams, readers of every format, whole rows for prediction.

The unit is an Arrow record batch; what cannot be read is a row of its own, with file, line and reason.
"""
