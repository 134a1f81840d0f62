"""Options of the filters: which documents stay. A part of `ftcore.config`, which is where callers find them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ftcore.options import Options, PathText, by_key

Language = Literal["zh", "en", "mixed"]
_Share: Any = by_key(float, Language, ge=0, le=1)
_Number: Any = by_key(int, Language, ge=0, le=1 << 30)
_Length: Any = by_key(float, Language, ge=0, le=1_000_000)
_Shares: Any = by_key(list[Annotated[float, Field(ge=0, le=1)]], Language)


class NearCopies(Options):
    """Which documents are near copies: by the Jaccard similarity of their n-grams."""

    threshold: float = Field(0.8, ge=0.3, le=1, description="least similarity of a near copy")
    characters: int = Field(5, ge=1, le=50, description="n-gram of Chinese and mixed text, in characters")
    words: int = Field(5, ge=1, le=50, description="n-gram of other text, in words")


class TextFilters(Options):
    """Which documents stay; every dropped one is counted with its reason.

    A threshold is one number, or one for each language: ``max_digits: {zh: 0.3, en: 0.2}``. A language without one has
    that of `preset`. Shares are of a document's characters other than white space, as it was read.
    """

    min_tokens: _Number = Field(
        1, description="documents with fewer tokens are dropped; one number, or {zh: …, en: …}"
    )
    max_tokens: _Number = Field(1_000_000, description="documents with more tokens are dropped")
    languages: list[Language] = Field(["zh", "en", "mixed"], min_length=1, description="kept languages")
    preset: Literal["off", "web"] = Field(
        "off",
        description="web: thresholds for crawled pages, of Gopher, FineWeb and ChineseWebText (docs/filtering.md), where "
        "none is given below; not for short labelled texts",
    )
    min_characters: _Number = Field(None, description="least length")
    max_marks: _Share = Field(None, description="largest share of what is neither letter nor digit")
    max_digits: _Share = Field(None, description="largest share of digits")
    max_links: _Share = Field(None, description="largest share of addresses of the web")
    max_hashes: _Length = Field(None, description="most # and ellipses a token")
    min_alphabetic: _Share = Field(
        None, description="least share of the words (by spaces) that have a letter"
    )
    min_word_length: _Length = Field(None, description="least mean length of words (by spaces)")
    max_word_length: _Length = Field(None, description="largest mean length of words (by spaces)")
    min_stopwords: _Number = Field(None, description="fewest different ones of the commonest function words")
    min_ended_lines: _Share = Field(None, description="least share of lines that end as a sentence does")
    max_short_lines: _Share = Field(None, description="largest share of lines of at most 30 characters")
    max_bullet_lines: _Share = Field(None, description="largest share of lines that begin with a bullet")
    max_ellipsis_lines: _Share = Field(None, description="largest share of lines that end with an ellipsis")
    max_repeated_lines: _Share = Field(None, description="largest share of lines that stood before")
    max_in_repeated_lines: _Share = Field(None, description="largest share of characters in such lines")
    max_repeated_paragraphs: _Share = Field(None, description="largest share of paragraphs that stood before")
    max_in_repeated_paragraphs: _Share = Field(
        None, description="largest share of characters in such paragraphs"
    )
    max_common_ngrams: _Shares = Field(
        None,
        description="largest shares of characters in the commonest 2-, 3- and 4-gram of tokens, a list of up to 3",
    )
    max_repeated_ngrams: _Shares = Field(
        None,
        description="largest shares of characters in 5- to 10-grams that stood before, a list of up to 6",
    )
    min_language_score: _Share = Field(
        None,
        description="least share of the language's script among letters, times lingua's confidence where that is asked",
    )
    identifier: Literal["script", "lingua"] = Field(
        "script",
        description="lingua: English is told from other languages in Latin letters (pip install ftcore[lingua])",
    )
    blocklist: list[PathText] = Field(
        [], description="files of words and phrases, one a line; a document with any is dropped"
    )
    max_blocked: _Number = Field(0, description="so many occurrences of them are let pass")
    dedup: Literal["off", "exact", "near"] = Field(
        "exact", description="drop exact copies (normalised text), or near ones too"
    )
    near: NearCopies = NearCopies()

    @model_validator(mode="after")
    def _lengths_agree(self) -> TextFilters:
        for name, most in (("max_common_ngrams", 3), ("max_repeated_ngrams", 6)):
            given = getattr(self, name)
            for shares in given.values() if isinstance(given, dict) else [given or []]:
                if len(shares) > most:
                    raise ValueError(f"{name} takes at most {most} shares, not {len(shares)}")
        return self
