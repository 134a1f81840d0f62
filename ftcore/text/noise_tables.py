"""Which characters are mistaken for which: keys that lie side by side, Chinese that sounds or looks alike.

The Chinese tables are small and hold what is written wrong most: characters of one sound in any tone (what an input method
offers side by side), and characters that the eye confuses. `homophones` makes the whole table of sounds, of pypinyin's readings.
"""

from __future__ import annotations

from importlib.util import find_spec

from ftcore.errors import UserError

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
SOUNDS = (
    "的地得德", "他她它塌", "在再载", "做作坐座", "是事市式室世试视势示", "有又右友由油游", "不布步部", "以已一意易议医衣依",
    "好号浩", "像象向项相", "带代戴待袋", "到道倒盗", "和合河何喝", "会汇慧惠回", "即既及极急级集", "记计纪际季济继寄",
    "机基几积鸡击激", "进近尽劲", "经精京惊晶", "就旧救酒", "看刊砍", "可课克客刻", "来赖莱", "里理礼李力利立历丽",
    "马吗妈嘛", "卖买麦", "们门闷", "没每美妹", "面免棉", "名明命", "那哪拿纳", "难男南", "你尼泥", "年念", "品拼贫",
    "平评凭瓶", "期其起气器汽七奇", "前钱千签", "请情清轻青", "去取曲", "全权劝", "人仁认任", "日", "如入汝", "三散伞",
    "上尚伤商", "生声升省", "时石十实食识史使", "手首受收", "书数输树", "说硕", "四死似思司丝", "虽随岁", "所锁索",
    "她他它", "太态泰", "天田甜添", "听厅停", "同通统痛", "头投透", "完玩晚碗", "为位未味围卫", "文问闻温", "我握",
    "无五物务误午舞", "西系息喜细习洗希", "下夏吓", "先现线县显险", "想享响", "小笑校效", "写谢血", "心新信辛", "行形星型性姓",
    "学雪", "要药摇", "也夜野业叶", "因音银引印", "应影英营迎", "用永勇", "于与余鱼雨语遇预", "员元园原远院愿", "月越约",
    "站占战", "长常场厂唱", "这者折", "真针珍阵", "正政证整", "知之只支纸值直职", "中种重钟众", "主住注助著", "转专赚", "自字子资",
    "总宗", "最罪醉", "本奔笨", "比笔必币", "变便遍", "表标", "别憋", "才材财菜", "查茶差", "城成程诚承", "吃迟持", "出初处",
    "传船穿", "大达打", "单但蛋担", "当党档", "等灯", "第底低弟", "点店电典", "东冬懂动", "对队", "多朵夺", "发罚法", "反饭范犯",
    "方房放防", "非飞费肥", "分份纷粉", "风封丰疯", "服父付复福负", "高告稿", "个各格", "公工功共", "狗购够", "关管官观馆惯",
    "光广", "国果过", "还海害", "黑嘿", "后候厚", "花话华画化", "换欢环", "黄皇", "火货或活", "家加价假", "间见件建简健减",
    "讲将江奖", "教叫交脚角", "接街节姐结", "今金斤紧", "开凯", "快块筷", "老劳", "类累泪", "冷愣", "两量亮凉", "路录陆", "满慢",
)  # fmt: skip
LOOKS = (
    "己已巳", "未末", "土士", "日曰目", "人入八", "大太犬", "干千于", "天夫无", "午牛", "木本术", "田由甲申", "王玉主", "白自百",
    "刀力", "九丸", "了子", "儿几", "贝见", "今令", "甲申由", "戊戌戍", "折拆", "侯候", "暖缓", "晴睛情清", "请清晴", "跑抱泡饱",
    "很狠恨", "根跟", "住往注", "作昨", "情晴", "辨辩辫", "历厉", "即既", "拔拨", "析折", "治冶", "毫豪", "辛幸", "喝渴", "操澡燥",
    "低底抵", "买卖", "免兔", "鸟乌", "师帅", "间问闻", "同问", "手毛", "处外", "名各", "休体", "何向", "困因", "园圆", "复夏",
    "买头", "风凤", "右石", "左在", "年午", "还环", "这过", "远运", "近进", "没设", "话活", "说悦", "记纪", "讲进", "让认",
    "第弟", "等寺", "答合", "看着", "有友", "明朋", "时付", "得待", "从丛", "价阶", "份分", "们门", "件牛", "任住", "传转", "位拉",
)  # fmt: skip


def partners(groups: tuple[str, ...]) -> dict[str, str]:
    """Each character -> those that it is mistaken for.

    Example:
        >>> partners(("未末", "末抹"))["末"]
        '未抹'
    """
    made: dict[str, str] = {}
    for group in groups:
        for character in group:
            others = "".join(c for c in group if c != character and c not in made.get(character, ""))
            made[character] = made.get(character, "") + others
    return {character: others for character, others in made.items() if others}


def homophones() -> tuple[str, ...]:
    """The 3,755 commonest characters (GB 2312's first level) in groups of one sound, in any tone; 396 groups.

    A character with several readings stands where its commonest one is.

    Raises:
        UserError: pypinyin is not installed.
    """
    if not has_pinyin():
        raise UserError(
            "noise homophone: the sounds of Chinese characters are pypinyin's, which is not installed; "
            "pip install 'ftcore[pinyin]', or take the kind sound, a small table"
        )
    from pypinyin import lazy_pinyin

    made: dict[str, list[str]] = {}
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            if (high, low) < (0xD7, 0xFA):  # the last row is not full
                character = bytes([high, low]).decode("gb2312")
                made.setdefault(lazy_pinyin(character)[0], []).append(character)
    return tuple(map("".join, made.values()))


def has_pinyin() -> bool:
    """Whether `homophones` can be made."""
    return find_spec("pypinyin") is not None


def neighbours() -> dict[str, str]:
    """Each small letter -> the letters beside it on the keyboard.

    Example:
        >>> sorted(neighbours()["s"])
        ['a', 'd', 'e', 'w', 'x', 'z']
    """
    made: dict[str, str] = {}
    for row, keys in enumerate(KEYS):
        for place, key in enumerate(keys):
            near = [keys[i] for i in (place - 1, place + 1) if 0 <= i < len(keys)]
            if row > 0:
                near += KEYS[row - 1][place : place + 2]
            if row + 1 < len(KEYS):
                near += [KEYS[row + 1][i] for i in (place - 1, place) if 0 <= i < len(KEYS[row + 1])]
            made[key] = "".join(near)
    return made
