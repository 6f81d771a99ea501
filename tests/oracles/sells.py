"""What a company sells as of a day, read straight from the rows of `segments`: plain loops, day by day.

The slow, obvious version of the time rules (docs: "Time"), which loads, snapshots and periods are checked
against. Nothing here comes from the program.
"""

from __future__ import annotations

import calendar as months
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

FIRST_DAY = dt.date(1, 1, 1)


@dataclass(frozen=True)
class Sold:
    """One company -> product edge as of a day."""

    weight: float
    period_end: dt.date | None
    announced_on: dt.date | None
    valid_from: dt.date


def day(value: Any) -> dt.date | None:
    """A cell as a date; None where it is empty (None, "", NaN, NaT)."""
    if value is None or value == "" or pd.isna(value):
        return None
    if isinstance(value, str):
        return dt.date.fromisoformat(value[:10])
    if isinstance(value, dt.datetime):  # a pandas Timestamp is one too
        return value.date()
    return value


def add_months(when: dt.date, count: int) -> dt.date:
    """The same day of a later month, or that month's last day."""
    year, month0 = divmod(when.year * 12 + when.month - 1 + count, 12)
    return dt.date(year, month0 + 1, min(when.day, months.monthrange(year, month0 + 1)[1]))


def first_usable(announced_on: dt.date, lag: int | None = None, calendar: Sequence[dt.date] = ()) -> dt.date:
    """The day after the announcement, or the lag-th trading day after it.

    Inside the calendar a trading day is a day of the calendar; before its first and after its last day it is
    any Monday to Friday.
    """
    when = announced_on + dt.timedelta(days=1)
    if lag is None:
        return when
    known = set(calendar)
    left = lag
    while True:
        inside = bool(known) and min(known) <= when <= max(known)
        if (when in known) if inside else (when.weekday() < 5):
            left -= 1
            if left == 0:
                return when
        when += dt.timedelta(days=1)


def number(value: Any) -> float | None:
    if value is None or value == "" or pd.isna(value):
        return None
    return float(value)


def sells(
    rows: Iterable[Mapping[str, Any]],
    t: dt.date,
    *,
    stale_after_months: int = 18,
    lag: int | None = None,
    calendar: Sequence[dt.date] = (),
) -> dict[tuple[str, str], Sold]:
    """(company_id, product_id) -> Sold as of day t."""
    reports: dict[str, dict[tuple[dt.date, dt.date], dict[str, Mapping[str, Any]]]] = {}
    answer: dict[tuple[str, str], Sold] = {}
    explicit: dict[tuple[str, dt.date], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        company, product = str(row["company_id"]), str(row["product_id"])
        period_end, announced_on = day(row.get("period_end")), day(row.get("announced_on"))
        if period_end is not None and announced_on is not None:
            of_company = reports.setdefault(company, {})
            of_company.setdefault((period_end, announced_on), {})[product] = row
        else:
            valid_from = day(row.get("valid_from")) or FIRST_DAY
            explicit.setdefault((company, valid_from), {})[product] = row

    for (company, valid_from), products in explicit.items():
        for product, row in products.items():
            valid_to = day(row.get("valid_to"))
            if valid_from <= t and (valid_to is None or t < valid_to):
                weight = share(row, list(products.values()))
                answer[company, product] = Sold(weight, None, None, valid_from)

    for company, of_company in reports.items():
        newest: tuple[dt.date, dt.date] | None = None
        for period_end, announced_on in of_company:
            if first_usable(announced_on, lag, calendar) > t:
                continue  # nobody may use it yet
            if newest is None or (period_end, announced_on) > newest:
                newest = (period_end, announced_on)
        if newest is None or t >= add_months(newest[0], stale_after_months):
            continue  # no report, or only a stale one
        products = of_company[newest]
        for product, row in products.items():
            weight = share(row, list(products.values()))
            answer[company, product] = Sold(
                weight, newest[0], newest[1], first_usable(newest[1], lag, calendar)
            )
    return answer


def share(row: Mapping[str, Any], report: Sequence[Mapping[str, Any]]) -> float:
    """The row's weight, or its share of the report's revenue."""
    weight = number(row.get("weight"))
    if weight is not None:
        return weight
    total = 0.0
    for other in report:
        total += number(other["revenue"]) or 0.0
    return (number(row["revenue"]) or 0.0) / total


def expected(
    rows: Iterable[Mapping[str, Any]], t: dt.date, **rules: Any
) -> dict[tuple[str, str], tuple[Any, dt.date | None, dt.date | None, dt.date]]:
    """`sells` in the form of `dump.sold`, whose weights may differ from these in the last digit."""
    return {
        key: (pytest.approx(sold.weight, rel=1e-15), sold.period_end, sold.announced_on, sold.valid_from)
        for key, sold in sells(rows, t, **rules).items()
    }
