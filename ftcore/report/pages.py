"""What both pages share: the templates, how figures are written, which language a text is marked with.

Everything from outside is escaped by jinja2; `Markup` is made in `charts` alone, from numbers and escaped
names. A page is one file: style and drawings are inside, nothing is fetched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, SupportsFloat, TypeGuard

import jinja2

from ftcore.report import charts

SAFE_SCHEMES = ("http://", "https://", "file://", "#", "/", "./", "../")
TEXT_LIMIT = 480


def render(template: str, **values: Any) -> str:
    """The HTML of a template in this package. Lone surrogates, which UTF-8 cannot hold, become "?"."""
    text = environment().get_template(template).render(**values)
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


@cache
def environment() -> jinja2.Environment:
    """The templates of ftcore.report, escaping everything, refusing names that do not exist."""
    root = files("ftcore.report")
    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: root.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "score": score,
        "signed": signed,
        "chance": chance,
        "count": count,
        "percent": percent,
        "plain": plain,
        "seconds": seconds,
        "bytes": size,
        "words": words,
        "lang": lang,
        "url": safe_url,
        "excerpt": excerpt,
        "names": names,
    }
    env.globals |= {
        "line_chart": charts.line_chart,
        "reliability_chart": charts.reliability_chart,
        "interval_chart": charts.interval_chart,
        "interval_axis": charts.interval_axis,
    }
    return env


def records(table: Any) -> list[dict[str, Any]]:
    """Rows as dictionaries, of a DataFrame or of any sequence of mappings."""
    if table is None:
        return []
    if hasattr(table, "to_dict"):
        return table.to_dict("records")
    return [dict(row) for row in table]


def is_number(value: Any) -> TypeGuard[SupportsFloat]:
    """Whether a value can be shown as a number: finite, None and text are not."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def surest_first(rows: Sequence[Any], probability: Callable[[Any], Any], shown: int) -> list[Any]:
    """The rows that are shown and the folded rest, each by falling probability.

    Which rows are shown is decided before (the languages take turns); this is the order of reading.

    Example:
        >>> surest_first([.9, .2, .8, .7], lambda row: row, 3)
        [0.9, 0.8, 0.2, 0.7]
    """

    def rank(row: Any) -> float:
        value = probability(row)
        return -float(value) if is_number(value) else 0.0

    return sorted(rows[:shown], key=rank) + sorted(rows[shown:], key=rank)


def score(value: Any, digits: int = 3) -> str:
    """A share or loss: 0.873; a dash for what is not there."""
    return f"{float(value):.{digits}f}" if is_number(value) else "–"


def chance(value: Any) -> str:
    """A p value: 0.031, < 0.001."""
    return "< 0.001" if is_number(value) and float(value) < 0.001 else score(value)


def signed(value: Any, digits: int = 3) -> str:
    """A difference with its sign, a true minus and no negative zero: +0.021, −0.004, 0.000."""
    if not is_number(value):
        return "–"
    text = f"{float(value):+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def count(value: Any) -> str:
    """A number of things: 12,345."""
    return f"{round(float(value)):,}" if is_number(value) else "–"


def plain(value: Any) -> str:
    """Four digits, without an exponent where that can be avoided: 208,112 or 1.166 or 5e-05."""
    return count(value) if abs(float(value)) >= 1000 else f"{float(value):.4g}"


def percent(value: Any, digits: int = 1) -> str:
    """A share in per cent, a dash for what is no number."""
    return f"{100 * float(value):.{digits}f} %" if is_number(value) else "–"


def seconds(value: Any) -> str:
    """0.4 s, 12 s, 3 min 07 s, 2 h 05 min.

    Example:
        >>> seconds(187)
        '3 min 07 s'
    """
    if not is_number(value):
        return "–"
    value = float(value)
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(value: Any) -> str:
    """Bytes in decimal units: 48.1 MB."""
    if not is_number(value):
        return "–"
    number = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError


def words(name: Any) -> str:
    """An identifier as words: too_short -> too short."""
    return str(name).replace("_", " ")


def names(value: Any) -> list[str]:
    """One label or several, as a list."""
    return [value] if isinstance(value, str) else [str(item) for item in value]


def lang(text: Any, language: str = "") -> str:
    """The lang attribute: it decides which shapes a browser gives to characters that Unicode unifies.

    Example:
        >>> lang("体育"), lang("sport"), lang("すし屋")
        ('zh-Hans', 'en', 'ja')
    """
    han = False
    for char in str(text)[:400]:
        if "\u3040" <= char <= "\u30ff":
            return "ja"
        if "\uac00" <= char <= "\ud7af":
            return "ko"
        han = han or "\u3400" <= char <= "\u9fff" or "\U00020000" <= char <= "\U0003ffff"
    return "zh-Hans" if han or language == "zh" else "en"


def safe_url(link: Any) -> str:
    """The link, or "" when following it could run a script."""
    text = str(link).strip()
    return text if text.lower().startswith(SAFE_SCHEMES) else ""


def excerpt(text: Any, limit: int = TEXT_LIMIT) -> str:
    """A text on one line, its end cut off."""
    text = " ".join(str(text).split())
    return text if len(text) <= limit else text[:limit].rstrip() + " …"


def language_name(code: str) -> str:
    """A language code in words."""
    return {"zh": "Chinese", "en": "English", "mixed": "Mixed", "unknown": "Unknown"}.get(code, code)


def in_language_order(codes: Iterable[str]) -> list[str]:
    """zh, en, mixed, then the others by name."""
    first = {"zh": 0, "en": 1, "mixed": 2}
    return sorted(codes, key=lambda code: (first.get(code, 3), code))
