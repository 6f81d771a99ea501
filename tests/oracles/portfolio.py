"""A share-by-share ledger in plain Python: the slow, obvious version of the Top-K simulation.

Everything is a dict from a company to a number, every loop goes over days and then over companies in their
order. Nothing is taken from the fast version but its settings; the exchanges' rules of 2020 to
2024 are written out, and the drop-out rule is written as qlib words it ("the worst n of those held and the best
others").
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, stdev
from typing import Any


def board(company: str) -> str:
    """By the first digits, as the exchanges give them out."""
    number, _, place = company.partition(".")
    if len(number) != 6 or not number.isdigit() or place not in ("SH", "SZ", "BJ"):
        return "other"
    if place == "SH":
        return "star" if number[:3] in ("688", "689") else "main"
    if place == "SZ":
        return "chinext" if number[:3] in ("300", "301", "302") else "main"
    return "beijing"


def rate(company: str, day: dt.date, *, st: bool) -> float:
    """Largest move of a share that is not new."""
    where = board(company)
    if where == "main":
        return 0.05 if st else 0.10
    if where == "chinext":
        return 0.20 if day >= dt.date(2020, 8, 24) else 0.10
    return {"star": 0.20, "beijing": 0.30}.get(where, math.inf)


def new_days(company: str, listed: dt.date) -> tuple[int, bool]:
    """Trading days after a listing that are different, and whether they refer to the issue price."""
    where = board(company)
    reform = {"main": dt.date(2023, 4, 10), "chinext": dt.date(2020, 8, 24)}.get(where)
    if where == "other":
        return 0, False
    if where == "star" or (reform and listed >= reform):
        return 5, False
    return 1, where != "beijing" and listed >= dt.date(2013, 12, 13)


def in_lots(company: str, shares: float, lot: float | None) -> float:
    """The shares of one order."""
    if lot is not None:
        return math.floor(shares / lot) * lot if lot else shares
    where = board(company)
    if where in ("star", "beijing"):
        return float(math.floor(shares)) if shares >= (200 if where == "star" else 100) else 0.0
    return math.floor(shares / 100) * 100.0


def to_cents(price: float) -> float:
    return math.floor(price * 100 + 0.5 + 1e-4) / 100


@dataclass
class Books:
    """Rows of the result, as dicts."""

    daily: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    blocked: list[dict[str, Any]] = field(default_factory=list)
    holdings: list[dict[str, Any]] = field(default_factory=list)


class Bars:
    """The market by day number and company, with the last traded price and factor looked up by walking
    back."""

    def __init__(self, market: Any, rules: Any) -> None:
        self.m, self.rules = market, rules
        self.stocks = list(market.stocks)
        self.place = {c: i for i, c in enumerate(self.stocks)}
        self.caps = market.weights()

    def get(self, name: str, t: int, c: str) -> float:
        return float(getattr(self.m, name)[t, self.place[c]])

    def has_bar(self, t: int, c: str) -> bool:
        return self.get("close", t, c) > 0

    def traded(self, t: int, c: str) -> bool:
        if self.m.delisted_on is not None:
            end = self.m.delisted_on[self.place[c]]
            if str(end) != "NaT" and self.day(t) >= end.astype(object):
                return False
        known = self.get("adj", t, c) > 0
        return self.has_bar(t, c) and known and bool(self.m.tradable[t, self.place[c]])

    def last_traded(self, t: int, c: str) -> int | None:
        return next((s for s in range(t, -1, -1) if self.traded(s, c)), None)

    def factor(self, t: int, c: str) -> float | None:
        return next((a for s in range(t, -1, -1) if (a := self.get("adj", s, c)) > 0), None)

    def mark(self, t: int, c: str) -> float:
        s = self.last_traded(t, c)
        return math.nan if s is None else self.get("close", s, c)

    def mark_factor(self, t: int, c: str) -> float | None:
        s = self.last_traded(t, c)
        return None if s is None else self.factor(s, c)

    def growth(self, t: int, c: str) -> float:
        before, now = self.mark_factor(t - 1, c), self.mark_factor(t, c)
        return now / before if before is not None and now is not None else 1.0

    def total(self, t: int, c: str) -> float:
        return self.mark(t, c) * (self.mark_factor(t, c) or 1.0)

    def why_not(self, t: int, c: str, side: str) -> str | None:
        price = self.get(self.rules.price, t, c)
        if not self.traded(t, c):
            return "suspended"
        if not price > 0:
            return "no_price"
        flag = bool(getattr(self.m, "limit_up" if side == "buy" else "limit_down")[t, self.place[c]])
        close = self.get("close", t, c)
        beyond = price > close or math.isclose(price, close, rel_tol=2e-6)
        if side == "sell":
            beyond = price < close or math.isclose(price, close, rel_tol=2e-6)
        if (flag and beyond) or self.at_limit(t, c, side, price):
            return "limit_up" if side == "buy" else "limit_down"
        return None

    def day(self, t: int) -> dt.date:
        return self.m.dates[t].date()

    def at_limit(self, t: int, c: str, side: str, price: float) -> bool:
        """By the exchange's rule, from the last traded close."""
        first = next(s for s in range(t + 1) if self.has_bar(s, c))
        if first > 0:  # listed within the period
            days, by_issue = new_days(c, self.day(first))
            if sum(self.has_bar(s, c) for s in range(t + 1)) <= days:
                return by_issue and side == "buy"
        if t == 0 or math.isnan(self.mark(t - 1, c)):
            return False
        st = self.m.st is not None and bool(self.m.st[t, self.place[c]])
        move = rate(c, self.day(t), st=st)
        if math.isinf(move):
            return False
        reference = to_cents(self.mark(t - 1, c) / self.growth(t, c))
        if side == "buy":
            return price > to_cents(reference * (1 + move)) - 0.005
        return price < to_cents(reference * (1 - move)) + 0.005

    def traded_money(self, s: int, c: str) -> float:
        volume = self.get("volume", s, c)
        known = self.traded(s, c) and not math.isnan(volume)
        return volume * self.get("close", s, c) if known else 0.0

    def fits(self, t: int, c: str, shares: float) -> float:
        """What the day's trade lets of an order."""
        if not self.rules.participation:
            return shares
        most = self.rules.participation * self.traded_money(t, c) / self.get(self.rules.price, t, c)
        return min(in_lots(c, most, self.rules.lot), shares) if shares > most else shares

    def settle_days(self) -> int:
        return 1 if self.rules.hold_days is None else self.rules.hold_days

    def gone(self, t: int, c: str) -> bool:
        """A holding is written off."""
        if self.m.delisted_on is not None:
            end = self.m.delisted_on[self.place[c]]
            return str(end) != "NaT" and self.day(t) >= end.astype(object)
        silent = next((k for k in range(t + 1) if self.has_bar(t - k, c)), 0)
        return silent >= self.rules.delist_after

    def parts(self, t: int, c: str, side: str, amount: float) -> tuple[float, float, float, float]:
        """commission, fee, tax and impact, before they are cut to the amount."""
        rules, day, where = self.rules, self.day(t), board(c)
        flat = rules.buy_cost if side == "buy" else rules.sell_cost
        commission = flat if flat is not None else 0.0005 if rules.commission is None else rules.commission
        least = 5.0 if rules.min_cost is None else rules.min_cost
        tax = 0.0
        if flat is None and side == "sell":
            tax = 0.0005 if day >= dt.date(2023, 8, 28) else 0.001
        fee = 0.0
        if flat is None:
            early = 0.0 if where == "other" else 0.000025 if where == "beijing" else 0.00002
            fee = 0.00001 if day >= dt.date(2022, 4, 29) else early
        impact = 0.0
        if rules.impact != "none":
            days = range(max(0, t - 20), t)
            usual = mean(self.traded_money(s, c) for s in days) if days else 0.0
            usual = usual if usual > 0 else self.traded_money(t, c)
            share = amount / usual if usual > 0 else 1.0
            index = [self.total(s, c) for s in days]
            moves = [b / a - 1 for a, b in pairwise(index) if a > 0 and b > 0]
            sigma = stdev(moves) if len(moves) >= 2 else 0.0
            speed = share if rules.impact == "linear" else sigma * math.sqrt(share)
            impact = amount * rules.impact_coefficient * speed
        return max(amount * commission, least), amount * fee, amount * tax, impact

    def cost(self, t: int, c: str, side: str, amount: float) -> float:
        return min(sum(self.parts(t, c, side, amount)), amount)

    def affordable(self, t: int, c: str, budget: float) -> float:
        """Largest amount whose purchase costs no more than the budget, by halving."""
        low, high = 0.0, max(budget, 0.0)
        for _ in range(80):
            middle = (low + high) / 2
            if middle + self.cost(t, c, "buy", middle) <= budget:
                low = middle
            else:
                high = middle
        return low


