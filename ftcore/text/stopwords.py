"""Stopwords: stopwords-iso and the user's lists, less what must stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ftcore.config import Stopwords
from ftcore.errors import UnreadableFile

_NEGATIONS = """
    不 没 没有 别 无 未 非 莫 勿 毋 否 休 甭 不是 不能 不会 不要 不可 不得 不必 不曾 不再 不够 不如 不想 不敢
    不用 不对 不行 不成 不很 不太 并不 并非 并无 从不 从未 决不 绝不 毫不 毫无 尚未 未必 未曾 未能 无法 没什么 沒 沒有 別 無 並不
    並非 從不 從未 絕不 毫無 無法
    no not nor never none neither nobody nothing nowhere cannot without hardly n't ain't aren't can't
    couldn't daren't didn't doesn't don't hadn't hasn't haven't isn't mayn't mightn't mustn't needn't
    oughtn't shan't shouldn't wasn't weren't won't wouldn't aint arent cant couldnt didnt doesnt dont
    hadnt hasnt havent isnt mustnt neednt shant shouldnt wasnt werent wont wouldnt
"""
NEGATIONS = frozenset(_NEGATIONS.split())


def stopwords(options: Stopwords, spelled: Callable[[list[str]], list[str]] = list) -> frozenset[str]:
    """The words to remove; empty when the mode is off.

    Args:
        spelled: changes words as the text is changed before they are sought in it.

    Raises:
        UserError: a list is missing or not UTF-8.

    Example:
        >>> words = stopwords(Stopwords(mode="zh"))
        >>> "的" in words, "不" in words, "the" in words
        (True, False, False)
    """
    if options.mode == "off":
        return frozenset()
    words: set[str] = set()
    for language in {"on": ("zh", "en"), "lists": ()}.get(options.mode, (options.mode,)):
        import stopwordsiso  # lazily: it reads 57 languages

        # it lists punctuation as well, which is for the punctuation option to remove or keep
        words |= {word for word in stopwordsiso.stopwords(language) if any(map(str.isalnum, word))}
    if options.keep_negations:
        words -= NEGATIONS
    for path in options.lists:
        words |= set(read_list(path))  # after the negations: what the user lists is meant
    words = set(spelled(sorted(word.strip() for word in words)))
    kept = set(spelled([word.strip() for word in options.keep]))
    return frozenset(
        (words | {word.lower() for word in words}) - kept - {word.lower() for word in kept} - {""}
    )


def read_list(path: str, option: str = "text.stopwords.lists") -> list[str]:
    """A word per line; blank lines and lines that start with ``#`` followed by a space are skipped.

    Args:
        option: what names the list, for errors.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableFile(f"{option}: {path}: {error.strerror}; check the path") from None
    except UnicodeDecodeError as error:
        line = Path(path).read_bytes()[: error.start].count(b"\n") + 1
        raise UnreadableFile(f"{path}, line {line}: not UTF-8; save the list as UTF-8") from None
    lines = (line.strip() for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("# ")]
