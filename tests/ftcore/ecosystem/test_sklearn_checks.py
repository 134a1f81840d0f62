"""scikit-learn's own estimator checks.

They feed matrices of numbers. An adapter of a few lines turns each row into a text, a word for each
column's rounded value, so that all that is ours (parameters, targets, weights, fitting, prediction,
shipping) is checked; what concerns the matrix itself is the adapter's business, done by scikit-learn's
own `validate_data`. Estimators that take no matrices are given only a few checks: these run on ours as
they are.
"""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from sklearn.utils.validation import validate_data

from ftcore.ecosystem import FastTextClassifier, FastTextVectorizer


class _Numbers:
    """Rows of numbers as texts."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, False, True
        return tags

    def _texts(self, X, **how):
        rounded = np.round(validate_data(self, X, **how).astype(np.float64) * 2).astype(np.int64)
        return [" ".join(f"c{i}v{v}" for i, v in enumerate(row)) for row in rounded.tolist()]


class ClassifierOfNumbers(_Numbers, FastTextClassifier):
    def fit(self, X, y, sample_weight=None):
        return super().fit(self._texts(X), y, sample_weight)

    def _scores(self, X):
        self._form_of_fit()
        return super()._scores(self._texts(X, reset=False))


class VectorizerOfNumbers(_Numbers, FastTextVectorizer):
    def fit(self, X, y=None):
        return super().fit(self._texts(X), y)

    def transform(self, X):
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "model_")
        return super().transform(self._texts(X, reset=False))


ORDER = "SGD sees the texts in a shuffled order, so {}: as scikit-learn's own SGDClassifier"
EXEMPT = {
    "ClassifierOfNumbers": {
        "check_sample_weight_equivalence_on_dense_data": ORDER.format(
            "a text of weight 2 takes one step of twice the length, not two steps"
        ),
    },
    "VectorizerOfNumbers": {},
}
# few texts, so larger steps than fastText's defaults
OURS = [
    ClassifierOfNumbers(lr=0.5, epoch=30, dim=16, bucket=1000, tokenizer="whitespace"),
    VectorizerOfNumbers(dim=16, bucket=1000, tokenizer="whitespace"),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    OURS, expected_failed_checks=lambda estimator: EXEMPT[type(estimator).__name__], xfail_strict=True
)
def test_on_numbers(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator", [FastTextClassifier(), FastTextVectorizer()], ids=["classifier", "vectorizer"]
)
def test_on_text(estimator):
    ran = [check(one) for one, check in estimator_checks_generator(estimator)]
    assert ran


def test_every_exempt_check_has_a_reason():
    assert all(len(reason) > 30 for reasons in EXEMPT.values() for reason in reasons.values())