def dropout(
    score: dict[str, float], held: list[str], locked: set[str], others: list[str], *, top: int, drop: int
) -> tuple[list[str], list[str]]:
    """Sell (worst first) and buy (best first): the surplus of held and best others over `top` goes."""
    today = sorted(others, key=lambda c: -score[c])[: max(drop + top - len(held), 0)]
    both = [c for c in held if c not in locked] + today
    both.sort(key=lambda c: -score.get(c, -math.inf))  # stable: the held come first among equals
    surplus = max(len(both) + len(locked) - top, 0)
    worst = both[len(both) - surplus :]
    return [c for c in worst[::-1] if c in held], [c for c in today if c not in worst]


def qlib_dropout(
    score: dict[str, float], held: list[str], *, top: int, drop: int
) -> tuple[set[str], list[str]]:
    """The decision of qlib's TopkDropoutStrategy (sell bottom, buy top), all scored and tradable."""
    last = sorted(held, key=lambda c: -score[c])
    rest = sorted((c for c in score if c not in held), key=lambda c: -score[c])
    today = rest[: drop + top - len(last)]
    comb = sorted(last + today, key=lambda c: -score[c])
    sell = {c for c in last if c in (comb[-drop:] if drop else [])}
    return sell, today[: len(sell) + top - len(last)]


