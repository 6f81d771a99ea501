"""The time rules of reports: from which day to which day a company's report says what it sells.

- Nothing may use a report before the day after its announcement (or the N-th trading day after it).
- Of the reports usable on a day, the one of the latest period counts, and of several for that period the one
  announced last. So a report holds from its first usable day until the first usable day of any report that is
  greater by (period_end, announced_on): a late restatement of an old period never replaces a newer period.
- It expires `stale_after_months` after its period end, and nothing older comes back in its place.

All days are datetime64[D] arrays, intervals are half-open [valid_from, valid_to).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ConfigError

Days = npt.NDArray[np.datetime64]
Fate = Literal["usable", "superseded", "stale"]

LAST_DAY = np.datetime64("9999-12-31", "D")
_ONE_DAY = np.timedelta64(1, "D")


def add_months(days: Days, months: int) -> Days:
    """The same day of the month `months` later, or that month's last day (2020-08-31 + 6 = 2021-02-28).

    NaT stays NaT; what would lie beyond year 9999 becomes 9999-12-31.
    """
    days = days.astype("datetime64[D]")
    month = days.astype("datetime64[M]")
    day_of_month = days - month.astype("datetime64[D]")
    target = month + np.timedelta64(months, "M")
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - _ONE_DAY
    moved = np.minimum(target.astype("datetime64[D]") + day_of_month, last)
    capped: Days = np.minimum(moved, LAST_DAY)
    return capped


def first_usable(announced_on: Days, lag: int | None = None, calendar: Days | None = None) -> Days:
    """The first day on which a report announced on a day may be used, same shape.

    Without `lag` the next calendar day; with it the lag-th trading day after the announcement. Trading days
    are those of `calendar` from its first to its last day, and Monday to Friday before and after. Raises
    ConfigError for a lag below 1: a report is not usable on the day of its announcement.
    """
    announced = announced_on.astype("datetime64[D]")
    if lag is None:
        return np.minimum(announced + _ONE_DAY, LAST_DAY)
    if lag < 1:
        raise ConfigError(
            f"a lag of {lag} trading days would use a report on the day it came out; use 1 or more"
        )
    known = announced[~np.isnat(announced)]
    usable = np.full(announced.shape, np.datetime64("NaT", "D"))
    if len(known):
        days = trading_days(known.min(), min(known.max(), LAST_DAY - 2 * lag - 15), lag, calendar)
        position = np.searchsorted(days, known, side="right") + lag - 1
        padded = np.append(days, LAST_DAY)  # beyond the end of time nothing is usable
        usable[~np.isnat(announced)] = padded[np.minimum(position, len(days))]
    return usable


def trading_days(first: np.datetime64, last: np.datetime64, lag: int, calendar: Days | None) -> Days:
    """Trading days from `first` to far enough after `last` that the lag-th one after it is there.

    The calendar's own days where it reaches, business days before its first and after its last.
    """
    end = last + 2 * lag + 15  # more than lag business days after `last`
    if calendar is None or not len(calendar):
        return _business_days(first, end)
    own = np.unique(calendar.astype("datetime64[D]"))
    # Past the calendar's gaps (long holidays) lag days must follow as well.
    end = max(end, own[-1] + 2 * lag + 15)
    before = _business_days(first, own[0] - _ONE_DAY)
    after = _business_days(own[-1] + _ONE_DAY, min(end, LAST_DAY))
    return np.concatenate([before, own, after])


def _business_days(first: np.datetime64, last: np.datetime64) -> Days:
    days = np.arange(first, last + _ONE_DAY, dtype="datetime64[D]")
    return np.asarray(days[np.is_busday(days)])


def intervals(
    reports: pd.DataFrame,
    *,
    stale_after_months: int = 18,
    lag: int | None = None,
    calendar: Days | None = None,
) -> pd.DataFrame:
    """When each report holds.

    `reports` has company_id, period_end, announced_on, one row per report in any order; no two rows are equal.
    `lag` and `calendar` are those of `first_usable`. A column `usable_from` says the first usable day that was
    told before (NaT: none was): it stays, unless the calendar covers the days that the lag counts.

    Returns a frame with the index of `reports` and valid_from, valid_to (datetime64[s]) and `fate`: "usable";
    "superseded" for a report that a greater one replaces by the first day on which it could be used; "stale"
    for one that has expired by then. The latter two never hold, and their interval is empty or reversed.
    """
    period_end = reports["period_end"].to_numpy().astype("datetime64[D]")
    announced_on = reports["announced_on"].to_numpy().astype("datetime64[D]")
    company = pd.factorize(reports["company_id"])[0]
    valid_from = first_usable(announced_on, lag, calendar)
    if "usable_from" in reports:
        told = reports["usable_from"].to_numpy().astype("datetime64[D]")
        valid_from = np.where(np.isnat(told) | _covered(announced_on, valid_from, calendar), valid_from, told)
    expiry = add_months(period_end, stale_after_months)

    # From the greatest report of a company down: the least first day among all greater ones.
    order = np.lexsort((announced_on, period_end, company))[::-1]
    starts = pd.Series(valid_from[order].astype("int64"))
    groups = company[order]
    least_so_far = starts.groupby(groups, sort=False).cummin()
    never = int(LAST_DAY.astype("int64"))
    of_greater = least_so_far.groupby(groups, sort=False).shift(1, fill_value=never).to_numpy()
    superseded_on = np.empty(len(reports), dtype="datetime64[D]")
    superseded_on[order] = of_greater.astype("datetime64[D]")

    fate = np.where(
        superseded_on <= valid_from, "superseded", np.where(expiry <= valid_from, "stale", "usable")
    )
    return pd.DataFrame(
        {
            "valid_from": valid_from.astype("datetime64[s]"),
            "valid_to": np.minimum(superseded_on, expiry).astype("datetime64[s]"),
            "fate": pd.Series(fate, index=reports.index, dtype="str"),
        },
        index=reports.index,
    )


def _covered(announced_on: Days, usable: Days, calendar: Days | None) -> npt.NDArray[np.bool_]:
    """Whether a lag was counted by trading days alone, not by Monday to Friday, same shape."""
    if calendar is None or not len(calendar):
        return np.zeros(len(usable), dtype=bool)
    covered: npt.NDArray[np.bool_] = (announced_on >= calendar.min()) & (usable <= calendar.max())
    return covered


def shares(segments: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Each row's share of its company's revenue: its `weight`, or its revenue over the report's total,
    [n_rows].

    A report is what shares company_id, period_end and announced_on, or company_id and valid_from where these
    two are empty. Rows whose share cannot be told (neither filled; a total that is not positive) are NaN.
    """
    weight = segments["weight"].to_numpy(dtype="float64", copy=True)
    revenue = segments["revenue"].to_numpy(dtype="float64")
    from_revenue = ~np.isnan(revenue)
    if from_revenue.any():
        rows = segments.loc[from_revenue]
        report = report_number(rows)
        # Summed in the order of products, so that a table in another order gives the very same shares.
        order = np.argsort(rows["product_id"].to_numpy(dtype="object"), kind="stable")
        total = np.bincount(report[order], weights=revenue[from_revenue][order])[report]
        with np.errstate(divide="ignore", invalid="ignore"):
            weight[from_revenue] = np.where(total > 0, revenue[from_revenue] / total, np.nan)
    return weight


def report_number(segments: pd.DataFrame) -> npt.NDArray[np.int64]:
    """A number for each row that rows of one report share, [n_rows]."""
    explicit = segments["period_end"].isna().to_numpy() | segments["announced_on"].isna().to_numpy()
    begin = np.where(explicit, segments["valid_from"].to_numpy(), np.datetime64("NaT", "s"))
    keys = pd.DataFrame(
        {
            "company_id": segments["company_id"].to_numpy(),
            "period_end": np.where(explicit, np.datetime64("NaT", "s"), segments["period_end"].to_numpy()),
            "announced_on": np.where(
                explicit, np.datetime64("NaT", "s"), segments["announced_on"].to_numpy()
            ),
            "begin": begin,
        }
    )
    numbers = keys.groupby(list(keys.columns), dropna=False, sort=False).ngroup()
    return np.asarray(numbers, dtype=np.int64)
