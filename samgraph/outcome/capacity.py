"""What a portfolio can bear: other costs, other capitals, and what trading leaves of a factor's spread.

The main portfolio is simulated again, order by order, for each row: costs take cash, and capital meets whole lots and
the cap on participation, so that its trades are not those of the books times a number. The break-even cost is computed
from the books as they are, at unchanged trades. An optimised portfolio is not simulated again, since each row would be
another optimisation; the first construction that is none stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.config import RunConfig
from samgraph.exchange.tables import exchange
from samgraph.factors.evaluation.performance import performance
from samgraph.factors.portfolio.costs import of_rules
from samgraph.factors.portfolio.rules import Rules
from samgraph.factors.portfolio.simulation import PortfolioResult
from samgraph.hist.market import Market
from samgraph.outcome.books import Books, bounds_of, path_of
from samgraph.outcome.constructions import CONSTRUCTIONS, Desk, Made
from samgraph.run.inputs import Inputs

FloatArray = npt.NDArray[np.float64]

MULTIPLES = (0.0, 1.0, 2.0, 4.0)  # of the costs
CAPITALS = (0.1, 1.0, 10.0, 100.0)  # of the run's capital
FEWEST_DAYS = 120  # trading days below which a curve says nothing
COEFFICIENT = (
    1.0  # of the square-root impact where the rules have none: a day's volume moves a day's volatility
)
FIGURES = ["return", "excess_return", "information_ratio", "max_drawdown", "turnover", "cost"]

Build = Callable[[Rules], PortfolioResult]


def capacity_tables(
    config: RunConfig,
    inputs: Inputs,
    kept: Books,
    scores: Mapping[str, FloatArray],
    rules: Rules,
    year: float,
) -> dict[str, pd.DataFrame]:
    """Tables `cost_multiples` and `capacity` of the base arm; none where the test is short or all is optimised.

    Args:
        config: says how scores are followed.
        inputs: the run's.
        kept: its books.
        scores: arm -> [n_dates, n_stocks] what is traded.
        rules: of trading.
        year: trading days in a year.
    """
    found = [one for one in kept.results if one.arm == BASE and one.construction != "optimised"]
    if not found or inputs.test.stop - inputs.test.start < FEWEST_DAYS:
        return {}
    one = found[0]
    desk = Desk(inputs.market, rules, None, bounds_of(config), path_of(config))
    book = kept.results[one]

    def build(other: Rules) -> PortfolioResult:
        if other == rules:
            return book
        return Made.by(CONSTRUCTIONS[one.construction].books(scores[BASE], replace(desk, rules=other))).book

    return {
        "cost_multiples": at_cost_multiples(one.name, rules, build, year),
        "capacity": at_capitals(one.name, rules, build, year),
    }


def at_cost_multiples(name: str, rules: Rules, build: Build, year: float) -> pd.DataFrame:
    """The portfolio at multiples of its costs, impact among them.

    Args:
        name: of the portfolio.
        rules: its own, the multiple 1.
        build: simulates it under other rules.
        year: trading days in a year.

    Returns:
        variant, multiple, and the figures of a year (`FIGURES`).
    """
    rows = []
    for multiple in MULTIPLES:
        made = build(replace(rules, cost_multiple=multiple))
        rows.append({"variant": name, "multiple": multiple} | _figures(made, year))
    return pd.DataFrame(rows, columns=["variant", "multiple", *FIGURES])


def at_capitals(name: str, rules: Rules, build: Build, year: float) -> pd.DataFrame:
    """The portfolio with other money, square-root impact and the rules' cap on participation.

    Returns:
        variant, capital, the figures of a year (`FIGURES`), impact (part of cost), invested (mean share of the value),
        cut (orders that the day's trade let only a part of, or none, as a share of all orders).
    """
    coefficient = rules.impact_coefficient if rules.impact == "sqrt" else COEFFICIENT
    rows = []
    for share in CAPITALS:
        other = replace(
            rules, cash=rules.cash * share, impact="sqrt", impact_coefficient=coefficient or COEFFICIENT
        )
        made = build(other)
        orders = len(made.trades) + int((made.blocked["reason"] != "participation").sum())
        cut = int((made.blocked["reason"] == "participation").sum())
        rows.append(
            {"variant": name, "capital": other.cash}
            | _figures(made, year)
            | {
                "impact": _share_a_year(made, "impact", year),
                "invested": float((made.daily["holdings_value"] / made.daily["value"]).mean()),
                "cut": cut / max(orders, 1),
            }
        )
    return pd.DataFrame(rows, columns=["variant", "capital", *FIGURES, "impact", "invested", "cut"])


def _figures(book: PortfolioResult, year: float) -> dict[str, float]:
    found = performance(book.daily, year).as_dict()
    figures = {name: found[name] for name in FIGURES}
    return {name: math.nan if value is None else float(value) for name, value in figures.items()}


def _share_a_year(book: PortfolioResult, part: str, year: float) -> float:
    """A part of the trades' costs as a share of the value of the day before, a year."""
    daily = book.daily
    before = (daily["value"] / (1.0 + daily["return"])).set_axis(pd.DatetimeIndex(daily["date"]))
    share = book.trades[part].to_numpy() / before.reindex(book.trades["date"]).to_numpy()
    return float(share.sum()) / len(daily) * year


def break_even(books: Mapping[str, PortfolioResult]) -> dict[str, dict[str, float | None]]:
    """By portfolio, at unchanged trades: how many times its costs its mean daily excess before costs would pay.

    Returns:
        multiple: 1 is a mean excess of nothing after costs, less a loss, below 0 a loss before costs; rate: the same as
        a share of the amount traded, and paid: what was paid. None where nothing was traded or cost nothing.
    """
    out = {}
    for name, book in books.items():
        daily = book.daily
        before = daily["value"] / (1.0 + daily["return"])
        cost = float((daily["cost"] / before).sum())
        traded = 2.0 * float(daily["turnover"].sum())
        gross = float(daily["excess_return"].sum()) + cost
        out[name] = {
            "multiple": gross / cost if cost > 0.0 else None,
            "rate": gross / traded if traded > 0.0 else None,
            "paid": cost / traded if traded > 0.0 else None,
        }
    return out


def round_trip(market: Market, rules: Rules, days: slice) -> float:
    """Mean cost of a purchase and a sale of one unit, without minimum or impact, over members and days."""
    board = exchange(rules.exchange).board(market.stocks)
    member = market.member[days]
    whole = 0.0
    for side in of_rules(rules, market.dates, board):
        rate = (side.commission + side.rest[0] + side.rest[1])[days][:, board]
        whole += float(rate[member].mean()) if member.any() else 0.0
    return whole


def net_spreads(
    quantiles: pd.DataFrame, turnover: pd.DataFrame, cost: float, borrow: float, year: float
) -> pd.DataFrame:
    """What trading costs and borrowing leave of each factor's spread.

    Over each horizon the names of a quantile are replaced once, as far as the factor's ranks have moved by then: `cost`
    is paid for that share of each side, and the short side pays `borrow` a year. Means over days, as the spread's.

    Args:
        quantiles: date, factor, horizon, quantile, mean_return, n.
        turnover: date, factor, lag, turnover_low, turnover_high.
        cost: of a purchase and a sale together, a share of the amount.
        borrow: fee of borrowed shares, a share of their value a year.
        year: trading days in a year.

    Returns:
        factor, horizon, spread (highest less lowest quantile), turnover_low, turnover_high, costs, borrow, net, and of
        the highest quantile less the mean of all, held alone: top, top_costs, top_net. Fractions over the horizon.
    """
    means = turnover.groupby(["factor", "lag"], as_index=False)[["turnover_low", "turnover_high"]].mean()
    replaced = {
        (str(row["factor"]), int(row["lag"])): (float(row["turnover_low"]), float(row["turnover_high"]))
        for row in means.to_dict("records")
    }
    rows = []
    for (factor, days), own in quantiles.groupby(["factor", "horizon"], sort=False):
        horizon = int(str(days))
        if (str(factor), horizon) not in replaced:
            continue
        wide = own.pivot_table(index="date", columns="quantile", values="mean_return")
        weighed = own.assign(whole=own["mean_return"] * own["n"]).groupby("date")[["whole", "n"]].sum()
        high = wide[wide.columns.max()]
        spread = float((high - wide[wide.columns.min()]).mean())
        top = float((high - weighed["whole"] / weighed["n"]).mean())
        low_share, high_share = replaced[str(factor), horizon]
        costs, fee = cost * (low_share + high_share), borrow * horizon / year
        paid = cost * high_share
        rows.append(
            (
                factor,
                horizon,
                spread,
                low_share,
                high_share,
                costs,
                fee,
                spread - costs - fee,
                top,
                paid,
                top - paid,
            )
        )
    return pd.DataFrame(rows, columns=NET_SPREADS)


NET_SPREADS = [
    *("factor", "horizon", "spread", "turnover_low", "turnover_high", "costs", "borrow", "net"),
    *("top", "top_costs", "top_net"),
]
