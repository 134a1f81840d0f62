"""A griffe extension: this house writes `Example`, griffe reads `Examples`, and takes code without >>> for prose."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

_SECTION = re.compile(r"^( *)Example:{1,2}\n((?:\1 +.*(?:\n|$)| *\n)+)", re.M)


def _renamed(match: re.Match[str]) -> str:
    """The section by griffe's name; lines of code without a prompt are fenced."""
    indent, body = match.groups()
    code = textwrap.dedent(body).strip("\n")
    if ">>>" not in code and not code.startswith("`"):
        code = f"```python\n{code}\n```"
    return f"{indent}Examples:\n{textwrap.indent(code, indent + '    ')}\n"


class Grammar(griffe.Extension):
    """Docstrings as griffe's google style has them."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the sections of one docstring."""
        if obj.docstring:
            obj.docstring.value = _SECTION.sub(_renamed, obj.docstring.value)
