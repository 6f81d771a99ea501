"""A finished run as frames: `samgraph.open_run("runs/csi300")`."""

from __future__ import annotations

import datetime as dt
import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.run.folder import RunFolder
from samgraph.words import many

if TYPE_CHECKING:
    from samgraph.desk.trade import Trade
    from samgraph.graph.db.driver import Graph
    from samgraph.run.score import Scored


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run, as a researcher reads it; index and column `date` are trading days.

    Attributes:
        folder: the run's folder, whose seals were checked.
    """

    folder: RunFolder

    @property
    def summary(self) -> dict[str, object]:
        """Its figures, as in summary.json."""
        return self.folder.summary

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables as it is (docs/reference/tables.md names them).

        Raises:
            RunError: it is missing
        """
        return self.folder.table(name)

    def scores(self, variant: str = BASE) -> pd.DataFrame:
        """An arm's scores on the test days, [n_dates, n_companies]: standard deviations of the day, mean over seeds.

        Raises:
            RunError: the run has no such arm
        """
        return _wide(self.folder.scores(variant))

    def factor(self, name: str) -> pd.DataFrame:
        """One factor by its name in table factors (concept, hidden, individual, score, ...), [n_dates, n_companies].

        Raises:
            RunError: the table is missing, or has no such factor
        """
        own = self.folder.rows("factors", "factor", name)
        return _wide(own.set_index(["date", "company_id"])["value"])

    def models(self) -> pd.DataFrame:
        """Its fitted models, a row per arm, seed and window; see `samgraph.run.models.models`."""
        from samgraph.run.models import models

        return models(self.folder)

    def portfolio(self, name: str = BASE) -> pd.DataFrame:
        """A portfolio's days, index date: return, benchmark_return and what table portfolio holds besides.

        Raises:
            RunError: the run has no such portfolio
        """
        own = self.folder.rows("portfolio", "variant", name, "portfolio")
        return own.drop(columns="variant").set_index("date")

    def score(
        self, as_of: dt.date | str | None = None, *, variant: str = BASE, graph: Graph | None = None
    ) -> Scored:
        """Scores of any day by the run's newest models before it; see `samgraph.run.score.score`.

        Args:
            as_of: the day; the last one with bars by default
            variant: the arm
            graph: an open connection; the configured server by default
        """
        from samgraph.graph.connect import connect
        from samgraph.graph.db.asof import parse_day
        from samgraph.run.score import score

        day = parse_day(as_of) if isinstance(as_of, str) else as_of
        if graph is not None:
            return score(self.folder, graph, as_of=day, variant=variant)
        with connect(self.folder.config.neo4j.settings()) as opened:
            return score(self.folder, opened, as_of=day, variant=variant)

    def trade(
        self,
        holdings: pd.DataFrame | Path | str,
        *,
        cash: float = 0.0,
        as_of: dt.date | str | None = None,
        portfolio: str | None = None,
        graph: Graph | None = None,
    ) -> Trade:
        """Orders that bring an account to one of the run's portfolios; see `samgraph.desk.trade.trade`.

        Args:
            holdings: company_id, shares and optionally bought_on after the day's close, or a file of them
            cash: money after the day's close
            as_of: the day; the last one with bars by default
            portfolio: by its name; the run's main one by default
            graph: an open connection; the configured server by default
        """
        from samgraph.desk.account import account_of, read_account
        from samgraph.desk.trade import trade
        from samgraph.graph.connect import connect
        from samgraph.graph.db.asof import parse_day

        day = parse_day(as_of) if isinstance(as_of, str) else as_of
        account = (
            account_of(holdings, cash)
            if isinstance(holdings, pd.DataFrame)
            else read_account(Path(holdings), cash)
        )
        if graph is not None:
            return trade(self.folder, graph, account, as_of=day, portfolio=portfolio)
        with connect(self.folder.config.neo4j.settings()) as opened:
            return trade(self.folder, opened, account, as_of=day, portfolio=portfolio)

    def __repr__(self) -> str:
        config = self.folder.config
        return (
            f"Run({self.folder.folder}: {config.universe}, {config.start} to {config.end}, "
            f"{', '.join(config.variants)}, {many(len(self.folder.seeds), 'seed')})"
        )

    def _repr_html_(self) -> str:
        from samgraph.run.backtest import summary_frame

        return f"<p>{html.escape(repr(self))}</p>{summary_frame(self.folder.summary).to_html(index=False)}"


def open_run(folder: Path | str) -> Run:
    """Open a finished run.

    Raises:
        RunError: the folder is not a finished run, or a file of it is not what the backtest wrote
    """
    return Run(RunFolder.open(Path(folder)))


def _wide(values: pd.Series) -> pd.DataFrame:
    return values.reset_index().pivot_table(index="date", columns="company_id", values=str(values.name))
