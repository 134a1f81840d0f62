"""The model as MLflow serves it: raw text in, label and probability out. Logged as code, no pickle.

MLflow runs this file where the model is loaded; ftcore travels with it (``code_paths``).
"""

from __future__ import annotations

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class TextClassifier(PythonModel):
    """``predict(DataFrame({"text": [...]}))`` -> DataFrame with `label` and `probability`, on the same index.

    With ``params={"k": 3}`` the columns are label, probability, label_2, probability_2, …; ``k=-1`` gives
    all labels. A model of several labels a text adds `labels`, the list of those that reach their threshold.
    A text without a word that the model knows, also a missing one, has label None, probability 0; so has one that a
    model with an `abstention` is not certain of, unless ``params={"abstain": False}``.
    What a model's `rules` say overrules it, unless ``params={"rules": False}``.
    """

    def load_context(self, context) -> None:
        """Read the model, once."""
        from ftcore.formats.directory import read_directory
        from ftcore.inference.classifier import Classifier

        self.model = Classifier(read_directory(context.artifacts["model"]))

    def predict(self, context, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        """Answers to the column `text`; see the class."""
        from ftcore.inference.answers import answer_columns, labels_wanted

        asked = params or {}
        known, rows = self.model.given(
            model_input["text"], abstain=asked.get("abstain", True), rules=asked.get("rules", True)
        )
        k = labels_wanted(asked.get("k", 1), len(self.model.labels))
        columns = answer_columns(known, rows, self.model.labels, k, self.model.thresholds)
        # dtype: a column of pandas' own strings would hold NaN for None, which is no JSON
        series = {name: pd.Series(c, model_input.index, c.dtype) for name, c in columns.items()}
        return pd.DataFrame(series, index=model_input.index)


set_model(TextClassifier())