def simulate(score: Any, market: Any, rules: Any) -> Books:
    """The whole simulation; `score` [n_dates, n_stocks]."""
    bars = Bars(market, rules)
    n_dates = len(market.dates)
    member = {t: [c for c in bars.stocks if market.member[t, bars.place[c]]] for t in range(n_dates)}

    def view(t: int) -> dict[str, float]:
        row = {c: float(score[t, bars.place[c]]) for c in member[t]}
        return {c: s for c, s in row.items() if math.isfinite(s)}

    first = next(t for t in range(n_dates) if view(t)) + rules.offset
    books = Books()
    cash, before = rules.cash, rules.cash
    shares: dict[str, float] = {}
    bought: dict[str, int] = {}
    orders: dict[int, tuple[int, list[tuple[str, str]], list[str]]] = {}
    day_cost = day_amount = 0.0
    t = first

    def book(c: str, side: str, n: float, price: float, *, cost: float, reason: str, when: int) -> None:
        nonlocal cash, day_cost, day_amount
        sign = 1 if side == "buy" else -1
        shares[c] = shares.get(c, 0.0) + sign * n
        if shares[c] == 0:
            del shares[c]
        cash -= sign * n * price + cost
        day_cost += cost
        day_amount += n * price
        row = {"day": t, "company_id": c, "side": side, "shares": n, "price": price, "amount": n * price}
        books.trades.append({**row, "cost": cost, "reason": reason, "decided": when})

    def stop(c: str, side: str, reason: str, when: int) -> None:
        books.blocked.append({"day": t, "company_id": c, "side": side, "reason": reason, "decided": when})

    for day in range(first, n_dates):
        t = day
        day_cost = day_amount = 0.0
        for c in list(shares):
            shares[c] *= bars.growth(t, c)
        for c in sorted(shares, key=bars.place.__getitem__):
            if bars.gone(t, c):
                price = bars.mark(t, c) * rules.recovery
                book(c, "sell", shares[c], price, cost=0.0, reason="delisted", when=t)

        if t in orders:
            when, sells, buys = orders.pop(t)
            for c, reason in sells:
                why = bars.why_not(t, c, "sell")
                if why is None and t - bought.get(c, -(10**9)) < bars.settle_days():
                    why = "bought_too_recently"
                if c not in shares:
                    why = "not_held"
                if why is not None:
                    stop(c, "sell", why, when)
                    continue
                price = bars.get(rules.price, t, c)
                n = bars.fits(t, c, shares[c])
                if n < shares[c]:
                    stop(c, "sell", "participation", when)
                if n <= 0:
                    continue
                cost = bars.cost(t, c, "sell", n * price)
                book(c, "sell", n, price, cost=cost, reason=reason, when=when)
            places = max(rules.top - len(shares), 0)
            weight = {}
            for c in buys:
                weight[c] = 1.0
                if rules.weighting == "cap":
                    price = bars.get(rules.price, t, c)
                    price = price if bars.traded(t, c) and price > 0 else bars.mark(t, c)
                    moved = price * (bars.mark_factor(t, c) or 1.0) / bars.total(when, c)
                    weight[c] = float(bars.caps[when, bars.place[c]]) * moved
            spend, left = cash * rules.invest, places
            for c in buys:
                why = bars.why_not(t, c, "buy")
                if why is None and left == 0:
                    why = "no_free_slot"
                if why is not None:
                    stop(c, "buy", why, when)
                    continue
                left -= 1
                budget = spend * min(1.0, len(buys) / places) * weight[c] / sum(weight.values())
                price = bars.get(rules.price, t, c)
                n = in_lots(c, bars.affordable(t, c, budget) / price, rules.lot)
                if n <= 0:
                    stop(c, "buy", "below_one_lot", when)
                    continue
                wanted, n = n, bars.fits(t, c, n)
                if n < wanted:
                    stop(c, "buy", "participation", when)
                if n <= 0:
                    continue
                bought[c] = t
                cost = bars.cost(t, c, "buy", n * price)
                book(c, "buy", n, price, cost=cost, reason="enter", when=when)

        worth = {c: n * bars.mark(t, c) for c, n in shares.items()}
        value = cash + sum(worth.values())
        if t >= first + rules.lag:
            books.daily.append(
                {
                    "day": t,
                    "value": value,
                    "cash": cash,
                    "holdings_value": sum(worth.values()),
                    "return": value / before - 1,
                    "cost": day_cost,
                    "turnover": day_amount / 2 / before,
                }
            )
            books.holdings.extend(
                {"day": t, "company_id": c, "shares": shares[c], "value": worth[c]}
                for c in sorted(shares, key=bars.place.__getitem__)
            )
            before = value

        due = t + rules.lag
        if due >= n_dates:
            continue
        going = {c for _, sells, _ in orders.values() for c, _ in sells}
        coming = {c for _, _, buys in orders.values() for c in buys}
        can = {c for c in shares if bars.traded(t, c) and due - bought[c] >= bars.settle_days()} - going
        leave = [c for c in bars.stocks if c in can and c not in member[t]]
        sell: list[str] = []
        buy: list[str] = []
        opinion = view(t)
        if (t - first) % rules.every == 0 and opinion:
            held = [
                c for c in bars.stocks if (c in shares and c not in going and c not in leave) or c in coming
            ]
            locked = {c for c in held if c not in can or c in coming}
            others = [
                c
                for c in bars.stocks
                if c in opinion and bars.traded(t, c) and c not in shares and c not in coming | going
            ]
            row = {c: float(score[t, bars.place[c]]) for c in bars.stocks}
            row = {c: s for c, s in row.items() if math.isfinite(s)}
            sell, buy = dropout(row, held, locked, others, top=rules.top, drop=rules.drop)
        if leave or sell or buy:
            sells = [(c, "left_universe") for c in leave] + [(c, "drop") for c in sell]
            orders[due] = (t, sells, buy)
    return books
