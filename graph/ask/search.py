"""Products that a text names: every one whose id it is, or whose names hold all its words, best match first.

Names are those of the day and moment asked about: `name`, and the English name and synonyms. A word in Latin letters
is found at the beginning of a word ("batter" finds "battery"), a Chinese one anywhere ("电池" finds "动力电池系统"),
whatever the case and width of the characters. Where the glossary knows a word or phrase, its other words count too.

    match = letters of the question's words / letters of the name that holds them, at most 1

ranks what is found: 1 is the very name; of equal ones those that hold the question's own words come first.

A product whose name lists other things too ("Finance, Insurance and Real Estate" for "insurance") gives way to those
below it that the text names as well (`give_way`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from samgraph.errors import SnapshotError
from samgraph.graph.ask.glossary import also_called, folded, nearest_terms
from samgraph.graph.db.driver import Graph

MATCHES = 1000
"""A text stands for at most so many products; the best ones by the full-text index."""
LONGEST_MISSPELT = 40
MOST_WORDS = 100
"""Of a question; the index takes some hundred clauses, and no product's name has so many words."""
LONGEST_PHRASE = 4
"""Words of a question that the glossary is asked for at once."""
BETWEEN = "; "
"""Stands between the English name and the synonyms of a product, in the graph's `name_en`."""
# What the index leaves out: the stop words of Lucene.
_STOPS = (
    "a and are as at be but by for if in into is it no not of on or s such t that the their then there these they "
    "this to was will with www"
)
STOP_WORDS = frozenset(_STOPS.split())
_AND = re.compile(r"\s(?:and|&)\s|、")
"""Makes a name a list; commas alone also stand before what only tells more ("Batteries, primary")."""
_ITEMS = re.compile(rf"{_AND.pattern}|[,;]")
_CHINESE = re.compile(r"[^\W\da-zA-Z_]{2,}")

Alternative = tuple[str, ...]
"""Words that a name must hold, all of them."""
Unit = tuple[Alternative, ...]
"""A word or phrase of the question with its other words: one of them is enough."""


@dataclass(frozen=True)
class Match:
    """A product that a text names, how much of its name the text is, and whether the name lists other things too."""

    product_id: str
    name: str
    match: float
    lists: bool = False


def find_products(
    graph: Graph, question: str, times: dict[str, Any], *, limit: int = MATCHES
) -> tuple[Match, ...]:
    """Find the products that a text names, best first; an id names its product alone.

    `times`: as_of (a day) and known (a moment). Nothing found is an empty answer.
    """
    named = graph.read("basket/named", text=question, **times)
    if any(row["product_id"] == question for row in named):
        return tuple(
            Match(row["product_id"], row["name"], 1.0) for row in named if row["product_id"] == question
        )
    asked = units(question)
    query = lucene(asked) if len(asked) <= MOST_WORDS else ""
    held = graph.read("basket/search", query=query, limit=limit, **times) if query else []
    found = {row["product_id"]: Match(row["product_id"], row["name"], 1.0) for row in named}
    own = set(found)
    for row in held:
        texts = [*map(folded, filter(None, [row["name"], *(row["name_en"] or "").split(BETWEEN)]))]
        if all(any(_holds(text, unit[0]) for text in texts) for unit in asked):
            own.add(row["product_id"])
        match = Match(row["product_id"], row["name"], _match(asked, texts), _lists(asked, texts))
        found.setdefault(row["product_id"], match)
    order = sorted(
        found.values(), key=lambda m: (-m.match, m.product_id not in own, len(m.name), m.product_id)
    )
    return tuple(order[:limit])


def named_products(graph: Graph, question: str, times: dict[str, Any]) -> tuple[Match, ...]:
    """As `find_products`.

    Raises SnapshotError: there is none; the sentence has the nearest names of this graph.
    """
    found = find_products(graph, question, times)
    if found:
        return found
    names = ", ".join(f"{row['name']} ({row['product_id']})" for row in _nearest(graph, question, times))
    terms = " or ".join(map(repr, nearest_terms(question)))
    raise SnapshotError(
        f"no product of {times['as_of']} is {question!r} or holds all its words"
        + (f"; did you mean {terms}?" if terms else "")
        + (f"; the nearest names of this graph are {names}" if names else "; this graph has no product then")
    )


