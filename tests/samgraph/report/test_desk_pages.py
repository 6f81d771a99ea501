"""The pages a portfolio manager knows: months, drawdowns, rolling figures, reasons, by hand; pages of a whole run."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.outcome_inputs import assessed

from samgraph.outcome.constructions import portfolios_in
from samgraph.report.attribution import attribution
from samgraph.report.capacity import capacity
from samgraph.report.key_figures import growth_curves, key_figures, key_tables, month_bars
from samgraph.report.months import drawdowns, monthly, months
from samgraph.report.pictures.figures_desk import LINES, WINDOW, cumulated, rolling
from samgraph.report.positions import positions, reasons
from samgraph.report.why import Reasons


def test_months_by_hand() -> None:
    daily = pd.DataFrame(
        {
            "date": pd.to_datetime(["2024-01-30", "2024-01-31", "2024-02-01"]),
            "return": [0.1, 0.1, -0.5],
            "benchmark_return": [0.0, 0.2, 0.0],
            "value": [110.0, 121.0, 60.5],
            "turnover": [0.5, 0.1, 0.2],
            "cost": [1.0, 1.1, 0.0],
        }
    )
    found = monthly(daily)
    assert found["month"].tolist() == ["2024-01", "2024-02"] and found["days"].tolist() == [2, 1]
    assert found["return"].tolist() == pytest.approx([0.21, -0.5])
    assert found["excess"].tolist() == pytest.approx([0.01, -0.5])
    assert found["turnover"].tolist() == pytest.approx([0.6, 0.2])
    assert found["cost"].tolist() == pytest.approx([0.02, 0.0])


def test_drawdowns_by_hand() -> None:
    """1.1, 0.99 (-10%), 1.1, then 0.88 and 0.66 (-40%), not recovered; a first day below 1 is a fall from it."""
    dates = pd.Series(pd.bdate_range("2024-01-01", periods=5))
    found = drawdowns(dates, pd.Series([1.1, 0.99, 1.1, 0.88, 0.66]))
    assert found["depth"].tolist() == pytest.approx([-0.4, -0.1])
    assert found["top"].tolist() == [dates[2], dates[0]] and found["bottom"].tolist() == [dates[4], dates[1]]
    assert pd.isna(found["recovered"].iloc[0]) and found["recovered"].iloc[1] == dates[2]
    assert found["days"].tolist() == [2, 1]
    first = drawdowns(dates[:2], pd.Series([0.9, 1.0]))
    assert first["depth"].tolist() == pytest.approx([-0.1]) and first["recovered"].iloc[0] == dates[1]
    assert drawdowns(dates[:2], pd.Series([1.0, 1.1])).empty


def test_rolling_figures_by_hand() -> None:
    """Twice the benchmark: a beta of 2; the excess is the benchmark's own return."""
    rng = np.random.default_rng(1)
    market = rng.normal(0.001, 0.01, WINDOW + 5)
    daily = pd.DataFrame(
        {
            "date": pd.bdate_range("2024-01-01", periods=len(market)),
            "return": 2 * market,
            "benchmark_return": market,
        }
    )
    found = rolling(daily.assign(excess_return=market), 250.0)
    assert len(found) == 6 and found["date"].iloc[0] == daily["date"].iloc[WINDOW - 1]
    assert found["beta"].tolist() == pytest.approx([2.0] * 6)
    last = market[-WINDOW:]
    assert found["tracking_error"].iloc[-1] == pytest.approx(last.std(ddof=1) * 250**0.5)
    assert found["ir"].iloc[-1] == pytest.approx(last.mean() / last.std(ddof=1) * 250**0.5)
    flat = rolling(daily.assign(benchmark_return=0.0, excess_return=0.0), 250.0)
    assert flat["beta"].isna().all() and flat["ir"].isna().all()


def test_every_holding_has_the_sentence_why() -> None:
    one, two, three = pd.bdate_range("2024-01-01", periods=3)
    holdings = pd.DataFrame({"date": three, "company_id": ["A", "B", "C"], "weight": [0.2, 0.5, 0.3]})
    scores = pd.DataFrame(
        {
            "date": one,
            "company_id": ["A", "B"],
            "score": [2.0, 1.0],
            "concept": [1.5, np.nan],
            "hidden": [0.5, np.nan],
        }
    ).assign(individual=0.0)
    trades = pd.DataFrame(
        {
            "date": [two, two, three],
            "company_id": ["A", "B", "A"],
            "side": ["buy", "buy", "sell"],
            "reason": "score",
            "decided_on": [one, one, two],
        }
    )
    found = reasons(holdings, scores, trades, three).set_index("company_id")["why"]
    assert found.index.tolist() == ["B", "C", "A"]
    assert found["A"] == (
        "Last bought on 2024-01-02, decided on 2024-01-01 by score: score +2.00, rank 1 of 2 (concept +1.50, hidden "
        "+0.50, individual +0.00)."
    )
    assert found["B"].endswith("score +1.00, rank 2 of 2 (individual +0.00).")
    assert found["C"] == "Held since before the run's trades."


