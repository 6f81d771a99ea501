"""Target weights of tranches, bands and partial trading in plain Python: dicts from a company to a number."""

from __future__ import annotations

import math
from typing import Any


class Days:
    """What a decision day shows, looked up stock by stock."""

    def __init__(self, score: Any, market: Any) -> None:
        self.score, self.m = score, market
        self.stocks = range(len(market.stocks))

    def member(self, t: int, i: int) -> bool:
        return bool(self.m.member[t, i])

    def traded(self, t: int, i: int) -> bool:
        return bool(self.m.tradable[t, i]) and self.m.close[t, i] > 0 and self.m.adj[t, i] > 0

    def ranked(self, t: int) -> list[int]:
        own = [i for i in self.stocks if self.member(t, i) and math.isfinite(self.score[t, i])]
        return sorted(own, key=lambda i: -self.score[t, i])  # stable: the order of the stocks decides ties

    def best(self, t: int, share: float) -> list[int]:
        ranked = self.ranked(t)
        return [i for i in ranked if self.traded(t, i)][: math.ceil(share * len(ranked))]

    def index(self, t: int, i: int) -> float | None:
        for s in range(t, -1, -1):
            if self.traded(s, i):
                return float(self.m.close[s, i] * self.m.adj[s, i])
        return None

    def grown(self, held: dict[int, float], before: int, t: int) -> dict[int, float]:
        out = {}
        for i, weight in held.items():
            old, new = self.index(before, i), self.index(t, i)
            out[i] = weight * (new / old if old and new else 1.0)
        return out

    def decisions(self, every: int, offset: int) -> list[int]:
        first = next(t for t in range(len(self.m.dates)) if self.ranked(t))
        return [t for t in range(first + offset, len(self.m.dates), every) if self.ranked(t)]


def weights(
    kind: str,
    score: Any,
    market: Any,
    *,
    every: int,
    offset: int,
    share: float,
    outside: float,
    days: int,
    pace: float,
) -> dict[int, dict[int, float]]:
    """Decision day -> stock -> target weight."""
    look = Days(score, market)
    out: dict[int, dict[int, float]] = {}
    slots: list[dict[int, float]] = []
    held: dict[int, float] = {}
    oldest, before = 0, -1
    for t in look.decisions(every, offset):
        best = look.best(t, share)
        equal = {i: 1 / len(best) for i in best}
        if kind == "tranches":
            count = max(1, round(days / every))
            if not slots and not best:
                pass
            elif not slots:
                slots = [{i: w / count for i, w in equal.items()} for _ in range(count)]
            else:
                for number, slot in enumerate(slots):
                    now = look.grown(slot, before, t)
                    stay = {i: w for i, w in now.items() if look.member(t, i)}
                    worth, left = sum(now.values()), sum(stay.values())
                    if left > 0:
                        slots[number] = {i: w * worth / left for i, w in stay.items()}
                    else:
                        slots[number] = {i: w * worth for i, w in equal.items()}
                if best:
                    worth = sum(slots[oldest].values())
                    slots[oldest] = {i: w * worth for i, w in equal.items()}
                    oldest = (oldest + 1) % count
            whole = sum(sum(slot.values()) for slot in slots)
            slots = slots if whole else []
            out[t] = {i: sum(slot.get(i, 0.0) for slot in slots) / (whole or 1.0) for i in look.stocks}
        else:
            now = {i: w for i, w in look.grown(held, before, t).items() if look.member(t, i)}
            if kind == "bands":
                ranked = look.ranked(t)
                wanted = math.ceil(share * len(ranked))
                far = set(ranked[max(wanted, math.ceil(outside * len(ranked))) :])
                now = {i: w for i, w in now.items() if w > 0 and i not in far}
                new = [i for i in best if i not in now][: max(wanted - len(now), 0)]
                whole = sum(now.values())
                each = (1 / wanted if whole else 1 / len(new)) if new else 0.0
                held = {i: w / whole * (1 - each * len(new)) for i, w in now.items()} | dict.fromkeys(
                    new, each
                )
            elif not now:
                held = equal
            elif not best:
                held = {i: w / sum(now.values()) for i, w in now.items()}
            else:
                whole = sum(now.values())
                mixed = {
                    i: (1 - pace) * now.get(i, 0.0) / whole + pace * equal.get(i, 0.0) for i in {*now, *equal}
                }
                mixed = {i: w for i, w in mixed.items() if i in equal or w >= 0.1 / len(best)}
                held = {i: w / sum(mixed.values()) for i, w in mixed.items()}
            out[t] = {i: held.get(i, 0.0) for i in look.stocks}
        before = t
    return out
