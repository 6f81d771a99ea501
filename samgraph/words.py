"""Words of what people read."""

from __future__ import annotations


def many(count: int, thing: str) -> str:
    """`1 seed`, `1,200 seeds`, `2 companies`; the word that a count belongs to is the last one of `thing`."""
    if count == 1:
        return f"1 {thing}"
    company = thing.endswith("y") and not thing.endswith(("ay", "ey", "oy"))
    return f"{count:,} {thing[:-1]}ies" if company else f"{count:,} {thing}s"
