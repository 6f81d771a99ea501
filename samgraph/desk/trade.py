"""Tonight's orders of an account, by a finished run's construction: what `samgraph trade` writes.

After the close of a day the run's scores of that day decide as they do in its backtest: books that begin with what the
account owns decide once and fill on the day after (`samgraph.factors.portfolio.evening`), through the simulation's own
code. Targets of tranches, bands and an aim are those of the run's own path from its first test day on, made of its
scores up to the day, whatever the account held in between. Nothing after the close is read: tomorrow's prices, limits
and volumes are expected from the day's, so that shares, costs and what cannot be done are estimates.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.desk.account import Account
from samgraph.desk.decision import Decision, Plan, decide, decision_of, portfolio_of
from samgraph.desk.holdings_risk import require_own_ids
from samgraph.desk.trade_checks import NOTE, WARN, checks_of
from samgraph.desk.trade_tables import cost_table, not_done_table, order_table, target_table
from samgraph.errors import RunError
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.portfolio.benchmark import universe_weights
from samgraph.factors.portfolio.evening import expected_day, next_day
from samgraph.factors.portfolio.optimised import OptimisedBooks
from samgraph.files import is_unfinished, whole_folder, write_frame, write_json
from samgraph.graph.dataset.folder import Dataset
from samgraph.run.folder import RunFolder
from samgraph.run.latest import Latest
from samgraph.spreadsheets import write_csv

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

FloatArray = npt.NDArray[np.float64]
MARK = "orders.parquet"


@dataclass(frozen=True, eq=False)
class Trade:
    """Orders of an evening, with everything that a desk asks of them.

    Attributes:
        tables: orders, targets, not_done, checks, costs.
        summary: of summary.json.
    """

    tables: dict[str, pd.DataFrame]
    summary: dict[str, Any]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should not be traded without a look."""
        checks = self.tables["checks"]
        warned = checks[checks["level"] == WARN]
        return tuple(f"{row['check']}: {row['detail']}" for row in warned.to_dict("records"))

    def write(self, out: Path) -> None:
        """Leave tables (Parquet and CSV) and summary.json in `out`, all or nothing.

        Raises:
            RunError: `out` holds files that are not orders
            DatasetError: it cannot be written
        """
        require_free(out)
        with whole_folder(out) as folder:
            for name, frame in self.tables.items():
                write_frame(folder / f"{name}.parquet", frame)
                write_csv(frame, folder / f"{name}.csv")
            write_json(folder / "summary.json", self.summary)


def require_free(out: Path) -> None:
    """Refuse a folder that holds other files than an evening's orders.

    Raises:
        RunError: it does
    """
    if out.exists() and not (
        out.is_dir() and ((out / MARK).exists() or all(map(is_unfinished, out.iterdir())))
    ):
        raise RunError(f"{out} holds files that are not orders; choose an empty or new folder")


def trade(
    run: RunFolder,
    graph: Graph,
    account: Account,
    dataset: Dataset | None = None,
    *,
    as_of: dt.date | None = None,
    portfolio: str | None = None,
    known: dt.datetime | None = None,
) -> Trade:
    """The orders that bring an account to a run's portfolio, decided after a day's close for the next trading day.

    Args:
        run: a finished run
        graph: an open connection to a graph that has loaded the dataset
        account: holdings and cash after the day's close
        dataset: its tables as they are now; the run's own by default
        as_of: the day; the last one with bars by default
        portfolio: one of the run's by its name; the run's main one by default
        known: the moment of recorded knowledge; the newest load by default

    Raises:
        RunError: no bars on the day, no such portfolio, no model for the day, a lag other than 1
        DatasetError: a purchase after the day
        SamgraphError: as reading the dataset and the graph raises it
    """
    return orders_of(decide(run, graph, dataset, as_of=as_of, portfolio=portfolio, known=known), account)


def trade_of(latest: Latest, dataset: Dataset, account: Account, portfolio: str | None = None) -> Trade:
    """The same after the last day of bars that were read already."""
    return orders_of(decision_of(latest, dataset, portfolio_of(latest.run, portfolio)), account)


def orders_of(made: Decision, account: Account) -> Trade:
    """The orders of an account by what was decided for its evening.

    Raises:
        RunError: nothing to trade with, or a lag other than 1
        DatasetError: a purchase after the day, a company in another form than the dataset's
    """
    market = made.market
    require_own_ids(account.shares.index, market.stocks)
    evening = account.evening(market)
    if not evening.cash + float(evening.shares.sum()) > 0.0:
        raise RunError(
            "the account has neither cash nor a share that the market knows; give --cash, or holdings"
        )
    longer = expected_day(market, made.desk.rules.exchange)
    books = made.books(longer)
    found = next_day(books, made.day, evening)
    relaxed = ""
    if isinstance(books, OptimisedBooks) and books.decisions:
        relaxed = str(books.decided["relaxed"].iloc[-1])
    plan = Plan(made, evening, longer, found, tuple(account.unknown(market)), relaxed)
    tables = {
        "orders": order_table(plan),
        "targets": target_table(plan),
        "not_done": not_done_table(plan),
        "checks": checks_of(plan),
        "costs": cost_table(plan),
    }
    return Trade(tables, _summary(plan, tables) | {"account": account.fingerprint})


def _summary(plan: Plan, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    made, found, orders, costs = plan.made, plan.found, tables["orders"], tables["costs"]
    day, levels = made.market.dates[plan.day].date(), tables["checks"]["level"]
    sides = {side: orders[orders["side"] == side]["value"] for side in ("buy", "sell")}
    weights = {"now": plan.now, "target": found.target, "after": plan.after}
    cost = float(costs["cost"].sum())
    return {
        "portfolio": made.portfolio.name,
        **made.portfolio.as_dict(),
        "as_of": str(day),
        "for": "the next trading day",
        "prices": f"the close of {day}, for those of the next trading day are not known",
        "rebalance": found.rebalance,
        "value": plan.value,
        "cash": plan.evening.cash,
        "cash_after": found.after.cash,
        "orders": {side: {"count": len(own), "value": float(own.sum())} for side, own in sides.items()},
        "not_done": len(tables["not_done"]),
        "turnover": 0.5 * float(orders["value"].sum()) / plan.value,
        "expected_cost": {
            "value": cost,
            "share": cost / plan.value,
            "by_reason": {str(row["reason"]): float(row["cost"]) for row in costs.to_dict("records")},
        },
        "tracking_error": _tracking_error(made, weights),
        "warnings": int((levels == WARN).sum()),
        "notes": int((levels == NOTE).sum()),
        "scores": dict(made.source),
    }


def _tracking_error(made: Decision, weights: dict[str, FloatArray]) -> dict[str, float | None]:
    """Forecast standard deviation of the return less the universe's, a year; None without a forecast of risk."""
    if made.desk.forecasts is None:
        return dict.fromkeys(weights)
    market = made.market
    model = made.desk.forecasts.on(market.dates[-1])
    benchmark = universe_weights(market)[-1]
    year = days_a_year(market.dates)
    return {name: model.volatility(own - benchmark, year) for name, own in weights.items()}
