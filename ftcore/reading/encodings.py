"""Which encoding a file is in, told from a bounded sample of it.

Order: byte-order mark, UTF-16 by the place of its zero bytes, UTF-8, then GB18030, Big5 and
UTF-16 by how much of the decoded text is everyday Chinese. What fits nowhere is called UTF-8, and
its undecodable documents are rejected one by one.

By hand, because charset-normalizer (3.5) takes short GB18030 for Korean: 这台笔记本很好用 becomes cp949.
"""

from __future__ import annotations

import codecs
import re

from ftcore.errors import UserError

SAMPLE = 1 << 16  # bytes looked at

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# The most frequent characters of either script (they cover about a third of running text).
_EVERYDAY = frozenset(
    "的一是不了在人有我他这这個个們们中来來上大为為和国國地到以说說时時要就出会會可也你对對生能而子那得于於着著"
    "下自之年过過发發后後作里裡用道行所然家种種事成方多经經么麼去法学學如都同现現当當没沒动動面起看定天分还還进進"
    "好小部其些主样樣理心本前开開但因只从從想实實日军軍者意无無力它与與长長把机機十民第公此已工使情明性知全三又关關点點"
    "正业業外将將两兩高间間由问問很最重并並物手应應战戰向头頭文体體政美相见見被利什二等产產或新己制身果加西斯月话話合回"
    "特代内內信表化老给給世位次度门門任常先海通教儿兒原东東声聲提立及比员員解水名真论論处處走义義各入几幾口认認条條平系"
    "气氣题題活尔爾更别別打女变變四神总總何电電数數安少报報才结結反受目太量再感建务務做接必场場件计計管期市直德资資命山"
    "金指克许許统統区區保至队隊形社便空决決治展马馬科司五基眼书書非则則听聽白却卻界达達光放强強即像难難且权權思王象完设設"
    "式色路记記南品住告类類求据據程北边邊死张張该該交规規万萬取拉格望觉覺术術领領共确確传傳师師观觀清今切院让讓识識候带帶"
)
_PUNCTUATION = frozenset("，。、；：？！“”‘’（）《》「」『』【】…—·　")


def codec_of(name: str, place: str) -> str:
    """The canonical name of a declared Python codec; `UserError` for an unknown one.

    Example:
        >>> codec_of("GBK", "a.txt")
        'gbk'
    """
    try:
        info = codecs.lookup(name)
        "\n".encode(info.name)  # refuses codecs that are not text encodings (hex, rot13)
        if not is_framed_by_newline_byte(info.name) and not info.name.startswith(("utf-16", "utf-32")):
            raise LookupError  # names of hosts, not texts (idna, punycode), and EBCDIC
    except (LookupError, UnicodeError):
        raise UserError(
            f"{place}: unknown encoding {name!r}; use auto, utf-8, gb18030, big5, utf-16 or another Python codec"
        ) from None
    return info.name


def detect(sample: bytes, whole: bool = False) -> str:
    """The encoding of a file that begins with, or contains, `sample`.

    Args:
        sample: bytes from the start of the file (at most `SAMPLE` are looked at).
        whole: the sample is the whole file, so an incomplete last character is an error.

    Example:
        >>> detect("东京是日本的首都".encode("gb18030"), whole=True)
        'gb18030'
    """
    for mark, codec in _MARKS:
        if sample.startswith(mark):
            return codec
    whole = whole and len(sample) <= SAMPLE
    sample = sample[:SAMPLE]
    pairs = not whole or len(sample) % 2 == 0  # UTF-16 has an even number of bytes
    if pairs and (wide := _wide(sample)):
        return wide
    if _is_utf8(sample, whole):
        return "utf-8"
    damage = sample.decode("utf-8", "ignore")
    if len(damage.encode()) > 0.98 * len(sample) and not damage.isascii():
        return "utf-8"  # a few bad bytes in a UTF-8 file
    scores = {
        codec: _score(sample, codec)
        for codec in ("gb18030", "big5", *(("utf-16-le", "utf-16-be") if pairs else ()))
    }
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > 0.3 else "utf-8"


def is_text(sample: bytes) -> bool:
    r"""Whether bytes can be text at all: without the control characters that text has none of.

    Example:
        >>> is_text("文字\n".encode("gb18030")), is_text(bytes(range(32)))
        (True, False)
    """
    return _CONTROLS.search(sample) is None or any(sample.startswith(mark) for mark, _ in _MARKS)


def is_framed_by_newline_byte(codec: str) -> bool:
    """True if the byte 0x0A is a newline and nothing else (not so in UTF-16 and UTF-32)."""
    return codec == "utf-8-sig" or "\n".encode(codec) == b"\n"


def _wide(sample: bytes) -> str:
    """UTF-16 of mostly Latin text: every other byte is zero, and none of those is a newline."""
    even, odd = sample[0::2], sample[1::2]
    for codec, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if high.count(0) > 0.4 * len(high) and low.count(0) < 0.05 * len(low) and b"\n" not in high:
            return codec
    return ""


def _is_utf8(sample: bytes, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, whole)
    except UnicodeDecodeError:
        return False
    return True


def _score(sample: bytes, codec: str) -> float:
    """How much like Chinese the sample reads in this codec: about 0 for a wrong one, 0.5 to 1.5 for the right one."""
    text = codecs.getincrementaldecoder(codec)("replace").decode(sample, False)
    foreign = [c for c in text if c > "\x7f"]
    if not foreign:
        return 0.0
    everyday = sum(c in _EVERYDAY for c in foreign)
    common = sum(c in _PUNCTUATION or _is_level_one(c) for c in foreign)
    broken = text.count("\ufffd") + text.count("\0")
    return (everyday + common - 4 * broken) / len(foreign) - 0.5


def _is_level_one(char: str) -> bool:
    """A character of the first, frequent level of GB 2312 or of Big5 (simplified or traditional)."""
    try:
        if 0xB0 <= char.encode("gb2312")[0] <= 0xD7:
            return True
    except UnicodeEncodeError:
        pass
    try:
        return 0xA4 <= char.encode("big5")[0] <= 0xC6
    except UnicodeEncodeError:
        return False