def give_way(graph: Graph, named: Sequence[Match], times: dict[str, Any]) -> tuple[Match, ...]:
    """Those of the named products that list other things too and have another of the named ones below them."""
    lists = [match.product_id for match in named if match.lists]
    if not lists:
        return ()
    ids = [match.product_id for match in named]
    rows = graph.read("basket/wider", lists=lists, ids=ids, **times)
    wider = {row["product_id"] for row in rows}
    return tuple(match for match in named if match.product_id in wider)


def units(question: str) -> tuple[Unit, ...]:
    """The words of a question; the longest phrases that the glossary knows stay together.

    >>> units("EV battery pack")  # doctest: +SKIP
    ((("ev", "battery"), ("动力电池",), ...), (("pack",),))
    """
    words = folded(question).split()
    found: list[Unit] = []
    while words:
        size = next(
            (n for n in range(min(LONGEST_PHRASE, len(words)), 1, -1) if also_called(" ".join(words[:n]))), 1
        )
        phrase, words = words[:size], words[size:]
        others = [tuple(other.split()) for other in also_called(" ".join(phrase))]
        found.append(tuple(dict.fromkeys([tuple(phrase), *others])))
    return tuple(found)


def lucene(asked: Sequence[Unit]) -> str:
    """A question in the syntax of Lucene; empty where no word means anything to the index."""
    clauses = []
    for unit in asked:
        ways = [" AND ".join(terms) for way in unit if (terms := [*filter(None, map(_term, way))])]
        if ways:
            clauses.append("(" + " OR ".join(f"({way})" for way in dict.fromkeys(ways)) + ")")
    return " AND ".join(clauses)


def _term(word: str) -> str:
    """The index holds Latin words whole and Chinese ones by pairs of characters; empty for what it leaves out."""
    if word.isascii() and word.isalnum():
        return "" if word.lower() in STOP_WORDS else f"{word}*"
    if not any(char.isalnum() for char in word):
        return ""
    return f"*{word}*" if len(word) == 1 else f'"{escaped(word)}"'


def escaped(word: str) -> str:
    """A word for Lucene, inside quotes: only a quote and a backslash mean something there."""
    return re.sub(r'(["\\])', r"\\\1", word)


def _match(asked: Sequence[Unit], texts: Sequence[str]) -> float:
    best = 0.0
    for text in texts:
        held = sum(
            max((sum(map(len, way)) for way in unit if _holds(text, way)), default=0) for unit in asked
        )
        best = max(best, held / max(1, len(text.replace(" ", ""))))
    return min(1.0, best)


def _lists(asked: Sequence[Unit], texts: Sequence[str]) -> bool:
    """Whether each name that holds the question is a list, and has an item without any of its words."""
    names = [text for text in texts if all(any(_holds(text, way) for way in unit) for unit in asked)]
    ways = [way for unit in asked for way in unit]
    return bool(names) and all(
        _AND.search(name)
        and any(item.strip() and not any(_holds(item, way) for way in ways) for item in _ITEMS.split(name))
        for name in names
    )


def _holds(text: str, way: Alternative) -> bool:
    return all(word in text for word in way)


def _nearest(graph: Graph, question: str, times: dict[str, Any]) -> list[dict[str, Any]]:
    """Names that hold some of the question, or are spelt almost so; else those that most companies sell."""
    ways = []
    for word in folded(question).split()[:MOST_WORDS]:
        ways.append(_term(word))
        if word.isascii() and word.isalnum() and len(word) <= LONGEST_MISSPELT:
            ways.append(
                f"{word}~{1 if len(word) < 6 else 2}"
            )  # of a longer word the server would try more spellings than its memory holds
        for run in _CHINESE.findall(word):
            ways += [f'"{run[at : at + 2]}"' for at in range(len(run) - 1)]
    ways = [*filter(None, ways)]
    near = graph.read("basket/search", query=" OR ".join(ways), limit=3, **times) if ways else []
    return near or graph.read("basket/common", limit=3, **times)
