"""Dated revenue by product, from whichever vendor, as the dataset's `segments`.

When a report became public decides from when it may be used. Vendors often leave that day out; then it is assumed to be
the last one that the law allows: A-shares publish annual reports and those of the first quarter by 30 April, half-year
reports by 31 August, those of the third quarter by 31 October. Periods before a company's listing come from its
prospectus, so nothing assumed is earlier than the listing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.importers import shares
from samgraph.importers.names import clean_names
from samgraph.importers.reading import Days, Source, iso
from samgraph.words import many

# month of the period's end -> (years later, month, day) of the legal deadline
_DEADLINES = {3: (0, "04-30"), 6: (0, "08-31"), 9: (0, "10-31"), 12: (1, "04-30")}


def legal_deadline(period_end: Days) -> Days:
    """The last day on which an A-share report on each period may appear; NaT where the period is no quarter's."""
    known, places = np.unique(period_end.astype("datetime64[D]"), return_inverse=True)
    days = []
    for day in known:
        year, month = (0, 0) if np.isnat(day) else (int(str(day)[:4]), int(str(day)[5:7]))
        last = not np.isnat(day) and str(day + np.timedelta64(1, "D"))[8:] == "01"
        later, when = _DEADLINES.get(month, (0, ""))
        days.append(np.datetime64(f"{year + later:04d}-{when}" if when and last else "NaT", "D"))
    return (
        np.array(days, dtype="datetime64[D]")[places] if len(places) else np.zeros(0, dtype="datetime64[D]")
    )


@dataclass(frozen=True)
class Announced:
    """When reports became public: what is known of it, and what is assumed for the rest.

    known: announced_on by (company_id, period_end)
    listed_on: by company_id; nothing is assumed earlier
    lag_days: assume so many days after the period's end; None: the legal deadline of A-shares
    """

    known: pd.Series[pd.Timestamp]
    listed_on: dict[str, np.datetime64]
    lag_days: int | None = None

    def days(self, company: pd.Series[str], period_end: Days) -> tuple[Days, np.ndarray]:
        """The day of each row, NaT where nothing can be said, and whether it was assumed, [n_rows]."""
        keys = pd.MultiIndex.from_arrays([company.to_numpy(), period_end.astype("datetime64[s]")])
        told = np.asarray(self.known.reindex(keys).to_numpy()).astype("datetime64[D]")
        lag = self.lag_days
        guess = legal_deadline(period_end) if lag is None else period_end + np.timedelta64(lag, "D")
        nothing = np.datetime64("NaT", "D")
        listed = np.array([self.listed_on.get(one, nothing) for one in company], dtype="datetime64[D]")
        guess = np.where(listed > guess, listed, guess)
        assumed = np.isnat(told)
        return np.where(assumed, guess, told), assumed

    @property
    def sentence(self) -> str:
        """What is assumed, for people."""
        if self.lag_days is None:
            return (
                "ASSUMPTION: a report without a known day of publication came out on its legal deadline (30 April, "
                "31 August, 31 October), or at the listing if that was later; a late company is used too early"
            )
        return (
            f"ASSUMPTION: a report without a known day of publication came out {self.lag_days} days after its "
            "period's end; where it came out later, it is used too early"
        )


def no_known_days() -> pd.Series[pd.Timestamp]:
    """`Announced.known` where no day of publication is known."""
    index = pd.MultiIndex.from_arrays([np.array([], dtype=object), np.array([], dtype="datetime64[s]")])
    return pd.Series(pd.DatetimeIndex([], dtype="datetime64[s]"), index=index)


def settle_published(source: Source, column: str, day: Days, period_end: Days) -> None:
    """Reject reports that came out before, or on, the last day of their period; NaT says nothing.

    Nobody reports on a period the day it ends: such a day is the period's end in the wrong column, and using a report
    from then on looks ahead.

    Raises:
        DatasetError: that is so of every report
    """
    account = source.account
    told = account.left & ~np.isnat(day) & ~np.isnat(period_end)
    same = told & (day == period_end)
    if told.any() and (same == told).all():
        raise DatasetError(
            f"{source.files[0]}: by column {column} every report came out on the last day of its period, so it holds "
            "period ends, and using them looks ahead; name the column that says when reports came out, or assume a lag"
        )
    account.reject(same, "published on the last day of its period: the period's end, no day of publication")
    account.reject(day < period_end, "published before its period ended")


_CURRENCIES = {"RMB": "CNY", "人民币": "CNY", "人民币元": "CNY", "元": "CNY", "CNH": "CNY"}


def currencies(text: pd.Series[str]) -> pd.Series[str]:
    """Currencies in one spelling; missing where none is said, which is no currency of its own."""
    upper = text.str.upper()
    return upper.replace(_CURRENCIES).mask(upper == "")


