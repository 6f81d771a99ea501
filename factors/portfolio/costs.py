"""What a trade costs: commission, fees and taxes of its day and board, and optionally an impact that grows with size.

    cost(a) = min(max(c * a, minimum) + (f + s) * a + a * impact(a), a)
    linear  impact(a) = k * a / V
    sqrt    impact(a) = k * sigma * sqrt(a / V)

with `a` the traded amount, c the commission, f fees (transfer), s taxes (stamp duty), `V` the mean traded amount a day
and `sigma` the volatility of daily returns, both of days before the execution. The square root is the usual form
(Grinold and Kahn, Active Portfolio Management, 2nd ed., eq. 16.5; Almgren, Thum, Hauptmann and Li, Direct Estimation
of Equity Market Impact, 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.exchange.tables import exchange
from samgraph.factors.arrays import Floats, Ints
from samgraph.factors.portfolio.rules import Rules

BISECTIONS = 60  # halvings of the budget: its 2**60th part is below a cent for any sum of money
CAUSES = ("commission", "fee", "tax", "impact")


@dataclass(frozen=True, eq=False)
class Costs:
    """The cost of trades of one side, by its causes.

    Attributes:
        commission, minimum, rest: [n_dates, n_boards]; `rest` is (fees, taxes). No cost exceeds the amount itself.
        board: [n_stocks] position of a stock's board.
        impact: `none`, `linear` or `sqrt`; coefficient: the k above.
    """

    commission: Floats
    minimum: Floats
    rest: tuple[Floats, Floats]
    board: Ints
    impact: str = "none"
    coefficient: float = 0.0

    def of(self, day: int, stocks: Ints, amount: Floats, traded: Floats, volatility: Floats) -> Floats:
        """Cost of each trade in money, by cause [4, n] in the order of `CAUSES`.

        Args:
            day: row of the day.
            stocks: [n] columns of the stocks.
            amount: [n] traded amounts, not negative.
            traded: [n] mean amount traded in the stock a day (`V`); where it is 0 the participation is taken
                as 1.
            volatility: [n] standard deviation of the stock's daily returns (`sigma`).
        """
        return self._rule(day, stocks, traded, volatility)(amount)

    def _rule(self, day: int, stocks: Ints, traded: Floats, volatility: Floats) -> Callable[[Floats], Floats]:
        """`of` for any amounts of the same trades."""
        at = self.board[stocks]
        commission, minimum = self.commission[day, at], self.minimum[day, at]
        fees, taxes = (rate[day, at] for rate in self.rest)
        some = traded > 0

        def cost(amount: Floats) -> Floats:
            parts = np.zeros((len(CAUSES), len(amount)))
            parts[0] = np.maximum(amount * commission, minimum)
            parts[1], parts[2] = amount * fees, amount * taxes
            if self.impact != "none":
                share = np.divide(amount, traded, out=np.ones_like(amount), where=some)
                rate = share if self.impact == "linear" else volatility * np.sqrt(share)
                parts[3] = amount * self.coefficient * rate
            whole = parts.sum(axis=0)
            parts *= np.divide(amount, whole, out=np.ones_like(amount), where=whole > amount)
            return parts

        return cost

    def affordable(
        self, day: int, stocks: Ints, budget: Floats, traded: Floats, volatility: Floats
    ) -> Floats:
        """The largest amounts that together with their cost stay within `budget` (all [n])."""
        if self.impact == "none":
            at = self.board[stocks]
            rest = 1.0 + self.rest[0][day, at] + self.rest[1][day, at]
            with_least = (budget - self.minimum[day, at]) / rest
            whole = budget / (rest + self.commission[day, at])
            out: Floats = np.maximum(np.minimum(whole, with_least), 0.0)
            return out
        low, high = np.zeros_like(budget), np.maximum(budget, 0.0)
        cost = self._rule(day, stocks, traded, volatility)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            within = middle + cost(middle).sum(axis=0) <= budget
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        return low

    def rates(self, day: int) -> Floats:
        """Cost of a unit of a large trade without impact, [n_stocks]."""
        whole = self.commission[day] + self.rest[0][day] + self.rest[1][day]
        out: Floats = whole[self.board]
        return out


def of_rules(rules: Rules, dates: pd.DatetimeIndex, board: Ints) -> tuple[Costs, Costs]:
    """The costs of purchases and of sales on each of `dates`; settings of `rules` stand above the exchange's tables."""
    venue, times = exchange(rules.exchange), rules.cost_multiple
    sides = []
    for side, flat in (("buy", rules.buy_cost), ("sell", rules.sell_cost)):
        table = {name: venue.fee("rate", name, side, dates) for name in CAUSES[:3]}
        commission = rules.commission if flat is None else flat
        if commission is not None:
            table["commission"] = np.full_like(table["commission"], commission)
        if flat is not None:
            table["fee"] = table["tax"] = np.zeros_like(table["fee"])
        least = venue.fee("minimum", "commission", side, dates)
        minimum = least if rules.min_cost is None else np.full_like(least, rules.min_cost)
        rest = (times * table["fee"], times * table["tax"])
        impact = (rules.impact, times * rules.impact_coefficient)
        sides.append(Costs(times * table["commission"], times * minimum, rest, board, *impact))
    return sides[0], sides[1]