def shown() -> Any:
    """The run by hand as its folder would be read."""
    run = assessed()
    return SimpleNamespace(
        folder="run",
        summary=run.outcome.summary,
        portfolios=portfolios_in(run.outcome.summary),
        has=lambda *names: all(name in run.tables for name in names),
        table=lambda name: run.tables[name],
        days_a_year=run.outcome.summary["days_a_year"],
        names={},
    )


def test_the_pages_of_a_run_say_what_its_tables_hold() -> None:
    run = shown()
    page = attribution(run)
    daily = run.table("portfolio").query("variant == 'product'")
    whole = np.prod(1 + daily["return"]) - np.prod(1 + daily["benchmark_return"])
    assert f"add up to the compounded excess return, {whole:.2%}" in page
    for words in (
        "trades at another price",
        "equal weights over the universe",
        "Products, deeper levels",
        "Food",
    ):
        assert (words in page) == (
            words != "trades at another price"
        )  # at the close nothing is left to timing
    said = months(run)
    assert (
        f"<td><b>{whole:.2%}</b></td>" in said and "Rolling figures: left out" in said and "not yet" in said
    )
    where = positions(run)
    assert len(re.findall("Last bought on", where)) == int(
        (run.table("holdings").query("variant == 'product'")["date"] == daily["date"].max()).sum()
    )
    assert "Crowding: overlap with" in where
    assert str(run.folder) not in where + said + page and "samgraph explain RUN" in where
    bear = capacity(run)
    assert "break-even" in bear and "Other costs and capitals: left out" in bear and "borrowing" in bear


def test_the_name_of_a_holding_leads_to_why_it_is_held() -> None:
    """Best stocks to their explanation, other holdings to their sentence, in the order of weights; others nowhere."""
    day = pd.Timestamp("2024-01-02")
    held = [("product", day, "A", 0.2), ("product", day, "B", 0.5), ("gru", day, "D", 1.0)]
    tables = {
        "holdings": pd.DataFrame(held, columns=["variant", "date", "company_id", "weight"]),
        "predictions": pd.DataFrame(),
        "trades": pd.DataFrame(columns=["decided_on"]),
        "explained": pd.DataFrame({"company_id": ["A", "C"], "rank": [1, 2]}),
    }
    run: Any = SimpleNamespace(
        names={"A": "<a>"}, has=lambda *names: set(names) <= set(tables), table=tables.__getitem__
    )
    told = Reasons(run)
    links = [told.link(key) for key in "ABCD"]
    assert links == [
        "<a href='#why-1'>&lt;a&gt;</a>",
        "<a href='#held-1'>B</a>",
        "<a href='#why-2'>C</a>",
        "D",
    ]
    assert told.anchor("B") == "<span id='held-1'>B</span>" and "held-2" in told.anchor("A")
    tables["holdings"] = tables["holdings"].drop(columns="weight")  # of an older run
    assert Reasons(run).link("B") == "B"


def test_no_two_lines_of_a_picture_look_the_same() -> None:
    daily = pd.DataFrame({name: range(LINES) for name in map(str, range(LINES + 3))})
    drawn = cumulated(daily).data
    assert len(drawn) == LINES and len({(one.line.color, one.line.dash) for one in drawn}) == LINES


