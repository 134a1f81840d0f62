"""What identifies a person, put out of sight: each find becomes one word that tells only what stood there.

Found are addresses of the web and of mail, telephone numbers (Chinese mobile and fixed ones, international ones),
Chinese resident identity numbers, numbers of payment cards, and addresses of the Internet protocol. A number that has a
check digit is one only if that is right; numbers are looked for where neither digits nor Latin letters touch them.

Sources: GB 11643-1999 (identity numbers; check by ISO 7064, MOD 11-2), ISO/IEC 7812-1 (cards; check by Luhn), YD/T 1
telephone plan of China (mobile numbers begin with 13 to 19), E.164.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from ftcore.base.strings import strings
from ftcore.config import Masked
from ftcore.text.protect import EMAIL, URL

_FREE, _END = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
# the first two digits of an identity number: a province
_PROVINCE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# issuers and the lengths of their numbers: Visa, Mastercard, American Express, UnionPay, Discover, JCB
_CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|62\d{14}(?:\d{3})?|6(?:011|5\d\d)\d{12}|35\d{14}"
)
_MOBILE = r"(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}"
_FIXED = r"(?:\(0\d{2,3}\)|（0\d{2,3}）|0\d{2,3}[ -])[ ]?[2-9]\d{6,7}"
_NORTH_AMERICA = r"(?:\+?1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])[2-9]\d\d[.-]\d{4}"
_ABROAD = r"\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,5}"
_KNOWN = ("0.0.0.0", "1.0.0.1", "1.1.1.1", "8.8.4.4", "8.8.8.8", "9.9.9.9")  # of public name servers, and any
_QUAD = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"


def _any(_found: str) -> bool:
    return True


def is_identity_number(text: str) -> bool:
    """Whether 18 characters are an identity number of China: province, day of birth and check digit are right.

    Example:
        >>> is_identity_number("11010519491231002X"), is_identity_number("110105194912310021")
        (True, False)
    """
    if not _PROVINCE.match(text):
        return False
    try:
        born = datetime.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text, strict=False))
    return born.year >= 1850 and "10X98765432"[total % 11] == text[17].upper()


def is_card_number(text: str) -> bool:
    """Whether digits, with spaces or hyphens between, are the number of a payment card: issuer, length, check digit.

    Example:
        >>> is_card_number("4111 1111 1111 1111"), is_card_number("4111 1111 1111 1112")
        (True, False)
    """
    digits = re.sub("[ -]", "", text)
    doubled = (int(d) * (1 + n % 2) for n, d in enumerate(reversed(digits)))
    return _CARD.fullmatch(digits) is not None and sum(n - 9 * (n > 9) for n in doubled) % 10 == 0


def _is_abroad(found: str) -> bool:
    """An international number has 8 to 15 digits."""
    digits = sum(c.isdigit() for c in found)
    return not found.startswith("+") or 8 <= digits <= 15


def _is_ip(found: str) -> bool:
    """Four single digits are a version or a section, but for the well-known addresses."""
    if len(found) == 7 and "." in found and found not in _KNOWN:
        return False
    try:
        return ipaddress.ip_address(found) is not None and found != "::"
    except ValueError:
        return False


class _Kind(NamedTuple):
    """How finds look, which of them are some, and texts without which there are none (in RE2)."""

    pattern: re.Pattern[str]
    holds: Callable[[str], bool]
    hint: str


_KINDS: dict[Masked, _Kind] = {
    "url": _Kind(re.compile(_FREE + URL), _any, r"://|(?i:www)\."),
    "email": _Kind(re.compile(rf"(?<![0-9A-Za-z._%+\-]){EMAIL}"), _any, "@"),
    "ip": _Kind(
        re.compile(
            rf"(?<![0-9A-Za-z.:])(?:(?:{_QUAD}\.){{3}}{_QUAD}(?!\.?[0-9A-Za-z])"
            r"|(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?![0-9A-Za-z:]))"
        ),
        _is_ip,
        r"\d\.\d{1,3}\.|:[0-9A-Fa-f]*:",
    ),
    "id": _Kind(re.compile(rf"{_FREE}[1-9]\d{{16}}[\dXx]{_END}"), is_identity_number, r"\d{17}"),
    "card": _Kind(
        re.compile(rf"{_FREE}(?:\d{{13,19}}|\d{{4}}(?:[ -]\d{{4}}){{3}}(?:[ -]\d{{3}})?|\d{{4}}[ -]\d{{6}}[ -]\d{{5}}){_END}"),
        is_card_number,
        r"\d{4}[ -]?\d{4}",
    ),
    "phone": _Kind(
        re.compile(
            rf"(?<![0-9A-Za-z+.\-])(?:{_MOBILE}|{_FIXED}|{_NORTH_AMERICA}|{_ABROAD})(?![0-9A-Za-z]|[.\-][0-9])"
        ),
        _is_abroad,
        r"\d{3}",
    ),
}  # fmt: skip
ORDER: tuple[Masked, ...] = tuple(_KINDS)
"""What is looked for first wins: a number in an address is not a telephone's."""


def word_for(kind: Masked) -> str:
    """The word that a find becomes: of Latin letters alone, so that no tokenizer cuts it.

    Example:
        >>> word_for("phone")
        'maskphone'
    """
    return f"mask{kind}"


def mask(texts: pa.Array, kinds: Sequence[Masked], counts: Counter[str] | None = None) -> pa.Array:
    """Put what identifies a person out of sight, in a column of strings; spaces stand around the words.

    Args:
        texts: strings.
        kinds: what is looked for.
        counts: finds are added here, by kind.

    Example:
        >>> mask(strings(["打13812345678找我"]), ["phone"]).to_pylist()
        ['打 maskphone 找我']
    """
    counts = Counter() if counts is None else counts
    for kind in (kind for kind in ORDER if kind in kinds):
        may = pc.match_substring_regex(texts, _KINDS[kind].hint)
        if pc.any(may).as_py():
            some = strings([_masked(text, kind, counts) for text in texts.filter(may).to_pylist()])
            texts = pc.replace_with_mask(texts, may, some)
    return texts


def _masked(text: str, kind: Masked, counts: Counter[str]) -> str:
    pattern, holds, _ = _KINDS[kind]

    def put(found: re.Match[str]) -> str:
        if not holds(found.group()):
            return found.group()
        counts[kind] += 1
        return f" {word_for(kind)} "

    return pattern.sub(put, text)
