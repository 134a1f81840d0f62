"""Wikipedia as a text of tokens, a paragraph a line, English and Chinese: made once, kept in a work folder.

English words are runs of letters, digits and apostrophes, in lower case. Chinese is simplified and segmented
by ftcore's own tokenizer (which takes minutes for 100 MB, of one core).
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import zstandard

from ftcore import config
from ftcore.errors import UserError
from ftcore.text.tokenizer import Tokenizer

FILES = {"en": "enwiki/enwiki_AA.txt.zst", "zh": "zhwiki/zhwiki_AA.txt.zst"}
SUBWORDS = {"en": (3, 6), "zh": (1, 3)}  # minn, maxn
_WORD = re.compile(r"[a-z0-9']+")
_BATCH = 2000


def work_folder(given: str | None) -> Path:
    """Where corpora and models of benchmarks are kept."""
    folder = Path(given) if given else Path(tempfile.gettempdir()) / "ftcore-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def wikipedia(language: str, megabytes: float, data: Path, work: Path) -> Path:
    """A text file of about so many megabytes (of tokens; less if there is no more)."""
    made = work / f"{language}_{megabytes:g}mb.txt"
    if made.exists():
        return made
    source = data / FILES[language]
    if not source.exists():
        raise UserError(f"{source}: no such corpus; give the folder that has it with --data")
    left = int(megabytes * 1e6)
    temporary = made.with_suffix(".part")
    with temporary.open("wb") as file:
        for line in _tokenized(language, source):
            file.write(line)
            left -= len(line)
            if left <= 0:
                break
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(made)
    return made


def _paragraphs(source: Path) -> Iterator[str]:
    with source.open("rb") as file:
        for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
            if line.strip() and not line.startswith(("<doc ", "</doc>")):
                yield line


def _tokenized(language: str, source: Path) -> Iterator[bytes]:
    lines = _paragraphs(source)
    if language == "en":
        found = (" ".join(_WORD.findall(line.lower())) for line in lines)
    else:
        text = config.Text(normalize=config.Normalize(simplify=True))
        tokenizer = Tokenizer(text)
        batches = iter(lambda: list(islice(lines, _BATCH)), [])
        found = (line for batch in batches for line in tokenizer.tokenize(batch))
    return (f"{line}\n".encode() for line in found if line)