def test_key_figures_are_those_of_pandas_and_of_the_hand() -> None:
    rng = np.random.default_rng(4)
    daily, months = pd.Series(rng.normal(0.001, 0.01, 400)), pd.Series([0.02, -0.01, 0.0, 0.03])
    found = key_figures(daily, daily, months, 250.0)
    curve = (1 + daily).cumprod()
    worst = np.sort(daily)[
        :20
    ]  # 20 of 400 are at or below the 5% quantile, which lies between the 20th and the 21st
    expected = {
        "growth": curve.iloc[-1] ** (250 / 400) - 1,
        "volatility": daily.std() * 250**0.5,
        "sharpe": daily.mean() / daily.std() * 250**0.5,
        "sortino": daily.mean() / np.sqrt((daily[daily < 0] ** 2).sum() / 400) * 250**0.5,
        "drawdown": min(curve[i] / max(1.0, *curve[: i + 1]) for i in range(400)) - 1,
        "var": -daily.quantile(0.05),
        "cvar": -worst.mean(),
        "skew": daily.skew(),
        "kurtosis": daily.kurt(),
        "best_day": daily.max(),
        "worst_day": worst[0],
        "best_month": 0.03,
        "worst_month": -0.01,
        "days_up": (daily > 0).sum() / 400,
        "months_up": 0.5,
    }
    expected["calmar"] = expected["growth"] / -expected["drawdown"]
    assert found == pytest.approx(expected)
    by_hand = key_figures(pd.Series([0.1, -0.5, 0.2, 0.2]), pd.Series([0.1, -0.5]), months, 2.0)
    assert by_hand["growth"] == pytest.approx(-0.45) and by_hand["drawdown"] == pytest.approx(-0.5)
    assert by_hand["sortino"] == pytest.approx(0.0) and by_hand["days_up"] == 0.75
    flat = key_figures(pd.Series([0.0] * 9), pd.Series([0.0] * 9), months, 250.0)
    assert all(np.isnan(flat[key]) for key in ("sharpe", "sortino", "calmar"))


def test_key_figures_of_a_run_are_those_of_its_summary() -> None:
    """Growth, drawdown, ratio and tracking error were computed before, elsewhere."""
    run = shown()
    daily = run.table("portfolio").query("variant == 'product'").reset_index(drop=True)
    rows = dict(
        re.findall(r"<tr><td[^>]*>(.*?)</td>(.*?)</tr>", key_tables(daily, monthly(daily), run.days_a_year))
    )
    told = {re.sub("<.*?>", "", name): re.findall("<td>(.*?)</td>", cells) for name, cells in rows.items()}
    figures = run.summary["variants"]["product"]
    assert told["growth a year, compounded"] == [
        f"{figures[key]:z.2%}" for key in ("return", "benchmark_return", "compound_excess_return")
    ]
    assert told["worst drawdown"][2] == f"{figures['max_drawdown']:z.2%}"
    assert told["Sharpe ratio"][2] == f"{figures['information_ratio']:z.2f}"
    assert told["volatility a year"][2] == f"{figures['tracking_error']:z.2%}"
    assert (
        told["beta to the benchmark"][0]
        == f"{np.polyfit(daily['benchmark_return'], daily['return'], 1)[0]:z.2f}"
    )
    assert (
        told["correlation with the benchmark"][0] == f"{daily['return'].corr(daily['benchmark_return']):z.2f}"
    )


def test_months_are_counted_in_steps_that_begin_at_zero() -> None:
    """From -4% to 12% in ten steps at least: steps of 1%."""
    by_month = pd.DataFrame({"return": [-0.04, 0.001, 0.0099, 0.12], "benchmark": [0.0, -0.001, 0.011, 0.03]})
    own, market = month_bars(by_month).data
    counted = dict(zip(np.round(own.x, 3), own.y, strict=True))
    assert {x: n for x, n in counted.items() if n} == {-0.035: 1, 0.005: 2, 0.125: 1}
    assert sum(own.y) == sum(market.y) == 4
    one = month_bars(pd.DataFrame({"return": [0.001], "benchmark": [0.001]})).data[0]
    assert [round(x, 4) for x, n in zip(one.x, one.y, strict=True) if n] == [0.0025]


def test_growth_and_rolling_volatility_by_hand() -> None:
    days = pd.bdate_range("2024-01-01", periods=WINDOW)
    own = np.where(np.arange(WINDOW) % 2, 0.01, -0.01)
    daily = pd.DataFrame({"date": days, "return": own, "benchmark_return": own / 2, "excess_return": own / 2})
    found = rolling(daily, 250.0).iloc[-1]
    assert found["volatility"] == pytest.approx(0.01 * (WINDOW / (WINDOW - 1) * 250) ** 0.5)
    assert found["benchmark_volatility"] == pytest.approx(found["volatility"] / 2)
    drawn = growth_curves(daily.head(2)).data
    assert [list(one.y) for one in drawn] == [pytest.approx([0.99, 0.9999]), pytest.approx([0.995, 0.999975])]
