"""What the native core is built from: a digest of its sources, told by the module and asked at import; a compiler.

Only the standard library, since it runs before anything is installed: ``python ftcore/native/sources.py`` ends
with a sentence where there is no compiler.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NO_COMPILER = (
    "ftcore's native core needs a C++17 compiler, and there is none ({tried}).\n"
    "  Debian, Ubuntu: apt-get install g++      macOS: xcode-select --install\n"
    '  without root: pip install ziglang, then CC="python -m ziglang cc" CXX="python -m ziglang c++" before the command'
)


def compiler() -> str:
    """The C++ compiler, or the end (`SystemExit`) with a sentence that says how to come by one."""
    import shutil

    given = os.environ.get("CXX")
    found = given or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if found is None or shutil.which(found.split()[0]) is None:
        sys.exit(_NO_COMPILER.format(tried=f"CXX={given}" if given else "c++, g++, clang++"))
    return found


def files(folder: Path) -> list[Path]:
    """The sources under ``ftcore/native``, in order; empty where none were installed (a wheel has none)."""
    return sorted(
        path for path in folder.rglob("*") if path.suffix in (".cc", ".h") or path.name == "CMakeLists.txt"
    )


def digest(folder: Path) -> str | None:
    """32 hex digits of names and bytes; None where there are no sources."""
    found = files(folder)
    if not found:
        return None
    try:
        from _blake2 import blake2b  # hashlib's own, without loading OpenSSL beside it
    except ImportError:
        from hashlib import blake2b
    made = blake2b(digest_size=16)
    for path in found:
        content = path.read_bytes()
        made.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        made.update(content)
    return made.hexdigest()


if __name__ == "__main__":
    compiler()
