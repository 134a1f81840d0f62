"""The scikit-learn example does what it says."""

import pytest

from examples import sklearn_pipeline

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (the extra onnx)")


def test_what_the_example_promises(capsys):
    got = sklearn_pipeline.main()
    assert got["accuracy"] > 0.95 and got["vectors"] > 0.9 and got["difference"] < 1e-5
    assert "onnxruntime gives the same probabilities" in capsys.readouterr().out
