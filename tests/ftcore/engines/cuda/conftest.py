"""The kernels run on the GPU that is here, else in Triton's interpreter (`tests/conftest.py` asks for it)."""

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: pip install 'ftcore[cuda]'")


@pytest.fixture
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
