"""ftcore/_native.pyi, what the type checker knows of the native core: `python tests/native_stub.py` writes it anew.

nanobind tells the signatures; here arrays become numpy's types.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ftcore import native  # noqa: F401 - loads the module, also one named by FTCORE_NATIVE

MODULE = sys.modules["ftcore._native"]
STUB = Path(__file__).resolve().parent.parent / "ftcore" / "_native.pyi"
_ARRAY = re.compile(r"Annotated\[NDArray, dict\((\w+)[^()]*\)\]")
_PLAIN = re.compile(r"Annotated\[NDArray, dict\([^()]*\)\]")


def stub() -> str:
    """The text of the stub, without the docstrings: these are read in the .cc files."""
    from nanobind.stubgen import StubGen

    maker = StubGen(module=MODULE, include_docstrings=False)
    maker.put(MODULE)
    text = _PLAIN.sub("NDArray[np.generic]", _ARRAY.sub(r"NDArray[np.\1]", maker.get()))
    text = re.sub(r"(?m)^(\w+: \w+) = .+$", r"\1", text)  # values differ from build to build
    text = re.sub(r"(?m)^from typing import .*$", "from typing import overload", text)
    text = re.sub(r"-> tuple\b(?!\[)", "-> tuple[Any, ...]", re.sub(r"-> object", "-> Any", text))
    text = re.sub(r": tuple$", ": tuple[Any, ...]", text, flags=re.M)
    head = "# Written by tests/native_stub.py.\nfrom typing import Any\n\nimport numpy as np\n"
    return head + "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
