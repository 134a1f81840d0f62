"""Words that stand for groups and for what is associated with them, in both languages: small lists to start an audit from.

After Caliskan, Bryson, Narayanan, "Semantics derived automatically from language corpora contain human-like biases",
Science 2017, with Chinese lists of the same kind. They say what is looked for, not what is found.
"""

from __future__ import annotations

PAIRS = {  # words that differ by gender alone; a text with one turned into the other should keep its label
    "en": (
        ("he", "she"), ("him", "her"), ("his", "her"), ("himself", "herself"), ("man", "woman"), ("men", "women"),
        ("boy", "girl"), ("boys", "girls"), ("father", "mother"), ("son", "daughter"), ("brother", "sister"),
        ("husband", "wife"), ("king", "queen"), ("actor", "actress"), ("uncle", "aunt"), ("male", "female"),
    ),
    "zh": (
        ("他", "她"), ("他们", "她们"), ("男人", "女人"), ("男性", "女性"), ("男孩", "女孩"), ("男生", "女生"), ("先生", "女士"),
        ("父亲", "母亲"), ("爸爸", "妈妈"), ("儿子", "女儿"), ("哥哥", "姐姐"), ("弟弟", "妹妹"), ("丈夫", "妻子"), ("男主角", "女主角"),
    ),
}  # fmt: skip

_EN_GENDER = (
    ["male", "man", "boy", "brother", "he", "him", "his", "son"],
    ["female", "woman", "girl", "sister", "she", "her", "hers", "daughter"],
)
_ZH_GENDER = (
    ["男人", "男性", "男孩", "哥哥", "他", "父亲", "儿子", "先生"],
    ["女人", "女性", "女孩", "姐姐", "她", "母亲", "女儿", "女士"],
)
# name -> targets X and Y, attributes A and B; a positive effect says that X goes with A and Y with B
TESTS = {
    "en: career and family by gender": (
        ["executive", "management", "professional", "corporation", "salary", "office", "business", "career"],
        ["home", "parents", "children", "family", "cousins", "marriage", "wedding", "relatives"],
        *_EN_GENDER,
    ),
    "en: science and arts by gender": (
        ["science", "technology", "physics", "chemistry", "engineering", "experiment", "astronomy", "mathematics"],
        ["poetry", "art", "dance", "literature", "novel", "symphony", "drama", "sculpture"],
        *_EN_GENDER,
    ),
    "en: flowers and insects by pleasantness": (
        ["rose", "lily", "tulip", "orchid", "daisy", "violet", "blossom", "flower"],
        ["ant", "spider", "wasp", "fly", "mosquito", "cockroach", "beetle", "insect"],
        ["love", "peace", "wonderful", "pleasure", "friend", "happy", "beautiful", "joy"],
        ["hate", "war", "terrible", "agony", "evil", "awful", "ugly", "failure"],
    ),
    "zh: 事业与家庭 (性别)": (
        ["高管", "管理", "专业", "公司", "薪水", "办公室", "商业", "事业"],
        ["家庭", "父母", "孩子", "婚姻", "婚礼", "亲戚", "家务", "家人"],
        *_ZH_GENDER,
    ),
    "zh: 理科与艺术 (性别)": (
        ["科学", "技术", "物理", "化学", "工程", "实验", "天文", "数学"],
        ["诗歌", "艺术", "舞蹈", "文学", "小说", "音乐", "戏剧", "绘画"],
        *_ZH_GENDER,
    ),
}  # fmt: skip
