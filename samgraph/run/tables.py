"""The tables of a run: what each holds, in which unit, and when each of its figures may be known.

One registry that the writer, the audit against look-ahead, the page of tables and the tests read. A table that is not
in it is an error wherever it appears. A new table is an entry here and the function that returns it.

A column may be known by the close of its row's day (`Known.DAY`), by that of the next trading day (`NEXT`), when the
return over its horizon has been earned (`HORIZON`), on the first test day of its window (`WINDOW`), or only at the end
of the run (`END`). Where a column is a return of a later day than the row's, `return_date` names the day on which that
return ends; it is empty where that day lies beyond the run's data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.run.table_words import COLUMNS

Moments = np.ndarray[Any, np.dtype[np.datetime64]]


class Known(IntEnum):
    """When a figure may be known; a later one is larger."""

    DAY = 0
    NEXT = 1
    HORIZON = 2
    WINDOW = 3
    END = 4


KNOWN_IN_WORDS = {
    Known.DAY: "at the close of `date`",
    Known.NEXT: "at the close of the trading day after `date`",
    Known.HORIZON: "when the return over the horizon has been earned",
    Known.WINDOW: "on the first test day of the window",
    Known.END: "at the end of the run",
}


@dataclass(frozen=True)
class Table:
    """One table of a run.

    Attributes:
        name: of its file, without the ending.
        words: what it holds, in one sentence.
        known: when a row's figures may be known.
        columns: in their order.
        other: columns that may be known at another moment than the rest.
        date: the column that a row's day is read from.
        own: meanings of columns that mean something else here than in `samgraph.run.table_words`.
    """

    name: str
    words: str
    known: Known
    columns: tuple[str, ...]
    other: Mapping[str, Known] = field(default_factory=dict)
    date: str = "date"
    own: Mapping[str, str] = field(default_factory=dict)

    def means(self, column: str) -> str:
        """What a column holds, with its unit."""
        return self.own.get(column) or COLUMNS[column]

    def moment(self, column: str) -> Known:
        """When a column may be known."""
        if column == "return_date":  # which day comes next is known when it has come
            return max((self.known, *self.other.values()))
        return self.other.get(column, self.known)

    @property
    def moments(self) -> tuple[Known, ...]:
        """The moments at which some of its columns become known, the first one first."""
        return tuple(sorted({self.moment(name) for name in self.figures}))

    @property
    def figures(self) -> tuple[str, ...]:
        """The columns that are neither the row's day nor `return_date`."""
        return tuple(name for name in self.columns if name not in (self.date, "return_date"))

    def at(self, known: Known) -> list[str]:
        """The columns that may be known at a moment."""
        return [name for name in self.columns if name == self.date or self.moment(name) <= known]


@dataclass(frozen=True, eq=False)
class Schedule:
    """When things become known in a run: trading days, the lag from signal to trade, first test days of windows."""

    dates: pd.DatetimeIndex
    lag: int
    tested: Sequence[pd.Timestamp] = ()

    def after(self, days: Any, delay: Any) -> Moments:
        """The trading day `delay` (a number, or one for each) after each day; NaT beyond the last."""
        dates = self.dates.as_unit("s")
        place = dates.get_indexer(pd.DatetimeIndex(days).as_unit("s"))
        padded = np.append(dates.to_numpy(), np.datetime64("NaT", "s"))
        there = np.minimum(place + np.asarray(delay, dtype=np.int64), len(dates))
        found: Moments = padded[np.where(place < 0, len(dates), there)]
        return found

    def known(self, table: Table, frame: pd.DataFrame, moment: Known) -> Moments:
        """The day by which the columns of a moment may be known, for each row; NaT: never within the run."""
        if moment == Known.END:
            return np.full(len(frame), np.datetime64("NaT", "s"))
        if moment == Known.WINDOW:
            first = np.asarray(list(self.tested), dtype="datetime64[s]")
            found: Moments = first[frame["window"].to_numpy(dtype=np.int64)]
            return found
        delay: Any = {Known.DAY: 0, Known.NEXT: 1}.get(moment)
        if delay is None:
            delay = self.lag + frame["horizon"].to_numpy(dtype=np.int64)
        return self.after(frame[table.date], delay)


def registered(name: str) -> Table:
    """A table by its name.

    Raises:
        RunError: the registry has none
    """
    if name not in TABLES:
        raise RunError(f"a run has no table {name}; register it in samgraph/run/tables.py")
    return TABLES[name]


