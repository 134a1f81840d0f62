"""What the native core is built from: a digest of its sources, told by the module and asked at import; a compiler.

Only the standard library, since it runs before anything is installed: ``python ftcore/native/sources.py`` ends
with a sentence where there is no compiler.
"""

from __future__ import annotations

import os
import sys

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


def files(folder: str | os.PathLike, inside: str = "") -> list[str]:
    """Names of the sources under ``ftcore/native``, from there on, in order; none where none were installed (a wheel)."""
    found: list[str] = []
    with os.scandir(os.path.join(folder, inside)) as entries:
        for entry in entries:
            if entry.name.endswith((".cc", ".h")) or entry.name == "CMakeLists.txt":
                found.append(inside + entry.name)
            elif "." not in entry.name and entry.is_dir():
                found += files(folder, f"{inside}{entry.name}/")
    return sorted(found)


def digest(folder: str | os.PathLike) -> str | None:
    """32 hex digits of names and bytes; None where there are no sources."""
    found = files(folder)
    if not found:
        return None
    try:
        from _blake2 import blake2b  # hashlib's own, without loading OpenSSL beside it
    except ImportError:
        from hashlib import blake2b
    made = blake2b(digest_size=16)
    for name in found:
        with open(os.path.join(folder, name), "rb", buffering=0) as file:
            content = file.read()
        made.update(f"{name}\0{len(content)}\0".encode())
        made.update(content)
    return made.hexdigest()


if __name__ == "__main__":
    compiler()
