"""The native core: loops over text and floats in C++, as functions over numpy arrays.

Every function of the compiled module `ftcore._native` is one of this package. It is built from the sources in
this folder (``make`` does, or ``python setup.py build_ext --inplace``); one that was built from others is refused.

* ``FTCORE_PROCESSOR=v2``: use the kernels of this processor family (`PROCESSORS` lists them).
* ``FTCORE_NATIVE=path``: load another build of the module, such as the one with sanitizers.

Example:
    >>> from ftcore import native
    >>> native.PROCESSOR in dict(native.PROCESSORS)
    True
"""

from __future__ import annotations

import os
import sys

from ftcore.native.sources import digest

_REMEDY = "build it: python setup.py build_ext --inplace (in the checkout's root), or make; or install a wheel of ftcore"


def _load() -> None:
    """Put the module where ``import ftcore._native`` finds it, and see that it is of the sources beside it."""
    name, given = "ftcore._native", os.environ.get("FTCORE_NATIVE")
    try:
        if given and name not in sys.modules:
            from importlib.util import module_from_spec, spec_from_file_location

            spec = spec_from_file_location(name, given)
            assert spec is not None and spec.loader is not None, given
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[name] = module
        import ftcore._native as module
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise ImportError(f"ftcore's native core is not built; {_REMEDY}") from None
        raise ImportError(f"ftcore's native core cannot be loaded ({error}); {_REMEDY}") from error
    folder = os.path.dirname(os.path.abspath(__file__))
    beside = digest(folder)
    if beside is not None and beside != module.SOURCES:
        raise ImportError(f"{module.__file__} was built from other sources than those in {folder}; {_REMEDY}")


_load()
from ftcore._native import *  # noqa: E402, F403
from ftcore._native import PROCESSOR, PROCESSORS  # noqa: E402, F401
