"""A small glossary of products in English and Chinese, so that a text in one language finds names in the other.

It is no dictionary: a line holds what the trade calls one thing. A graph's own words (`name_en` and `synonyms` of the
table products) are always looked into as well, and are the place for what is missing here.
"""

from __future__ import annotations

import difflib
import functools
import unicodedata
from collections.abc import Mapping

TERMS = """
EV battery; electric vehicle battery; traction battery; power battery; 动力电池
lithium battery; lithium-ion battery; lithium ion battery; Li-ion battery; 锂电池; 锂离子电池
lead-acid battery; lead acid battery; 铅酸电池; 铅酸蓄电池
sodium-ion battery; sodium ion battery; 钠离子电池
battery; batteries; 电池
battery material; 电池材料
battery pack; 电池包; 电池组
battery equipment; lithium battery equipment; 锂电设备; 锂电池设备
energy storage; 储能
charging pile; EV charger; charging station; 充电桩
cathode; cathode material; 正极; 正极材料
anode; anode material; 负极; 负极材料
electrolyte; 电解液
separator; battery separator; 隔膜
lithium carbonate; 碳酸锂
lithium hydroxide; 氢氧化锂
lithium salt; lithium salts; 锂盐
lithium; 锂
cobalt; 钴
nickel; 镍
zinc; 锌
tin; 锡
tungsten; 钨
copper foil; 铜箔
copper; 铜
aluminium; aluminum; 铝
rare earth; rare earths; 稀土
permanent magnet; 永磁
gold; 黄金
steel; 钢铁; 钢材
coal; 煤炭
crude oil; 原油
natural gas; 天然气
electric vehicle; new energy vehicle; NEV; EV; 新能源汽车; 电动汽车
passenger car; 乘用车
auto parts; car parts; 汽车零部件
electric motor; motor; 电机
solar; photovoltaic; PV; 光伏; 太阳能
solar module; PV module; 光伏组件
solar cell; 太阳能电池; 光伏电池
solar glass; PV glass; 光伏玻璃
inverter; 逆变器
polysilicon; 多晶硅
silicon wafer; 硅片
wind power; 风电
wind turbine; 风力发电机; 风机
nuclear power; 核电
hydropower; 水电
hydrogen; 氢能
fuel cell; 燃料电池
power grid; grid equipment; 电网; 电网设备
transformer; 变压器
cable; cables; 电缆
semiconductor; semiconductors; 半导体
chip; chips; 芯片
integrated circuit; IC; 集成电路
wafer; 晶圆
printed circuit board; PCB; 印制电路板; 线路板
display panel; LCD; 液晶; 显示面板
optical module; optical transceiver; 光模块
optical fibre; optical fiber; 光纤
server; servers; 服务器
cloud computing; 云计算
software; 软件
artificial intelligence; AI; 人工智能
robot; robots; 机器人
drone; UAV; 无人机
satellite; 卫星
machine tool; 机床
excavator; construction machinery; 工程机械
liquor; baijiu; white spirit; 白酒
beer; 啤酒
milk; dairy; 乳制品; 牛奶
pork; 猪肉
feed; animal feed; 饲料
fertiliser; fertilizer; 化肥
pesticide; 农药
vaccine; vaccines; 疫苗
medical device; medical devices; 医疗器械
traditional Chinese medicine; TCM; 中药; 中成药
insulin; 胰岛素
cement; 水泥
glass; 玻璃
real estate; property development; 房地产
bank; banking; 银行
insurance; 保险
express delivery; 快递
shipping; 航运
aviation; airline; 航空
home appliance; home appliances; white goods; 家用电器; 家电
air conditioner; 空调
refrigerator; 冰箱
toy; toys; 玩具
game; video game; 游戏
film; 电影
"""


def folded(text: str) -> str:
    """A text without differences of width, case and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@functools.cache
def glossary() -> Mapping[str, tuple[str, ...]]:
    """From a folded term to the other terms of its line."""
    found: dict[str, tuple[str, ...]] = {}
    for line in filter(None, TERMS.splitlines()):
        terms = [folded(term) for term in line.split(";")]
        for term in terms:
            others = (*found.get(term, ()), *(other for other in terms if other != term))
            found[term] = tuple(dict.fromkeys(others))
    return found


def also_called(text: str) -> tuple[str, ...]:
    """Other words for a folded text; none where the glossary lacks it."""
    known, single = glossary(), _singular(text)
    if text in known or single not in known:
        return known.get(text, ())
    return (single, *known[single])


def nearest_terms(text: str, count: int = 2) -> list[str]:
    """Terms of the glossary that are spelt almost like a text."""
    return difflib.get_close_matches(folded(text), glossary(), n=count, cutoff=0.75)


def _singular(text: str) -> str:
    """The last word without an English plural."""
    if text.endswith("ies"):
        return text[:-3] + "y"
    return text[:-1] if text.endswith("s") else text
