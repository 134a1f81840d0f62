"""The model as MLflow serves it: raw text in, label and probability out. Logged as code, no pickle.

MLflow runs this file where the model is loaded; ftcore travels with it (``code_paths``).
"""

from __future__ import annotations

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class TextClassifier(PythonModel):
    """``predict(DataFrame({"text": [...]}))`` -> DataFrame with `label` and `probability`.

    With ``params={"k": 3}`` the columns are label, probability, label_2, probability_2, …
    """

    def load_context(self, context) -> None:
        from ftcore.fasttext import FastText

        self.model = FastText.load(context.artifacts["model"])

    def predict(self, context, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        texts = ["" if t is None else str(t) for t in model_input["text"].tolist()]
        k = int((params or {}).get("k", 1))
        predictions = self.model.predict(texts, k=k)
        columns: dict[str, list] = {}
        for rank in range(k):
            suffix = "" if rank == 0 else f"_{rank + 1}"
            there = [len(p.labels) > rank for p in predictions]
            columns[f"label{suffix}"] = [
                str(p.labels[rank]) if ok else None for p, ok in zip(predictions, there, strict=True)
            ]
            columns[f"probability{suffix}"] = [
                float(p.probabilities[rank]) if ok else 0.0 for p, ok in zip(predictions, there, strict=True)
            ]
        return pd.DataFrame(columns)


set_model(TextClassifier())
