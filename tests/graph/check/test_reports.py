"""The time rules of reports, against the plain loops of `oracles.sells`."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import sells as oracle

from samgraph.errors import ConfigError
from samgraph.graph.check import reports

START = dt.date(2020, 1, 1)
days = st.integers(0, 900).map(lambda n: START + dt.timedelta(days=n))


@st.composite
def report_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Reports of two companies: any periods, announced up to two years late, restated or not."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from("AB"), st.integers(0, 8), st.integers(0, 700)),
            min_size=1,
            max_size=10,
            unique=True,
        )
    )
    rows = []
    for company, quarter, late in keys:
        end = oracle.add_months(dt.date(2019, 12, 31), 3 * quarter)
        rows.append((company, "p", pd.Timestamp(end), pd.Timestamp(end + dt.timedelta(days=late)), 1.0))
    return pd.DataFrame(rows, columns=["company_id", "product_id", "period_end", "announced_on", "weight"])


calendars = st.lists(days, max_size=60, unique=True).map(sorted)


@settings(max_examples=200, deadline=None)
@given(report_tables(), days, st.none() | st.integers(1, 25), calendars, st.integers(1, 24))
def test_intervals_hold_exactly_when_the_plain_reading_of_the_rows_says(table, t, lag, calendar, stale):
    as_days = np.array(calendar, dtype="datetime64[D]")
    spans = reports.intervals(table, stale_after_months=stale, lag=lag, calendar=as_days)
    for when in {t, *(d.date() for d in spans["valid_from"]), *(d.date() for d in spans["valid_to"])}:
        stamp = pd.Timestamp(when)
        holds = (spans["fate"] == "usable") & (spans["valid_from"] <= stamp) & (stamp < spans["valid_to"])
        found = {
            (r.company_id, r.period_end.date(), r.announced_on.date()) for r in table[holds].itertuples()
        }
        sold = oracle.sells(
            table.to_dict("records"), when, stale_after_months=stale, lag=lag, calendar=calendar
        )
        assert found == {(c, s.period_end, s.announced_on) for (c, _), s in sold.items()}


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.integers(0, 60))
def test_add_months_agrees_with_the_calendar(day, months):
    assert reports.add_months(np.array([day], dtype="datetime64[D]"), months)[0] == oracle.add_months(
        day, months
    )


def test_a_report_is_usable_the_day_after_and_expires_on_the_day_of_its_eighteenth_month():
    table = pd.DataFrame(
        {
            "company_id": ["A"],
            "period_end": [pd.Timestamp("2019-12-31")],
            "announced_on": [pd.Timestamp("2020-04-30")],
        }
    )
    span = reports.intervals(table).iloc[0]
    assert (span["valid_from"], span["valid_to"]) == (pd.Timestamp("2020-05-01"), pd.Timestamp("2021-06-30"))


def test_a_late_restatement_of_an_old_period_is_superseded_before_it_is_usable():
    table = pd.DataFrame(
        {
            "company_id": ["A", "A", "A"],
            "period_end": pd.to_datetime(["2019-12-31", "2020-06-30", "2019-12-31"]),
            "announced_on": pd.to_datetime(["2020-03-01", "2020-08-01", "2020-09-01"]),
        }
    )
    spans = reports.intervals(table)
    assert spans["fate"].tolist() == ["usable", "usable", "superseded"]
    assert spans["valid_to"].iloc[0] == pd.Timestamp("2020-08-02")


def test_a_report_announced_after_it_expired_is_stale():
    table = pd.DataFrame(
        {
            "company_id": ["A"],
            "period_end": [pd.Timestamp("2019-12-31")],
            "announced_on": [pd.Timestamp("2021-06-29")],
        }
    )
    assert reports.intervals(table)["fate"].tolist() == ["stale"]
    assert reports.intervals(table, stale_after_months=19)["fate"].tolist() == ["usable"]


def test_a_lag_of_no_day_is_refused():
    with pytest.raises(ConfigError, match="lag of 0"):
        reports.first_usable(np.array(["2020-01-01"], dtype="datetime64[D]"), lag=0)


def test_shares_are_of_the_report_and_weights_stay():
    nat = pd.NaT
    table = pd.DataFrame(
        {
            "company_id": ["A", "A", "A", "B", "C", "C"],
            "product_id": ["p", "q", "p", "p", "p", "q"],
            "period_end": pd.to_datetime(
                ["2020-06-30", "2020-06-30", "2020-12-31", nat, "2020-06-30", "2020-06-30"]
            ),
            "announced_on": pd.to_datetime(
                ["2020-08-01", "2020-08-01", "2021-03-01", nat, "2020-08-01", "2020-08-01"]
            ),
            "valid_from": pd.to_datetime([nat, nat, nat, "2020-01-01", nat, nat]),
            "weight": [np.nan, np.nan, np.nan, 0.7, np.nan, np.nan],
            "revenue": [30.0, 10.0, 5.0, np.nan, 0.0, 0.0],
        }
    )
    np.testing.assert_allclose(reports.shares(table), [0.75, 0.25, 1.0, 0.7, np.nan, np.nan])
