"""What a member of an axis is called: its words, whether it names a product, and which others are the same.

A member such as `BondAndMoneyMarketFundsMember` is a filer's own word or the standard taxonomy's. Everything here is a
function of that word alone, never of what else was filed, so that no later filing can change an earlier product.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from samgraph.importers.names import ELIMINATION, NO_REVENUE, TOTAL, clean_name

Kind = Literal["product", "unnamed", "elimination", "total", "no revenue"]

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W_0-9A-Za-z]+")
_ENDINGS = ("Member", "Domain")
_NO_PLURAL = frozenset((
    "access", "analytics", "bus", "business", "express", "gas", "glass", "lens", "logistics", "movies", "news", "plus",
    "process", "series", "species", "stainless", "wireless",
))  # fmt: skip
_ONE = {"buses": "bus", "gases": "gas", "lenses": "lens"}
_GENERIC = frozenset((
    "a", "and", "of", "or", "the", "for", "from", "in", "to", "by", "with", "other", "related", "net", "total",
    "revenue", "sale", "product", "service", "good", "solution", "segment", "business", "operation", "line", "category",
    "division", "unit", "group", "activity",
))  # fmt: skip
_NOBODY = frozenset((
    "all", "corporate", "unallocated", "miscellaneous", "various", "remaining", "sundry", "nonsegment", "non",
    "allocated",
))  # fmt: skip


@dataclass(frozen=True)
class Member:
    """A member by its words.

    name: for people, "Bond And Money Market Funds"
    key: what it is, the words in the singular and in lower case: "bond and money market fund"
    family: its telling words in alphabetical order, "bond fund market money"; "" where it has none ("Products")
    telling: the same in the order of the name, for people: "Bond Money Market Fund"
    kind: whether it is a product's revenue
    """

    name: str
    key: str
    family: str
    telling: str
    kind: Kind


@lru_cache(maxsize=1 << 16)
def member(text: str) -> Member:
    """The member of a name as filed (`CloudServicesMember`, `CloudServices_`) or as people write it."""
    text = clean_name(text).rstrip("_")
    for ending in _ENDINGS:
        text = text.removesuffix(ending) or text
    found = _WORD.findall(text)
    singular = [_singular(one.lower()) for one in found]
    telling = list(dict.fromkeys(one for one in singular if one not in _GENERIC))
    name, key = " ".join(found), " ".join(singular)
    kind = _kind(name, singular, telling)
    return Member(name, key, " ".join(sorted(telling)), " ".join(telling).title(), kind)


def _kind(name: str, words: list[str], telling: list[str]) -> Kind:
    if ELIMINATION.search(name):
        return "elimination"
    if TOTAL.search(name):
        return "total"
    if NO_REVENUE.search(name):
        return "no revenue"
    nobody = not _NOBODY.isdisjoint(words) or "other" in words
    return "unnamed" if not words or (nobody and _NOBODY.issuperset(telling)) else "product"


def _singular(word: str) -> str:
    if word in _ONE:
        return _ONE[word]
    if len(word) < 4 or word in _NO_PLURAL or word.endswith(("ss", "us", "is", "ics")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes", "zes")):
        return word[:-2]
    return word.removesuffix("s")
