"""Doors to other libraries: scikit-learn, gensim, spaCy, ONNX. Each is imported only when it is used."""
