"""`engine: cuda`: what is missing is said with its remedy, and nobody else imports Triton."""

import subprocess
import sys

import pytest
import torch

from ftcore.engines import choice
from ftcore.engines.choice import choose_engine, load_engine
from ftcore.errors import UserError


@pytest.fixture
def real(monkeypatch):
    """As on a user's machine, where nothing is interpreted."""
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_without_triton_it_says_how_to_install_it(real, monkeypatch):
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs Triton.*pip install 'ftcore\[cuda\]'.*engine=auto"):
        choose_engine("cuda", "auto")


@pytest.mark.parametrize(
    ("version", "told"), [(None, "built without CUDA.*pytorch.org"), ("13.0", "sees no GPU")]
)
def test_without_a_gpu_it_says_what_is_the_matter(real, monkeypatch, version, told):
    monkeypatch.setattr(choice, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.version, "cuda", version)
    with pytest.raises(UserError, match=f"engine=cuda needs an NVIDIA GPU: torch .*{told}"):
        choose_engine("cuda", "auto")


def test_it_takes_the_card_that_is_named_and_no_processor(real, monkeypatch):
    monkeypatch.setattr(choice, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda n: f"Card {n}")
    taken = choose_engine("cuda", "cuda:1")
    assert (taken.name, taken.device) == ("cuda", "cuda:1") and "Card 1" in taken.reason
    assert choose_engine("cuda", "auto").device == "cuda:0"
    with pytest.raises(UserError, match="does not run on cpu"):
        choose_engine("cuda", "cpu")
    with pytest.raises(UserError, match="'cuda:2' is not there"):
        choose_engine("cuda", "cuda:2")


def test_other_engines_import_no_triton():
    code = (
        "import sys; sys.modules['triton'] = None\n"  # an import of it is an ImportError
        "from ftcore.engines.choice import *\n"
        "print(*(load_engine(choose_engine(name, 'cpu')).name for name in ('auto', 'cpu', 'reference')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["cpu", "cpu", "reference"], done.stderr


def test_the_interpreter_is_taken_where_it_is_asked_for(monkeypatch):
    pytest.importorskip("triton", reason="Triton is not installed: pip install 'ftcore[cuda]'")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    taken = choose_engine("cuda", "auto")
    assert (taken.name, taken.device) == ("cuda", "cpu") and "interpreter" in taken.reason
    assert load_engine(taken).name == "cuda"