def with_return_dates(tables: Mapping[str, pd.DataFrame], schedule: Schedule) -> dict[str, pd.DataFrame]:
    """The tables with the columns that the registry gives them, `return_date` added where it is one of them.

    Raises:
        RunError: a table that is not registered, or other columns than it is registered with
    """
    found = {}
    for name, given in tables.items():
        table, frame = registered(name), given
        if "return_date" in table.columns and "return_date" not in frame:
            moment = max(known for known in table.moments if known in (Known.NEXT, Known.HORIZON))
            place = list(frame.columns).index(table.date) + 1
            frame = given.copy()
            frame.insert(place, "return_date", schedule.known(table, frame, moment))
        if tuple(frame.columns) != table.columns:
            raise RunError(
                f"table {name} has the columns {', '.join(map(str, frame.columns))}; samgraph/run/tables.py registers "
                f"{', '.join(table.columns)}"
            )
        found[name] = frame
    return found


def document() -> str:
    """The registry as the page of tables shows it."""
    lines = []
    for table in TABLES.values():
        lines += [
            f"## `{table.name}`",
            "",
            f"{table.words} A row is known {KNOWN_IN_WORDS[table.known]}.",
            "",
        ]
        lines += ["| column | what |", "|---|---|"]
        for name in table.columns:
            moment = table.other.get(name)
            later = f" (known {KNOWN_IN_WORDS[moment]})" if moment is not None else ""
            lines.append(f"| `{name}` | {table.means(name)}{later} |")
        lines.append("")
    return "\n".join(lines)


_IC = ("ic", "rank_ic", "icir", "rank_icir", "tstat_nw", "p_value", "p_bootstrap", "ic_tstat_nw", "positive")
_SUMMARY = (
    *("factor", "horizon", *_IC, "spread", "spread_tstat_nw", "monotonicity", "freedom", "n_days", "q_value"),
)
_REALISED = dict.fromkeys(("realised", "factor_realised", "specific_realised"), Known.NEXT)


def _table(name: str, words: str, known: Known, columns: str | Iterable[str], **rest: Any) -> Table:
    return Table(name, words, known, tuple(columns.split() if isinstance(columns, str) else columns), **rest)


_A_YEAR = {
    "return": "a year, compounded, after costs",
    "excess_return": "mean daily excess times the days of a year",
    "turnover": "one-sided, a year",
    "cost": "a share of the value, a year",
}

