"""What `ftcore.native` measures of a document, said in plain Python: one way after the other, nothing fast."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from ftcore.text.language import HAN

BULLETS = "-*·–•‣■□▪▫▶◀●◦"
ENDS = ".!?;\"')’”…。》」』！）；？"


def is_latin(char: str) -> bool:
    return "a" <= char.lower() <= "z" and char.isascii() or "\u00c0" <= char < "\u0250"


def visible(text: str) -> int:
    return sum(not char.isspace() for char in text)


def repeated(pieces: list[str]) -> tuple[int, int]:
    """How many pieces stood before, and their characters."""
    again = [piece for n, piece in enumerate(pieces) if piece in pieces[:n]]
    return len(again), sum(map(visible, again))


def measure(text: str) -> dict[str, int]:
    chars = [char for char in text if not char.isspace()]
    letters = [char for char in chars if char.isalnum() and unicodedata.category(char).startswith("L")]
    han = [char for char in letters if re.match(HAN, char)]
    lines = [line.strip() for line in text.split("\n")]
    filled = [line for line in lines if line]
    paragraphs, held = [], []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            held.append(line)
        elif held:
            paragraphs.append("\n".join(held).strip())
            held = []
    combining = [
        c for c in chars
        if unicodedata.category(c)[0] == "M" and "\u0300" <= c < "\U0001f000" and not "\ufe00" <= c <= "\ufe0f"
    ]  # fmt: skip
    runs = 0
    inside = False
    for char in text:
        if char in combining:
            continue
        now = is_latin(char) and unicodedata.category(char).startswith("L")
        runs += now and not inside
        inside = now
    links = re.findall(r"(?i:https?://|www\.)[\x21-\x7e]*", text)
    return {
        "characters": len(chars),
        "words": len(text.split()),
        "alphabetic": sum(any(c in letters for c in word) for word in text.split()),
        "han": len(han),
        "latin": runs,
        "foreign": sum(c not in han and not is_latin(c) for c in letters),
        "digits": sum(unicodedata.category(c) == "Nd" for c in chars),
        "marks": sum(not c.isalnum() and c not in combining for c in chars),
        "hashes": text.count("#") + text.count("…") + text.count("..."),
        "links": sum(map(len, links)),
        "lines": len(filled),
        "bullets": sum(line[0] in BULLETS for line in filled),
        "trailing": sum(line.endswith(("…", "...")) for line in filled),
        "ended": sum(line[-1] in ENDS for line in filled),
        "short": sum(len(line) <= 30 for line in filled),
        "repeated_lines": repeated(filled)[0],
        "in_repeated_lines": repeated(filled)[1],
        "paragraphs": len(paragraphs),
        "repeated_paragraphs": repeated(paragraphs)[0],
        "in_repeated_paragraphs": repeated(paragraphs)[1],
    }


def repetition(tokens: str) -> list[float]:
    """For n from 2 to 10: the share of characters in the commonest n-gram (to 4), in n-grams that stood before."""
    words = tokens.split()
    total = sum(map(len, words))
    shares = []
    for n in range(2, 11):
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        counts = Counter(grams)
        if n <= 4:
            best = max(((c, sum(map(len, gram))) for gram, c in counts.items() if c > 1), default=(0, 0))
            shares.append(min(best[0] * best[1], total) / total if total else 0.0)
            continue
        marked = {j for i, gram in enumerate(grams) if gram in grams[:i] for j in range(i, i + n)}
        shares.append(sum(len(words[j]) for j in marked) / total if total else 0.0)
    return shares
