"""``ftcore options``, ``tokenize`` and ``info``: a look at what can be set, at words, and into a model."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ftcore.errors import UnreadableFile

if TYPE_CHECKING:
    import argparse


def show_options(_given: argparse.Namespace) -> None:
    """One line an option."""
    from ftcore.config import describe_options

    for key, default, allowed, meaning in describe_options():
        print(f"{key} = {default}" + (f"   [{allowed}]" if allowed else "") + f"\n    {meaning}")


def show_tokens(given: argparse.Namespace) -> None:
    """Tokens of every line, by the default tokenizer or a model's own."""
    from ftcore.text.live import live_lines
    from ftcore.text.tokenizer import Tokenizer

    if given.model:
        from ftcore.formats.directory import read_directory

        tokenizer = read_directory(given.model).tokenizer or Tokenizer()
    else:
        tokenizer = Tokenizer()
    with _raw(given.file) as raw:
        for lines in live_lines(raw):
            sys.stdout.write("".join(f"{tokens}\n" for tokens in tokenizer.tokenize(lines)))
            sys.stdout.flush()  # a program at the other end waits for its answer


def show_info(given: argparse.Namespace) -> None:
    """Kind, sizes and labels; the tokenizer of a directory's model. Without a model: version, processor, cores, torch."""
    import json

    if given.model is None:
        print(json.dumps(_installation(), indent=1))
        return
    from dataclasses import asdict

    from ftcore.compat.command_line.opened import Opened

    opened = Opened(given.model)
    classic = opened.model.classic
    about = {
        "kind": classic.args.model,
        "loss": classic.args.loss,
        "dim": classic.args.dim,
        "words": classic.dictionary.nwords,
        "ngram_rows": classic.dictionary.rows - classic.dictionary.nwords,
        "labels": opened.names.tolist(),
        "quantized": classic.quantized,
        "tokenizer": opened.tokenizer and opened.tokenizer.digest,
        **asdict(classic.dictionary.options),
    }
    print(json.dumps(about, ensure_ascii=False, indent=1))


def _installation() -> dict[str, object]:
    """What answers here. Nothing is imported to find out, least of all torch."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from ftcore import __version__, native
    from ftcore.base.cores import cores

    about: dict[str, object] = {
        "ftcore": __version__,
        "python": platform.python_version(),
        "processor": native.PROCESSOR,  # whose variant of the kernels is in use
        "processors": {name: "supported" if here else "not here" for name, here in native.PROCESSORS},
        "cores": cores(),
    }
    for name in ("numpy", "torch"):
        try:
            about[name] = version(name)
        except PackageNotFoundError:
            about[name] = None
    about["cuda"] = _cuda() if about["torch"] else None
    return about


def _cuda() -> str | None:
    """The CUDA that torch was built for, from its ``version.py``."""
    import re
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("torch")
    try:
        text = Path(spec.origin).with_name("version.py").read_text()  # type: ignore[union-attr, arg-type]
    except (AttributeError, TypeError, OSError):
        return None
    found = re.search(r"^cuda\b.*?=\s*['\"]([\d.]+)", text, re.M)
    return found and found[1]


@contextmanager
def _raw(name: str) -> Iterator[io.BufferedReader]:
    if name == "-":
        yield cast(io.BufferedReader, sys.stdin.buffer)  # typeshed says BinaryIO
        return
    try:
        with open(name, "rb") as file:
            yield file
    except FileNotFoundError:
        raise UnreadableFile(f"{name}: no such file") from None
    except IsADirectoryError:
        raise UnreadableFile(
            f"{name}: is a folder; name the files in it, e.g. {name}/*.txt one by one"
        ) from None
    except OSError as error:
        raise UnreadableFile(f"{name}: cannot be read ({error.strerror})") from None
