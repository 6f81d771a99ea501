"""Daily prices from several answers of a vendor, as the dataset's `bars`; spans of membership from dated lists."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.graph.check.series import STRAY, stray_days
from samgraph.importers.coverage import merge_repeats
from samgraph.importers.reading import Days, Source, iso

PRICES = ("open", "high", "low", "close")
_ONE_DAY = np.timedelta64(1, "D")


def settle_prices(source: Source, bars: pd.DataFrame) -> None:
    """Reject the bars that cannot be used: `bars` has a row for each of the source's, columns as the table's.

    Prices must be filled and above 0, high not below low, date and company filled; exact repeats are merged, two
    bars of one company and day that differ are both rejected.
    """
    account = source.account
    account.reject((bars["company_id"] == "").to_numpy(), "company code of no known exchange")
    account.reject(bars["date"].isna().to_numpy(), "no date")
    for name in PRICES:
        values = bars[name].to_numpy()
        account.reject(np.isnan(values), f"no {name} (no trade that day)")
        account.reject(values <= 0, f"{name} is not above 0")
    account.reject((bars["high"] < bars["low"]).to_numpy(), "high is below low")
    account.reject((bars["volume"] < 0).to_numpy(), "volume is negative")
    merge_repeats(account, bars, ["date", "company_id"])
    no_trading_days(source, bars)


def traded_shares(
    source: Source, bars: pd.DataFrame, volume: np.ndarray, amount: np.ndarray | None, lot: int
) -> tuple[np.ndarray, np.ndarray]:
    """Shares and volume-weighted price of each bar, from volume in lots and the amount paid.

    Vendors give some shares' volume (STAR's, above all) in shares rather than lots. Amount over shares must lie within
    the day's prices, so each bar tells its own unit; one that cannot (no amount, or neither fits) has that of most
    bars of its company. Where neither fits the price is left empty.

    Args:
        source: the rows; a bar whose unit is another one is settled as changed
        bars: company_id, low, high of each row
        volume: as the vendor gives it, [n_rows]
        amount: in the prices' currency, [n_rows]; None where the vendor gives none
        lot: shares in a unit of volume, as documented
    """
    if amount is None:
        return volume * lot, np.full(len(volume), np.nan)
    low, high = bars["low"].to_numpy() * 0.99, bars["high"].to_numpy() * 1.01
    with np.errstate(divide="ignore", invalid="ignore"):
        by_lot, by_share = amount / (volume * lot), amount / volume
    in_lots = (volume > 0) & (by_lot >= low) & (by_lot <= high)
    in_shares = (volume > 0) & (by_share >= low) & (by_share <= high) & ~in_lots
    votes = pd.Series(in_shares.astype(int) - in_lots.astype(int)).groupby(bars["company_id"].to_numpy())
    single = in_shares | (~in_lots & (volume > 0) & (votes.transform("sum") > 0).to_numpy())
    source.account.change(single, f"volume was in shares, not in lots of {lot}, by amount and prices")
    known = in_lots | in_shares
    source.account.change(
        (volume > 0) & ~known & ~np.isnan(amount),
        "amount and volume do not fit the day's prices: vwap left empty",
    )
    return np.where(single, volume, volume * lot), np.where(known, np.where(single, by_share, by_lot), np.nan)


def no_trading_days(source: Source, bars: pd.DataFrame) -> None:
    """Reject bars of days on which next to no company traded: a holiday, whatever a vendor says."""
    left = source.account.left
    stray = stray_days(bars["date"][left], bars["volume"][left])
    source.account.reject(bars["date"].isin(stray).to_numpy(), STRAY)


def same_bars(bars: pd.DataFrame) -> list[str]:
    """Sentences about companies whose bars are one another's: mostly one company whose code changed."""
    columns = ["date", *PRICES, "volume"]
    traded = bars[bars["volume"] > 0]
    shared = traded[traded.duplicated(columns, keep=False)]
    if shared.empty:
        return []
    pairs = shared.merge(shared, on=columns, suffixes=("", "_other"))
    pairs = pairs[pairs["company_id"] < pairs["company_id_other"]]
    days = dict(traded["company_id"].value_counts())
    notes = []
    for (one, other), group in pairs.groupby(["company_id", "company_id_other"]):
        if len(group) >= 2 and 2 * len(group) > min(days[one], days[other]):
            notes.append(
                f"{one} and {other} have the same prices and volume on {len(group):,} days: if they are one company "
                "whose code changed, name it with --aliases"
            )
    return notes


