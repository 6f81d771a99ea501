"""Names and ids as vendors write them, in one form: clean names, A-share codes with their exchange."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff\ufffd]")
_WRAP = re.compile(r"[^\S ]*[\r\n\t\u2028\u2029][\s]*")
_BLANKS = re.compile(r"\s+")
_WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
_WIDE_WRAP = re.compile(rf"(?<=[{_WIDE}])\s*[\r\n\t]+\s*|\s*[\r\n\t]+\s*(?=[{_WIDE}])")
_EDGE_QUOTES = "\"'`"
_WIDTHS = {
    code: unicodedata.normalize("NFKC", chr(code))
    for code in (0x3000, *range(0xFF01, 0xFFEF))
    if unicodedata.decomposition(chr(code)).startswith(("<wide>", "<narrow>"))
}


def fold_width(text: str) -> str:
    """Full-width letters, digits and signs as half-width ones, half-width kana as full-width ones: one spelling."""
    return text.translate(_WIDTHS)


def clean_name(text: str) -> str:
    """A name without control characters, line breaks, repeated blanks and quotation marks that have no partner.

    Full-width and half-width spellings become one. A line break next to a Chinese character was a wrapped line and
    is closed up; any other becomes a blank.
    """
    text = unicodedata.normalize("NFC", text)
    text = unicodedata.normalize("NFC", fold_width(_WIDE_WRAP.sub("", text.strip())))
    text = _BLANKS.sub(" ", _INVISIBLE.sub("", text)).strip()
    for quote in _EDGE_QUOTES[:2]:
        if text.count(quote) % 2 and (text.startswith(quote) or text.endswith(quote)):
            text = text.strip(quote).strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in _EDGE_QUOTES:
        text = text[1:-1].strip()
    return "" if not text.strip(_EDGE_QUOTES + " ") else text


def clean_names(names: pd.Series[str]) -> pd.Series[str]:
    """`clean_name` of every name, each distinct one once."""
    codes, distinct = pd.factorize(names)
    cleaned = pd.Series([clean_name(one) for one in distinct], dtype="str")
    return pd.Series(cleaned.to_numpy()[codes] if len(codes) else [], index=names.index, dtype="str")


# Shanghai: main board 60, STAR 68, depositary receipts 689, B shares 900. Shenzhen: main board 00, ChiNext 30,
# B shares 20. Beijing: 4, 8 and, since 2023, 92. [0-9], not \d: digits of other scripts are not codes.
_EXCHANGES = (
    ("SH", re.compile(r"6[0-9]{5}|900[0-9]{3}")),
    ("SZ", re.compile(r"(00|20|30)[0-9]{4}")),
    ("BJ", re.compile(r"[48][0-9]{5}|92[0-9]{4}")),
)
_ALIASES = {
    "SH": "SH", "SSE": "SH", "SS": "SH", "XSHG": "SH", "SZ": "SZ", "SZSE": "SZ", "XSHE": "SZ", "BJ": "BJ", "BSE": "BJ",
    "XBSE": "BJ",
}  # fmt: skip
_FORMS = (
    re.compile(r"(?P<code>[0-9]{6})(?:\.(?P<exchange>[A-Za-z]+))?"),
    re.compile(r"(?P<exchange>[A-Za-z]{2,4})\.?_?(?P<code>[0-9]{6})"),
)
_FRACTION = re.compile(r"([0-9]+)\.0+")
_SHORTENED = re.compile(r"[1-9][0-9]{0,4}")  # a code of another market, such as 00700, keeps its zeros


def a_share_id(text: str) -> str:
    """A share's id in one form, 600519.SH, from 600519, 600519.sh, SH600519, sh.600519 or 600519.XSHG.

    Without an exchange the code's own rule names it. A code that a file holds as a number (1, 1.0, 600519.0) gets its
    leading zeros back, full-width digits are digits. Returns "" for what is no six-digit code of a known exchange.
    """
    text = fold_width(text).strip()
    if number := _FRACTION.fullmatch(text):
        text = number[1]
    if _SHORTENED.fullmatch(text):
        text = text.zfill(6)
    for form in _FORMS:
        found = form.fullmatch(text)
        if found:
            given = found.groupdict().get("exchange")
            if given:
                exchange = _ALIASES.get(given.upper(), "")
            else:
                exchange = next((name for name, rule in _EXCHANGES if rule.fullmatch(found["code"])), "")
            return f"{found['code']}.{exchange}" if exchange else ""
    return ""


def a_share_ids(codes: pd.Series[str]) -> pd.Series[str]:
    """`a_share_id` of every code, each distinct one once; "" where it is none."""
    places, distinct = pd.factorize(codes)
    ids = pd.Series([a_share_id(one) for one in distinct], dtype="str")
    return pd.Series(ids.to_numpy()[places] if len(places) else [], index=codes.index, dtype="str")


# Rows of a revenue table that are no product's revenue, by their cleaned name.
ELIMINATION = re.compile(
    r"抵[销消減减銷]|平衡项目|调整项目|^(减|減)[:：]|未分配|^间?抵|^(eliminations?|reconciling items?)$|"
    r"eliminations?\b|intersegment|inter-segment|corporate and eliminations|reconciliation",
    re.IGNORECASE,
)
TOTAL = re.compile(
    r"(合计|总计|小计|共计)([（(].*[)）])?$|^(total|subtotal|sub-total)s?\b|营业(总)?收入$|主营业务收入$",
    re.IGNORECASE,
)
PART_OF_ANOTHER = re.compile(r"^其中([:：]|$)|^of which\b", re.IGNORECASE)
UNNAMED = re.compile(
    r"^(其他|其它|其余)(业务|产品|服务|收入|行业|主营业务|业务收入|主营|项目|收入项目|商品|类|分部)?([（(].*[)）])?$|"
    r"^(all |corporate and |corporate, |unallocated |product and |service, )?others?( segments?|"
    r" products?( and services?)?( \[member\])?| services?| revenues?| net sales)?$|"
    r"^(corporate|unallocated)( and all other)?$",
    re.IGNORECASE,
)
REGION = re.compile(
    r"^(中国)?(境内|境外|国内|国外|海外|内销|外销|出口|省内|省外|华东|华南|华北|华中|东北|西北|西南|东南|中南|"
    r"东部|西部|北方|南方|大陆|港澳台|香港|亚洲|欧洲|北美洲?|南美洲?|美洲|非洲|大洋洲|国际)(地区|区域|市场|销售|收入|片区|大区|业务)?$|(地区|区域)$"
)
NO_REVENUE = re.compile(
    r"EBITDA|\bEBT\b|cash flow|legal settlement|net periodic benefit|hedging effect|general,? and administrative",
    re.IGNORECASE,
)
