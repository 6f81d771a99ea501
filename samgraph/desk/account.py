"""What an account holds after a day's close: a list of company_id and shares, and its cash.

    company_id, shares    the holdings; none for an account of cash alone
    bought_on             optional: the day of the last purchase, where shares cannot be sold at once; empty: long ago

Other columns are left alone, so that a broker's list or this program's own can be given as it is.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.desk.holdings_risk import company_ids
from samgraph.errors import DatasetError
from samgraph.factors.portfolio.accounting import NEVER, Evening
from samgraph.graph.dataset.files import read_csv_texts
from samgraph.hist.market import Market
from samgraph.spreadsheets import from_spreadsheet


@dataclass(frozen=True, eq=False)
class Account:
    """Holdings after a close.

    Attributes:
        shares: by company_id, above 0.
        bought: day of the last purchase by company_id, NaT where it was long ago.
        cash: money.
    """

    shares: pd.Series
    bought: pd.Series
    cash: float

    @property
    def fingerprint(self) -> str:
        """What tells one account from another: of its holdings, whatever their order, and its cash."""
        days = self.bought.dt.strftime("%Y-%m-%d").fillna("")
        rows = sorted(zip(self.shares.index, self.shares, days, strict=True))
        return hashlib.sha256(json.dumps([self.cash, rows]).encode()).hexdigest()

    def evening(self, market: Market) -> Evening:
        """The same on the market's stocks; holdings that it does not know, or has no price of, are left out.

        Raises:
            DatasetError: a purchase later than the market's last day.
        """
        place = pd.Index(market.stocks).get_indexer(pd.Index(self.shares.index))
        known = self._known(market, place)
        shares = np.zeros(market.n_stocks)
        shares[place[known]] = self.shares.to_numpy(dtype=np.float64)[known]
        late = self.bought > market.dates[-1]
        if late.any():
            company = self.bought.index[late][0]
            raise DatasetError(
                f"{company} was bought on {self.bought[company].date()}, but the holdings are those after the close of "
                f"{market.dates[-1].date()}; give the holdings of that evening"
            )
        days = market.dates.searchsorted(self.bought.to_numpy(dtype="datetime64[s]"), side="right") - 1
        bought: npt.NDArray[np.int64] = np.full(market.n_stocks, NEVER, dtype=np.int64)
        dated = known & self.bought.notna().to_numpy()
        bought[place[dated]] = np.where(days[dated] >= 0, days[dated], NEVER)
        return Evening(self.cash, shares, bought)

    def unknown(self, market: Market) -> list[str]:
        """The holdings that the market does not know, or has no price of."""
        place = pd.Index(market.stocks).get_indexer(pd.Index(self.shares.index))
        return [str(company) for company in self.shares.index[~self._known(market, place)]]

    def _known(self, market: Market, place: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Which holdings stand on the market's axis and have a price [n_holdings]."""
        found: npt.NDArray[np.bool_] = (place >= 0) & np.isfinite(market.close[:, place]).any(axis=0)
        return found


def read_account(path: Path, cash: float) -> Account:
    """The account of a CSV or Parquet file.

    Raises:
        DatasetError: a file that cannot be read, and as `account_of`.
    """
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else read_csv_texts(path)
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error}); give a CSV or Parquet file with company_id and shares"
        ) from error
    if "company_id" in table:  # a list that this program wrote, or a spreadsheet made of one
        table["company_id"] = table["company_id"].map(from_spreadsheet, na_action="ignore")
    return account_of(table, cash, str(path))


def account_of(table: pd.DataFrame, cash: float, source: str = "holdings") -> Account:
    """The account of a table.

    Raises:
        DatasetError: a missing column, a company twice, shares that are no number or below 0, a day that is none.
    """
    if not {"company_id", "shares"} <= set(table.columns):
        found = ", ".join(map(str, table.columns)) or "none"
        raise DatasetError(f"{source} has the columns {found}; give company_id and shares")
    if not (np.isfinite(cash) and cash >= 0.0):
        raise DatasetError(f"the cash is {cash}; it must be 0 or more")
    companies = company_ids(table, source)
    index = pd.Index(companies, dtype=object)
    shares = np.array([_number(value) for value in table["shares"]], dtype=np.float64)
    wrong = np.flatnonzero(~(np.isfinite(shares) & (shares >= 0.0)))
    if len(wrong):
        raise DatasetError(
            f"{source} has {str(table['shares'].iloc[wrong[0]])!r} as shares of company {index[wrong[0]]}; write a "
            "number of 0 or more"
        )
    bought = pd.Series(pd.NaT, index=index, dtype="datetime64[s]")
    if "bought_on" in table:
        given = table["bought_on"].replace("", None)
        days = pd.to_datetime(given, errors="coerce", format="ISO8601")
        bad = np.flatnonzero((days.isna() & given.notna()).to_numpy())
        if len(bad):
            raise DatasetError(
                f"{source} has {str(given.iloc[bad[0]])!r} as bought_on of company {index[bad[0]]}; write days as "
                "2024-01-31"
            )
        bought = pd.Series(pd.DatetimeIndex(days).normalize().as_unit("s"), index=index)
    held = shares > 0.0
    return Account(pd.Series(shares, index=index)[held], bought[held], float(cash))


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # Python's own reading: a written float comes back to the bit
    except (TypeError, ValueError):
        return float("nan")
