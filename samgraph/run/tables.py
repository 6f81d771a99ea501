"""The tables of a run: what each holds, in which unit, and when each of its figures may be known.

One registry that the writer, the audit against look-ahead, the page of tables and the tests read. A table that is not
in it is an error wherever it appears. A new table is an entry here and the function that returns it.

A column may be known by the close of its row's day (`Known.DAY`), by that of the next trading day (`NEXT`), when the
return over its horizon has been earned (`HORIZON`), on the first test day of its window (`WINDOW`), or only at the end
of the run (`END`). Where a column is a return of a later day than the row's, `return_date` names the day on which that
return ends; it is empty where that day lies beyond the run's data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from samgraph.run.table import Known, Table

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
