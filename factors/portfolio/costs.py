"""What a trade costs: a rate by side with a least amount, and optionally an impact that grows with size.

    cost(a) = min(max(rate * a, minimum) + a * impact(a), a)
    linear  impact(a) = c * a / V
    sqrt    impact(a) = c * sigma * sqrt(a / V)

with `a` the traded amount, `V` the mean traded amount a day and `sigma` the volatility of daily returns, both
of days before the execution. The square root is the usual form (Grinold and Kahn, Active Portfolio
Management, 2nd ed., eq. 16.5; Almgren, Thum, Hauptmann and Li, Direct Estimation of Equity Market Impact,
2005).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samgraph.factors.arrays import Floats
from samgraph.factors.portfolio.rules import Rules

BISECTIONS = 60  # halvings of the budget: its 2**60th part is below a cent for any sum of money


@dataclass(frozen=True)
class Costs:
    """The cost of trades of one side, as a function of their amounts.

    Attributes:
        rate: fraction of the amount.
        minimum: least cost of a trade. No cost exceeds the amount itself.
        impact: `none`, `linear` or `sqrt`.
        coefficient: the c above.
    """

    rate: float
    minimum: float
    impact: str = "none"
    coefficient: float = 0.0

    def of(self, amount: Floats, traded: Floats, volatility: Floats) -> Floats:
        """Cost of each trade, in money.

        Args:
            amount: [n] traded amounts, not negative.
            traded: [n] mean amount traded in the stock a day (`V`); where it is 0 the participation is taken
                as 1.
            volatility: [n] standard deviation of the stock's daily returns (`sigma`).
        """
        fee = np.maximum(amount * self.rate, self.minimum)
        if self.impact == "none":
            return np.minimum(fee, amount)
        share = np.divide(amount, traded, out=np.ones_like(amount), where=traded > 0)
        rate = share if self.impact == "linear" else volatility * np.sqrt(share)
        return np.minimum(fee + amount * self.coefficient * rate, amount)

    def affordable(self, budget: Floats, traded: Floats, volatility: Floats) -> Floats:
        """The largest amount that together with its cost stays within `budget` (all [n])."""
        if self.impact == "none":
            return np.maximum(np.minimum(budget / (1.0 + self.rate), budget - self.minimum), 0.0)
        low, high = np.zeros_like(budget), np.maximum(budget, 0.0)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            within = middle + self.of(middle, traded, volatility) <= budget
            low, high = np.where(within, middle, low), np.where(within, high, middle)
        return low


def of_rules(rules: Rules) -> tuple[Costs, Costs]:
    """The costs of purchases and of sales."""
    rest = (rules.min_cost, rules.impact, rules.impact_coefficient)
    return Costs(rules.buy_cost, *rest), Costs(rules.sell_cost, *rest)