def choose_category(
    source: Source,
    report: pd.DataFrame,
    kind: pd.Series[str],
    *,
    product: str,
    industry: str,
    beside: str,
    others: Mapping[str, str],
    fallback: Sequence[str],
) -> list[str]:
    """Settle which rows of each report are used: those by product, else what the user allows.

    Args:
        source: the rows; those that are not used are settled
        report: the key of each row's report, columns company and end, [n_rows]
        kind: each row's category, [n_rows]
        product: the category by product
        industry: that by industry; an empty one is "unnamed"
        beside: the cause of rows by industry of a report that has rows by product
        others: further categories that are never used -> their cause
        fallback: "unnamed" and "industry", in the order in which they stand in for rows by product

    Returns:
        Sentences about reports that have no rows by product.
    """
    account = source.account
    for other, cause in others.items():
        account.ignore((kind == other).to_numpy(), cause)
    known = {product: "product", industry: "industry", "": "unnamed"}
    what = kind.map(known)
    account.reject(
        what.isna().to_numpy(), f"a category that is none of {', '.join([product, industry, *others])}"
    )
    place = report.groupby(["company", "end"], dropna=False, sort=False).ngroup().to_numpy()
    left = account.left

    def having(name: str) -> np.ndarray:
        """Which rows' reports have rows of this category."""
        return np.isin(place, place[left & (what == name).to_numpy()])

    settled, notes = having("product"), []
    words = {"industry": "by industry", "unnamed": "of an empty category"}
    account.ignore((what == "industry").to_numpy() & settled, beside)
    account.ignore((what == "unnamed").to_numpy() & settled, "of an empty category, beside rows by product")
    for name in fallback:
        mine = (what == name).to_numpy() & account.left
        account.ignore(mine & settled, f"{words[name]}, beside rows that are used")
        account.change(mine & ~settled, f"{words[name]}: its report has no rows by product")
        settled |= having(name)
    for name in ("industry", "unnamed"):
        alone = (what == name).to_numpy() & account.left & (name not in fallback)
        account.reject(
            alone, f"{words[name]} alone: its report has no rows by product (--fallback {name} uses them)"
        )
        if alone.any():
            lost = report[alone]
            notes.append(
                f"left out: {many(len(lost.drop_duplicates()), 'report')} of "
                f"{many(lost['company'].nunique(), 'company')} (such as "
                f"{lost['company'].iloc[0]}) with rows {words[name]} alone; --fallback {name} uses "
                "them"
            )
    return notes


def revenue_segments(
    source: Source,
    *,
    company: pd.Series[str],
    item: pd.Series[str],
    period_end: Days,
    revenue: np.ndarray,
    announced: Announced,
    policy: shares.Policy,
) -> pd.DataFrame:
    """The table `segments` of revenue by product, one report a company and period.

    Args:
        source: the rows, with what was settled before
        company: ids, "" where there is none, [n_rows]
        item: names as reported, [n_rows]
        period_end: [n_rows]
        revenue: in the currency of the report, [n_rows]
        announced: when reports came out
        policy: how shares are settled
    """
    account = source.account
    account.reject((company == "").to_numpy(), "company code of no known exchange")
    account.reject(np.isnat(period_end), "no period end")
    product = clean_names(item)
    account.change((product != item).to_numpy(), "name cleaned")
    day, assumed = announced.days(company, period_end)
    account.reject(np.isnat(day), "period end is no quarter's end and its day of publication is unknown")
    account.change(assumed, "day of publication assumed")
    shares.reject_by_name(account, product, regions=True)
    shares.reject_by_amount(account, revenue, "revenue")
    repeats = pd.DataFrame({"company": company, "end": period_end, "product": product, "revenue": revenue})
    places = np.flatnonzero(account.left)
    account.merge(places[repeats.iloc[places].duplicated().to_numpy()], "the same row again")
    report = np.asarray(
        repeats.groupby(["company", "end"], dropna=False, sort=False).ngroup(), dtype=np.int64
    )
    ids = np.where(shares.unnamed(product), "", product.to_numpy(dtype=object))
    # The same product twice counts once in the total, too.
    shares.keep_largest(account, report, ids, revenue)
    share = shares.shares_of_revenue(account, report, revenue)
    weight = shares.settle(account, report, ids, share, policy)
    used = account.left
    table = pd.DataFrame(
        {
            "company_id": company[used],
            "product_id": product[used],
            "period_end": iso(period_end)[used],
            "announced_on": iso(day)[used],
            "weight": weight[used],
        }
    )
    return table.sort_values(["company_id", "period_end", "product_id"], ignore_index=True)
