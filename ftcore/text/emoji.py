"""Emoji and what belongs to them: sequences that are one sign.

Source: Unicode UTS #51, "Emoji", definitions ED-14 to ED-16 and the regular expression of section 1.4.9,
with the ranges of pictographs in place of a table (Python's `unicodedata` has no property Emoji).
"""

from __future__ import annotations

import re
import unicodedata

# the signs of the basic plane with the property Emoji (and their neighbours, which stand alone anyway)
_BASIC = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299"
)
_FLAG = "[\U0001f1e6-\U0001f1ff]"  # a letter of a flag
_SKIN = "[\U0001f3fb-\U0001f3ff]"
_TAGS = "[\U000e0020-\U000e007e]{1,32}\U000e007f"  # of the flags of Scotland, Wales …
PICTURE = f"[{_BASIC}\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
_ELEMENT = f"(?:{PICTURE}[\ufe0e\ufe0f]?{_SKIN}?\u20e3?(?:{_TAGS})?|{_FLAG}{{2}})"

KEYCAP = "[0-9#*]\ufe0f?\u20e3"
EMOJI = f"{KEYCAP}|{_ELEMENT}(?:\u200d{_ELEMENT})*|{_FLAG}|{_SKIN}"
"""One emoji: a keycap, a flag, a picture with its variation, skin tone or tags, or several joined."""

JOINS = "\u200d\u20e3\ufe0e\ufe0f\u2139\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
"""Characters one of which is in every emoji of more than one, as the inside of a character class."""

_WHOLE = re.compile(EMOJI).fullmatch
# of the basic plane, with the property Emoji though Unicode counts them otherwise: punctuation, mathematics, a letter
_OTHERWISE = frozenset("\u203c\u2049\u2139\u2194\u25fb\u25fc\u25fd\u25fe\u2934\u2935\u3030\u303d")


def is_emoji(token: str) -> bool:
    """Whether a token is one emoji, or a sign that may be drawn as one; a digit is none.

    Example:
        >>> [is_emoji(token) for token in ("⚽", "👩‍🚀", "1️⃣", "🇨🇳", "1", "→", "✅✅")]
        [True, True, True, True, False, False, False]
    """
    if len(token) == 1:
        if "\U0001f000" <= token <= "\U0001faff" or token in _OTHERWISE:
            return True
        return _WHOLE(token) is not None and unicodedata.category(token) == "So"
    return _WHOLE(token) is not None