def join(
    bars: pd.DataFrame,
    source: Source,
    company: pd.Series[str],
    day: Days,
    columns: dict[str, np.ndarray],
    beside: dict[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """`bars` with further columns of another answer, by company and day; NaN where it has none.

    Rows of the other answer without a bar (a suspended day, a company that is not asked for) are counted as such; one
    in which a figure of `columns` is empty, or not above 0, says nothing. Those of `beside` may be empty in any row.
    """
    account = source.account
    rows = pd.DataFrame(
        {"company_id": company, "date": day.astype("datetime64[s]"), **columns, **(beside or {})}
    )
    account.reject((company == "").to_numpy(), "company code of no known exchange")
    account.reject(np.isnat(day), "no date")
    for name, values in columns.items():
        account.reject(np.isnan(values), f"no {name}")
        account.reject(values <= 0, f"{name} is not above 0")
    merge_repeats(account, rows, ["date", "company_id"])
    key = pd.MultiIndex.from_frame(bars[["company_id", "date"]])
    mine = pd.MultiIndex.from_frame(rows[["company_id", "date"]])
    account.ignore(~mine.isin(key), "no bar of that company and day (suspended, or not asked for)")
    used = rows[account.left]
    return bars.merge(used, on=["company_id", "date"], how="left", validate="many_to_one")


def finish_bars(bars: pd.DataFrame) -> pd.DataFrame:
    """Bars in the order of days and companies."""
    return bars.sort_values(["date", "company_id"], ignore_index=True)


def spans_of_lists(
    group: pd.Series[str], company: pd.Series[str], day: Days, weight: np.ndarray
) -> pd.DataFrame:
    """Memberships universe, company_id, valid_from, valid_to, weight from lists of members at some days.

    A list holds the state at the close of its day, so it is known from the next calendar day on; it holds until the
    next list of that universe does, and the last one is open. Spans of one weight that follow each other are one.
    """
    rows = pd.DataFrame(
        {"universe": group, "company_id": company, "day": day.astype("datetime64[D]").astype("int64")}
    )
    rows["weight"] = weight
    pieces = []
    for _, one in rows.groupby("universe", sort=True):
        days = np.unique(one["day"].to_numpy())
        one = one.assign(place=np.searchsorted(days, one["day"])).sort_values(["company_id", "place"])  # noqa: PLW2901
        same = (
            (one["company_id"] == one["company_id"].shift())
            & (one["place"] == one["place"].shift() + 1)
            & (
                (one["weight"] == one["weight"].shift())
                | (one["weight"].isna() & one["weight"].shift().isna())
            )
        )
        spans = one.assign(span=(~same).cumsum()).groupby("span", sort=False)
        first, last = spans.first(), spans["place"].last().to_numpy()
        begin = days[first["place"].to_numpy()].astype("datetime64[D]") + _ONE_DAY
        end = np.append(days, 0)[last + 1].astype("datetime64[D]") + _ONE_DAY
        end[last + 1 == len(days)] = np.datetime64("NaT", "D")
        pieces.append(
            pd.DataFrame(
                {
                    "universe": first["universe"],
                    "company_id": first["company_id"],
                    "valid_from": iso(begin),
                    "valid_to": iso(end),
                    "weight": first["weight"],
                }
            )
        )
    if not pieces:
        return pd.DataFrame(columns=["universe", "company_id", "valid_from", "valid_to", "weight"])
    return pd.concat(pieces, ignore_index=True)
