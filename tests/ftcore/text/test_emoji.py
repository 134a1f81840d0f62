"""Emoji as Unicode has them: made here from `unicodedata` and UTS #51, not from the module's own ranges."""

import unicodedata

import pytest

from ftcore.config import Segment, Text
from ftcore.text.emoji import is_emoji
from ftcore.text.tokenizer import Tokenizer

# the basic plane's characters with the property Emoji, copied from Unicode's emoji-data.txt (less digits, # and *)
BASIC = (
    "©®‼⁉™ℹ↔↕↖↗↘↙↩↪⌚⌛⌨⏏⏩⏪⏫⏬⏭⏮⏯⏰⏱⏲⏳⏸⏹⏺Ⓜ▪▫▶◀◻◼◽◾☀☁☂☃☄☎☑☔☕☘☝☠☢☣☦☪☮☯☸☹☺♀♂♈♉♊♋♌♍♎♏♐♑♒♓♟♠♣♥♦♨♻♾♿⚒⚓⚔⚕⚖⚗⚙⚛⚜⚠⚡⚧⚪⚫"
    "⚰⚱⚽⚾⛄⛅⛈⛎⛏⛑⛓⛔⛩⛪⛰⛱⛲⛳⛴⛵⛷⛸⛹⛺⛽✂✅✈✉✊✋✌✍✏✒✔✖✝✡✨✳✴❄❇❌❎❓❔❕❗❣❤➕➖➗➡➰➿⤴⤵⬅⬆⬇⬛⬜⭐⭕〰〽㊗㊙"
)
PICTURES = [chr(c) for c in range(0x1F300, 0x1FA00) if unicodedata.category(chr(c)) == "So"]
PICTURES += ["🀄", "🃏", "🅰", "🅱", "🅾", "🅿", "🆎", "🆑", "🆚", "🈁", "🈚", "🉐", "🉑"]
SKINS = "🏻🏼🏽🏾🏿"
REGION = {letter: chr(0x1F1E6 + ord(letter) - ord("A")) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}

ALONE = [*BASIC, *PICTURES]
SEQUENCES = [
    *(char + "\ufe0f" for char in BASIC),
    *(key + "\ufe0f\u20e3" for key in "0123456789#*"),
    *(person + skin for person in "👍👎👋🙏👶👧🧑👩👨✊✋✌☝" for skin in SKINS),
    *(REGION[a] + REGION[b] for a, b in ("CN", "US", "GB", "DE", "JP", "UA", "BR", "ZW", "AC", "TW")),
    *("🏴" + "".join(chr(0xE0000 + ord(c)) for c in place) + "\U000e007f" for place in ("gbeng", "gbsct", "gbwls")),
    *(f"{person}{skin}\u200d{thing}" for person in "👩👨🧑" for skin in ("", *SKINS) for thing in ["⚕️", "🌾", "🍳", "🎓", "🎤", "💻", "🚀", "✈️", "🦰"]),
    *(f"{person}{skin}\u200d{sex}\ufe0f" for person in "🏃🙅🤷💆" for skin in ("", *SKINS) for sex in "♀♂"),
    *["👨\u200d👩\u200d👧\u200d👦", "👩\u200d❤️\u200d👨", "👩\u200d❤️\u200d💋\u200d👩", "👩🏽\u200d🤝\u200d👨🏿", "❤️\u200d🔥", "❤️\u200d🩹", "🏳️\u200d🌈", "🏳️\u200d⚧️", "🏴\u200d☠️", "👁️\u200d🗨️", "🐻\u200d❄️", "🐈\u200d⬛", "😶\u200d🌫️", "😮\u200d💨", "🧑\u200d🧑\u200d🧒", "🙂\u200d↔️"],
]  # fmt: skip


def test_these_are_many():
    assert len(ALONE) > 1200 and len(SEQUENCES) > 450 and len(set(SEQUENCES)) == len(SEQUENCES)
    assert all(map(is_emoji, ALONE)) and all(map(is_emoji, SEQUENCES))


@pytest.mark.parametrize(
    ("before", "behind", "tokens"),
    [
        ("", "", "{}"),
        ("今天很好", "明天也好", "今天 很 好 {} 明天 也好"),
        ("我爱", "，", "我 爱 {}"),
        ("I love", "it", "i love {} it"),
        ("ok ", "!!", "ok {}"),
        ("看 ", " 3.5 don't", "看 {} 3.5 don't"),
    ],
)
def test_an_emoji_is_one_token_wherever_it_stands(before, behind, tokens):
    emoji = ALONE + SEQUENCES
    cut = Tokenizer().tokenize([before + sign + behind for sign in emoji])
    expected = [tokens.format(sign.lower() if sign[0] == "Ⓜ" else sign) for sign in emoji]
    assert [pair for pair in zip(cut, expected, strict=True) if pair[0] != pair[1]] == []


def test_emoji_in_a_row_are_a_token_each():
    row = ["👩‍🚀", "👍🏽", "1️⃣", "2️⃣", "🇨🇳", "🇺🇸", "❤️", "⚽", "😀", "😀"]
    for text in ("".join(row), "好" + "".join(row) + "a"):
        assert [token for token in Tokenizer().tokenize([text])[0].split() if is_emoji(token)] == row


def test_without_protected_spans_single_emoji_stay():
    off = Tokenizer(Text(segment=Segment(protect=False)))
    assert off.tokenize(["好⚽a", "❤️", "👩‍🚀"]) == ["好 ⚽ a", "❤", "👩 🚀"]  # jieba's tokens


@pytest.mark.parametrize("text", ["a", "12", "#", "★★", "", "→", "\ufe0f", "\u200d", "👩\u200d"])
def test_what_is_no_emoji(text):
    assert not is_emoji(text)