_ALL = (
    _table(
        "predictions",
        "Every model's score of every member on every test day, with its parts.",
        Known.DAY,
        "variant seed window date company_id concept hidden individual score",
    ),
    _table(
        "factors",
        "Every factor's value by stock and day, raw and neutralised for industry and log market cap.",
        Known.DAY,
        "date company_id factor value neutralised",
    ),
    _table(
        "ic",
        "Daily correlation of each neutralised factor with the return over each horizon.",
        Known.HORIZON,
        "date return_date factor horizon ic rank_ic n",
    ),
    _table("decay", "Each neutralised factor at each horizon, over all test days.", Known.END, _SUMMARY),
    _table(
        "orthogonal",
        "The same of what styles, or styles and industries, leave of each factor.",
        Known.END,
        ("against", *_SUMMARY),
    ),
    _table(
        "plain_factors",
        "The main score and plain factors (reversal, momentum, ...) on its stock-days, as they are and neutralised.",
        Known.END,
        ("against", *_SUMMARY),
    ),
    _table(
        "breakdown",
        "Rank IC of each factor by calendar year, rebalance offset, size and industry.",
        Known.END,
        "against factor horizon by group rank_ic rank_icir tstat_nw positive n_days",
    ),
    _table(
        "quantiles",
        "Mean return over each horizon of the stocks in each quantile of each neutralised factor.",
        Known.HORIZON,
        "date return_date factor horizon quantile mean_return n",
        own={"n": "stocks in the quantile"},
    ),
    _table(
        "turnover",
        "How far each neutralised factor's ranks have moved since `lag` trading days before.",
        Known.DAY,
        "date factor lag rank_autocorrelation turnover_low turnover_high",
    ),
    _table(
        "premia",
        "Fama-MacBeth premia of the parts and styles side by side.",
        Known.END,
        "factor premium se t p_value n_days horizon freedom",
    ),
    _table(
        "regression",
        "Daily cross-sectional regressions of the next day's returns on the exposures known at the close.",
        Known.NEXT,
        "model date return_date n rank edf r2 adj_r2 oos_r2 ridge at_fault columns_at_fault",
        other={"model": Known.DAY, "ridge": Known.DAY},
    ),
    _table(
        "factor_returns",
        "Factor returns of those regressions.",
        Known.NEXT,
        "model date return_date kind factor name factor_return se t",
        own={"se": "standard error of the factor return, a fraction of one day"},
    ),
    _table(
        "deficiencies",
        "Columns that a day's regression left out because others determine them.",
        Known.NEXT,
        "model date return_date kind column name depends_on",
    ),
    _table(
        "portfolio",
        "Each portfolio's books at the close of each day.",
        Known.DAY,
        "variant date value cash holdings_value return benchmark_return excess_return cost turnover suspended "
        "suspended_weight",
        own={
            "turnover": "bought and sold over two, as a share of the value",
            "cost": "of the day's trades, in money",
        },
    ),
    _table(
        "benchmarks",
        "What the portfolios are held against: the index, its twin, and the universe by equal and by cap weights.",
        Known.DAY,
        "date benchmark kind return",
        own={"return": "of the day, a fraction", "kind": "total_return or price"},
    ),
    _table(
        "costs",
        "What trading cost each portfolio, by what it was done for.",
        Known.END,
        "variant cause trades amount cost cost_a_year",
        own={"cause": "score, membership, drift, bounds or write_off", "amount": "traded, in money"},
    ),
    _table(
        "cost_multiples",
        "The base arm's portfolio simulated again with multiples of its costs; a year.",
        Known.END,
        "variant multiple return excess_return information_ratio max_drawdown turnover cost",
        own=_A_YEAR,
    ),
    _table(
        "capacity",
        "The same with other money, square-root impact and the cap on participation; a year.",
        Known.END,
        "variant capital return excess_return information_ratio max_drawdown turnover cost impact invested cut",
        own=_A_YEAR | {"impact": "part of cost, a share of the value, a year"},
    ),
    _table(
        "net_spreads",
        "What trading costs and borrowing leave of each neutralised factor's spread, over each horizon.",
        Known.END,
        "factor horizon spread turnover_low turnover_high costs borrow net top top_costs top_net",
        own={
            "turnover_low": "share of the lowest quantile that is replaced over the horizon",
            "turnover_high": "the same of the highest quantile",
        },
    ),
    _table(
        "crowding",
        "How much of the base arm's portfolios a plain factor's portfolio holds, on days that trade a decision.",
        Known.DAY,
        "variant date factor overlap by_chance",
        own={"factor": "a plain factor"},
    ),
    _table(
        "attribution",
        "Each day's excess return by what brought it; the rows of one `by` and those of `common` add up to it.",
        Known.DAY,
        "variant date by effect group contribution",
        own={
            "by": "industry, product (first level), factor, weighting, or common: what none of these splits",
            "effect": "allocation or selection; style or another factor; weighting; common",
            "group": "industry, product, style, kind of factor, or common effect",
        },
    ),
    _table(
        "attribution_linked",
        "The same linked over the whole period and each year; one `by` and level with `common` add up to the "
        "compounded excess return.",
        Known.END,
        "variant period by level group parent name weight benchmark_weight allocation selection contribution",
        own={
            "by": "industry, product, factor, weighting, stock, or common: what none of these splits",
            "name": "of the group",
            "weight": "mean share of the portfolio's value at the close before; of a factor its mean active exposure",
            "contribution": "allocation and selection together, linked, a fraction over the period",
        },
    ),
    _table(
        "trades",
        "What was traded on each day.",
        Known.DAY,
        "variant date company_id side shares price amount cost commission fee tax impact reason decided_on",
    ),
    _table(
        "blocked",
        "Orders that could not be filled on their day.",
        Known.DAY,
        "variant date company_id side reason decided_on",
    ),
    _table(
        "holdings",
        "What each portfolio holds at the close of each day.",
        Known.DAY,
        "variant date company_id shares price value weight",
        own={"value": "shares times price, in money"},
    ),
    _table(
        "optimiser",
        "What an optimised portfolio decided on each rebalance day.",
        Known.DAY,
        "variant date relaxed tracking_error expected bought active_share names",
    ),
    _table(
        "risk",
        "Each day's forecast of each portfolio's risk beside the return of the next day.",
        Known.DAY,
        "variant against date return_date forecast realised factor_forecast factor_realised specific_forecast "
        "specific_realised",
        other=_REALISED,
        own={"against": "nothing: the whole portfolio; benchmark: less the members by market cap"},
    ),
    _table(
        "risk_sources",
        "Where each portfolio's forecast tracking error comes from, on every 20th day.",
        Known.DAY,
        "variant date by group kind exposure share",
        own={
            "by": "kind of factor, factor or stock",
            "group": "the kind, factor or stock; (others) are all that are not named",
            "kind": "of the factor",
            "exposure": "active; of a stock its active weight",
            "share": "of the variance of the return less the universe's; those of one `by` add up to 1",
        },
    ),
    _table(
        "risk_contest",
        "Risk models with products and with industries held against each other on the test days, by measure.",
        Known.END,
        "measure model loss bias forecast realised against gain dm p_value n_days n",
        own={
            "model": "exposures used: product or industry",
            "forecast": "volatility that was forecast, a year",
            "realised": "volatility that came, a year",
            "against": "model that the row is tested against; empty in that model's own rows",
            "p_value": "two-sided, of that statistic",
            "n": "stocks, portfolios or pairs a day",
        },
    ),
    _table(
        "exposures",
        "The risk model's exposures, each from its first to its last day; the market's is 1 and left out.",
        Known.DAY,
        "first last company_id kind factor exposure",
        date="first",
        other={"last": Known.END},
        own={"first": "first day on which the exposure holds", "last": "last day on which it holds"},
    ),
    _table(
        "covariance",
        "Covariances of a day's factor returns, one triangle, as estimated on that day.",
        Known.DAY,
        "date factor_a factor_b covariance",
    ),
    _table(
        "specific_risk",
        "Specific variances, as estimated on that day.",
        Known.DAY,
        "date company_id variance",
    ),
    _table("risk_factors", "The risk model's factors in its order.", Known.END, "factor kind name"),
    _table(
        "exposure",
        "The main portfolio by product on the last day, rolled up through the taxonomy.",
        Known.END,
        "product_id name parent_id weight active_weight",
        own={"weight": "share of what is invested, of the product's whole subtree"},
    ),
    _table(
        "sellers",
        "Which of the main portfolio's holdings its exposure to each reported product comes from, on the last day.",
        Known.END,
        "product_id company_id weight revenue_share",
        own={"weight": "holding times revenue share, as a share of what is invested"},
    ),
    _table(
        "tilts",
        "The main portfolio by industry and style on the last day.",
        Known.END,
        "kind factor name portfolio universe active companies",
    ),
    _table(
        "tilt_history",
        "The main portfolio by industry and style on each day.",
        Known.DAY,
        "date kind factor portfolio universe active",
    ),
    _table(
        "concentration",
        "How concentrated the main portfolio is by company, industry and product, on each day.",
        Known.DAY,
        "date kind effective largest largest_share groups",
    ),
    _table(
        "chain",
        "Value-chain links between the concepts of the last day.",
        Known.END,
        "supplier_id supplier customer_id customer strength",
    ),
    _table(
        "explained",
        "The best stocks of the last day and why they scored so.",
        Known.END,
        "rank company_id name score concept hidden individual concepts neighbours",
        own={"rank": "by score; 1 is the best", "name": "of the company"},
    ),
    _table(
        "stress",
        "The main portfolio on the last day if one of its largest products (level 2) fell, along the value chain.",
        Known.END,
        "product_id name shock weight direct carried worst worst_company_id",
        own={"name": "of the product", "weight": "share of what is invested, of the product's whole subtree"},
    ),
    _table(
        "coverage",
        "Stock-days of the test period that lack something, by cause.",
        Known.END,
        "what count share cause",
    ),
    _table(
        "curves",
        "How each model learned.",
        Known.WINDOW,
        "variant seed window epoch train_loss valid_ic best start",
    ),
    _table("windows", "The walk-forward windows.", Known.END, "window part first last days"),
    _table("names", "Names of the companies that are ever members.", Known.END, "company_id name"),
)
TABLES: dict[str, Table] = {table.name: table for table in _ALL}
