import re
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftcore.config import Normalize
from ftcore.reading.markup import without_entities, without_tags
from ftcore.text.normalize import normalize


def clean(text):
    return normalize([text], Normalize(lowercase=False)).to_pylist()[0]


@pytest.mark.parametrize(
    "text",
    [
        "if a<b and c>d",
        "p <i 0.05 的结果显著 q> 0.9",
        "价格<u 100 数量>5",
        "x<br and y>z",
        "for (i=0; i<s; i++) if (s>0)",
        "a<p and p>c",
        "a<li or b>c",
        "a <b> c",
        "vector<i> v, map<a,b>",
        "usage: copy <input> <output> <code>",
        "SELECT * FROM <table> WHERE a<b",
        "mail <a@b.org> or <http://a.org/b>",
        "if a<b x=1 y>2",
        "a<b c=d>e</c>",
        "温度<q 30>度",
        "1 < 2 > 0 <3 <- -> <= >= <> </",
        "<!-- not closed, <script> neither <style",
        "a<b 'c>d' e",
        "R&D AT&T ?a=1&copy=2&lt=3&reg=4 &unknown; &;",
        "<p class='x and no end",
        "a<a b",
        "if x<strong and y>weak",
        "<b and c> no </b and c>",
    ],
)
def test_what_only_looks_like_markup_stays(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("A good film.<br /><br />Really<br>good<BR/>!", "A good film. Really good !"),
        ("<p>One<p>Two<ul><li>a<li>b</ul>", "One Two a b"),
        ("<div class=x id='y'><span style=\"a>b\">T</span>ext</div>", "Text"),
        ("<b>bold <b>twice</b></b> a<b", "bold twice a<b"),
        ("<i>x</i> <i> y", "x <i> y"),
        ("a<b and c>d, <b>bold</b>, e<b and f>g", "a<b and c>d, bold, e<b and f>g"),
        ('see <a href=http://a.org/?x=1&y=2 target=_blank>here</a> <a href="x"title="y">too', "see here too"),
        ("<IMG SRC=\"a.jpg\" alt='<b>'/><input type=text disabled><hr>", ""),
        ("<td nowrap width=100%>1</td><td>2</td></tr></table>", "1 2"),
        ("x</b>y</div>z", "xy z"),
        ("x<b //>y<br / />z", "xy z"),
        ("a<!-- <p> c > d -->b<script src=x>if (a<b) </script>c<STYLE>p{}</style>d", "a b c d"),
        ("<!DOCTYPE html>\n<html lang=zh><body onload='x()'><h1>标题</h1>正文</body></html>", "标题 正文"),
        (
            '<?xml version="1.0"?><p data-x ng-if="a > b" xml:lang="zh">你<font color=#f00>好</font></p>',
            "你好",
        ),
        ("<o:p>Word</o:p><ruby>漢<rt>かん</rt></ruby>", "Word漢かん"),
        ("a &lt;b&gt; &amp;amp;amp;lt; &#39;&#x4e2d;&nbsp;R&amp;D &nbsp", "a <b> < '中 R&D"),
        ("&amp;amp;", "&"),
        ("Tom &amp Jerry &quot x", 'Tom & Jerry " x'),
    ],
)
def test_markup_goes(raw, plain):
    assert clean(raw) == plain


LETTERS = st.sampled_from("<<<>>/&;= ab\"'iput35的x\n") | st.sampled_from(
    ["<b ", "<br", "</p>", "<p>", "<i>", "<a href='x'>", "<!--"]
)


# as HTML reads one: slashes that stand alone are passed over, values in quotation marks may hold anything
TAG = re.compile(r"""</?(?:br|b|p|i|a|u)(?:[\s/](?:"[^"]*"|'[^']*'|[^<>"'])*)?>""")


@settings(deadline=None)
@given(st.lists(LETTERS, max_size=40).map("".join))
def test_no_character_outside_of_a_tag_is_lost(text):
    """Each thing of the form `<name …>` stays or goes as a whole, and nothing else does."""
    [plain] = without_tags(pa.array([text])).to_pylist()
    text = re.sub("<!--.*?-->", " ", text, flags=re.DOTALL)  # comments go first
    reached = {0: {0}}  # place in the text -> how much of what is left may have come of it
    for at, char in enumerate(text):
        for done in reached.get(at, ()):
            if plain[done : done + 1] == char:
                reached.setdefault(at + 1, set()).add(done + 1)
            ends = [n for n in range(at + 3, len(text) + 1) if text[n - 1] == ">"] if char == "<" else []
            for end in (end for end in ends if TAG.fullmatch(text, at, end)):
                reached.setdefault(end, set()).update({done, done + (plain[done : done + 1] == " ")})
    assert len(plain) in reached.get(len(text), ())


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("<>&;/ "), max_size=40))
def test_text_without_names_of_elements_is_not_touched(text):
    spelled = re.sub("[A-Za-z]", "ж", text).replace("<!", "<").replace("<?", "<")
    column = pa.array([re.sub("&#", "&", spelled)])
    assert without_entities(without_tags(column)) == column


@pytest.mark.parametrize(
    "junk",
    [
        "<",
        "<b",
        "<b ",
        "<b>",
        "<a href='",
        "<a b=\"' ",
        "<p x=",
        "</b>",
        "<b></b",
        "&amp",
        "&amp;",
        "<!-- ",
        "<script x>",
        "< b=c",
    ],
)
def test_time_is_linear_in_signs(junk):
    start = time.process_time()
    clean(junk * 200_000)
    assert time.process_time() - start < 5


def test_many_long_tags_are_not_kept_in_memory():
    from ftcore.reading import markup

    markup._judged.cache_clear()
    clean("".join(f'<img src="{"x" * 300}{i}">' for i in range(100)))
    assert markup._judged.cache_info().currsize == 0
