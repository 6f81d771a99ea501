"""The figures of a run read again from its tables by other, slower code: outcome, risk, exposure, costs."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.outcome_inputs import TEST, Assessed, assessed
from scipy import stats

from samgraph.factors.risk.covariance import CovarianceSettings
from samgraph.factors.signals.styles import style_exposures
from samgraph.outcome.constructions import portfolios_in
from samgraph.outcome.risk import risk_backcast, risk_forecasts
from samgraph.outcome.tilts import tilt_table
from samgraph.report.pictures.figures import cost_curves
from samgraph.report.settings import costs
from samgraph.run.table_registry import registered


@pytest.fixture(scope="module")
def run() -> Assessed:
    return assessed()


def year(run: Assessed) -> float:
    """Weekdays in 365.25 days, over all days of the market: its own calendar, not 252."""
    days = [date.date() for date in run.inputs.market.dates]
    found = (len(days) - 1) / (days[-1] - days[0]).days * 365.25
    assert run.outcome.summary["days_a_year"] == pytest.approx(found) and 260 < found < 261.5
    return found


def held(run: Assessed, name: str, date: Any) -> dict[str, float]:
    rows = run.tables["holdings"]
    rows = rows[(rows["variant"] == name) & (rows["date"] == date)]
    return dict(zip(rows["company_id"], rows["weight"], strict=True))


def gain(run: Assessed, company: str, day: int) -> float:
    """The total return from the close of `day` to the next; 0 where either day has no bar."""
    market = run.inputs.market
    i = market.stocks.index(company)
    price = market.close[:, i] * market.adj[:, i]
    return float(price[day + 1] / price[day] - 1.0) if np.isfinite(price[day : day + 2]).all() else 0.0


def benchmark(run: Assessed, day: int) -> dict[str, float]:
    """Members by market cap; a missing one weighs as the day's median."""
    market = run.inputs.market
    own = [i for i in range(market.n_stocks) if market.member[day, i]]
    caps = {market.stocks[i]: float(market.weights()[day, i]) for i in own}
    return {company: cap / sum(caps.values()) for company, cap in caps.items()}


def test_realised_risk_is_the_return_of_what_was_held_less_what_the_benchmark_held(run: Assessed) -> None:
    market, risk = run.inputs.market, run.tables["risk"]
    assert set(risk["against"]) == {"nothing", "benchmark"} and set(risk["variant"]) == set(
        run.outcome.summary["variants"]
    )
    for row in risk.iloc[:: max(1, len(risk) // 60)].to_dict("records"):
        day = market.dates.get_loc(row["date"])
        assert row["return_date"] == market.dates[day + 1]
        weights = held(run, row["variant"], row["date"])
        if row["against"] == "benchmark":
            other = benchmark(run, day)
            weights = {k: weights.get(k, 0.0) - other.get(k, 0.0) for k in weights.keys() | other.keys()}
        assert row["realised"] == pytest.approx(
            sum(w * gain(run, k, day) for k, w in weights.items()), abs=1e-12
        )


def test_a_forecast_is_the_variance_of_the_exported_risk_model(run: Assessed) -> None:
    """From exposures, covariance and specific_risk alone: w' (X F X' + D) w of the day's active weights."""
    tables = run.tables
    factors = list(tables["risk_factors"]["factor"])
    market_factor = factors[list(tables["risk_factors"]["kind"]).index("market")]
    for row in tables["risk"].iloc[5 :: max(1, len(tables["risk"]) // 25)].to_dict("records"):
        day = run.inputs.market.dates.get_loc(row["date"])
        weights = held(run, row["variant"], row["date"])
        if row["against"] == "benchmark":
            other = benchmark(run, day)
            weights = {k: weights.get(k, 0.0) - other.get(k, 0.0) for k in weights.keys() | other.keys()}
        estimated = max(d for d in tables["covariance"]["date"].unique() if d <= row["date"])
        part = tables["covariance"][tables["covariance"]["date"] == estimated]
        common = np.zeros((len(factors), len(factors)))
        for a, b, value in zip(part["factor_a"], part["factor_b"], part["covariance"], strict=True):
            common[factors.index(a), factors.index(b)] = common[factors.index(b), factors.index(a)] = value
        own = tables["specific_risk"][tables["specific_risk"]["date"] == estimated].set_index("company_id")[
            "variance"
        ]
        exposures = tables["exposures"]
        today = exposures[(exposures["first"] <= row["date"]) & (exposures["last"] >= row["date"])]
        x = np.zeros(len(factors))
        for company, factor, exposure in zip(
            today["company_id"], today["factor"], today["exposure"], strict=True
        ):
            x[factors.index(factor)] += weights.get(company, 0.0) * exposure
        x[factors.index(market_factor)] = sum(weights.values())
        specific = sum(w**2 * own[company] for company, w in weights.items() if w)
        assert row["forecast"] == pytest.approx(math.sqrt(x @ common @ x + specific), rel=1e-6)
        assert row["specific_forecast"] == pytest.approx(math.sqrt(specific), rel=1e-6)


def test_the_universe_by_equal_and_by_cap_weights_stands_beside_every_run(run: Assessed) -> None:
    """A stock that does not trade earns 0 until it does; the first day, bought at its close, nothing."""
    market, table = run.inputs.market, run.tables["benchmarks"]
    main = run.tables["portfolio"].query("variant == 'product'").set_index("date")["benchmark_return"]
    by_name = {name: rows.set_index("date")["return"] for name, rows in table.groupby("benchmark")}
    assert set(by_name) == {"universe", "universe_equal", "universe_caps"} and set(table["kind"]) == {
        "total_return"
    }
    pd.testing.assert_series_equal(by_name["universe"], main, check_names=False)
    price = pd.DataFrame(market.close * market.adj).ffill().to_numpy()
    for name in ("universe_equal", "universe_caps"):
        for date, got in by_name[name].iloc[1:].items():
            t = market.dates.get_loc(date)
            weights = benchmark(run, t - 1)
            if name == "universe_equal":
                weights = dict.fromkeys(weights, 1.0 / len(weights))
            own = {market.stocks.index(company): weight for company, weight in weights.items()}
            assert got == pytest.approx(
                sum(w * (price[t, i] / price[t - 1, i] - 1.0) for i, w in own.items()), abs=1e-12
            )
        assert by_name[name].iloc[0] == 0.0
    said = run.outcome.summary["benchmarks"]
    gap = by_name["universe_equal"] - main
    assert said["main"] == "universe"
    assert said["rows"]["universe_equal"]["tracking_error"] == pytest.approx(gap.std() * math.sqrt(year(run)))
    assert said["rows"]["universe_equal"]["excess_return"] == pytest.approx(gap.mean() * year(run))
    grown = float(np.prod(1.0 + by_name["universe_caps"])) ** (year(run) / len(main)) - 1.0
    assert said["rows"]["universe_caps"]["return"] == pytest.approx(grown)
    assert said["rows"]["universe_caps"]["weights"] == "market caps"
    assert any("benchmark is the universe itself (total return)" in line for line in run.outcome.timeline)


def test_costs_by_cause_add_up_to_the_costs(run: Assessed) -> None:
    costs = run.tables["costs"]
    assert {"score", "bounds"} <= set(costs["cause"])
    for name, figures in run.outcome.summary["variants"].items():
        mine = costs[costs["variant"] == name]
        assert mine["cost_a_year"].sum() == pytest.approx(figures["cost"])
        trades = run.tables["trades"].query("variant == @name")
        assert mine["trades"].sum() == len(trades) and mine["cost"].sum() == pytest.approx(
            trades["cost"].sum()
        )


def test_figures_of_the_traded_score_are_those_of_the_top_and_of_the_universe(run: Assessed) -> None:
    market, table = run.inputs.market, scores(run, "product")
    price, gaps = market.close * market.adj, []
    for t in range(TEST.start, TEST.stop - 6):
        own = table.loc[market.dates[t]].dropna()
        place = [market.stocks.index(company) for company in own.index]
        forward = pd.Series(price[t + 6, place] / price[t + 1, place] - 1.0, index=own.index).dropna()
        best = own[forward.index].nlargest(math.ceil(0.1 * len(forward)))
        gaps.append(forward[best.index].mean() - forward.mean())
    traded = run.outcome.summary["traded"]
    found = traded["arms"]["product"]
    assert found["top_less_universe"] == pytest.approx(np.mean(gaps), abs=2e-3)
    assert found["rank_ic"] == pytest.approx(run.outcome.summary["variants"]["product"]["rank_ic"])
    assert traded["score"] == "raw" and -1 <= traded["transfer_coefficient"]["product"] <= 1
    assert traded["transfer_coefficient"].keys() == run.outcome.summary["variants"].keys()
    assert any("written off at 70%" in line for line in run.outcome.timeline)


def test_a_backcast_is_of_the_days_that_have_a_forecast_and_a_day_after(run: Assessed) -> None:
    """Held before the market begins, on the first day with a forecast, on the day before it, and on the last."""
    market = run.inputs.market
    forecasts = risk_forecasts(run.inputs, style_exposures(market), CovarianceSettings())
    assert forecasts is not None
    dates = forecasts.regression.dates
    days = [pd.Timestamp("2019-12-28"), dates[forecasts.first - 1], dates[forecasts.first], dates[-1]]
    held = pd.DataFrame({"date": days, "company_id": market.stocks[:4], "weight": 1.0})
    book: Any = SimpleNamespace(holdings=held)
    found = risk_backcast(run.inputs, forecasts, {"a": book}).query("against == 'nothing'")
    assert found["date"].tolist() == [dates[forecasts.first]]
    day = market.dates.get_loc(dates[forecasts.first])
    assert found["realised"].item() == pytest.approx(gain(run, market.stocks[2], day), abs=1e-12)


def test_a_style_that_is_known_of_nobody_has_no_mean(run: Assessed) -> None:
    holdings = run.tables["holdings"].query("variant == 'product'")
    nothing = np.full((run.inputs.market.n_dates, run.inputs.market.n_stocks), np.nan)
    row = tilt_table(run.inputs, holdings, {"value": nothing}).query("kind == 'style'").iloc[0]
    assert np.isnan(row["portfolio"]) and np.isnan(row["universe"]) and row["companies"] == 0


def scores(run: Assessed, variant: str) -> pd.DataFrame:
    """Each seed's scores of a day in standard deviations, averaged over seeds."""
    own = run.predictions[run.predictions["variant"] == variant]
    day = own.groupby(["seed", "date"])["score"]
    own = own.assign(score=(own["score"] - day.transform("mean")) / day.transform("std", ddof=0))
    return own.pivot_table(index="date", columns="company_id", values="score", aggfunc="mean")


def test_the_gap_in_rank_ic_is_that_of_products_less_industries(run: Assessed) -> None:
    market, gaps = run.inputs.market, {}
    price = market.close * market.adj
    for variant in ("product", "industry"):
        table, found = scores(run, variant), {}
        for t in range(TEST.start, TEST.stop):
            if t + 6 >= market.n_dates:
                continue
            own = table.loc[market.dates[t]].dropna()
            columns = [market.stocks.index(company) for company in own.index]
            forward = price[t + 6, columns] / price[t + 1, columns] - 1.0
            both = np.isfinite(forward)
            found[t] = float(stats.spearmanr(own.to_numpy()[both], forward[both]).statistic)
        gaps[variant] = pd.Series(found)
    expected = (gaps["product"] - gaps["industry"]).mean()
    assert abs(expected) > 1e-3  # else its sign says nothing
    assert run.outcome.summary["product_minus_industry"]["rank_ic"] == pytest.approx(expected, abs=2e-3)
    assert run.outcome.summary["variants"]["product"]["rank_ic"] == pytest.approx(
        gaps["product"].mean(), abs=2e-3
    )


def test_the_gap_in_return_is_that_of_the_portfolios(run: Assessed) -> None:
    daily = run.tables["portfolio"].pivot_table(index="date", columns="variant", values="return")
    gap = run.outcome.summary["product_minus_industry"]
    assert gap["excess_return"] == pytest.approx(
        year(run) * (daily["product"] - daily["industry"]).mean(), rel=1e-9
    )
    assert gap["ci_low"] < gap["excess_return"] < gap["ci_high"]


def test_coverage_counts_what_is_missing(run: Assessed) -> None:
    market = run.inputs.market
    rows = run.tables["coverage"].set_index("what")
    edgeless = rows.loc[["without a product edge"]].set_index("cause")
    assert list(edgeless["count"]) == [0, 2, 0]
    members = sum(int(market.member[t].sum()) for t in range(TEST.start, TEST.stop))
    assert list(edgeless["share"]) == pytest.approx([0.0, 2 / members, 0.0])
    scored = int(scores(run, "product").notna().sum().sum())
    expected = {
        "members of the universe": members,
        "without an industry": 0,
        "without a market cap": 6,  # S02's days without a bar
        "without a bar": 6,
        "not tradable": 0,
        "without a score": members - scored,
    }
    assert members - scored == 3 * (TEST.stop - TEST.start)
    assert {name: int(rows.loc[name, "count"]) for name in expected} == expected
    for name, count in expected.items():
        assert rows.loc[name, "share"] == pytest.approx(count / members)
    assert run.outcome.summary["companies"] == int(scores(run, "product").notna().any().sum())


def test_exposure_tilts_and_concentration_of_the_last_day(run: Assessed) -> None:
    inputs, tables = run.inputs, run.tables
    market, last = inputs.market, inputs.market.dates[TEST.stop - 1]
    weights = held(run, "product", last)
    weights = {k: w / sum(weights.values()) for k, w in weights.items()}
    universe = benchmark(run, TEST.stop - 1)
    edges = list(zip(*(inputs.last_edges[c] for c in ("company_id", "product_id", "weight")), strict=True))
    behind = {
        p: sum(w * weights.get(c, 0.0) for c, q, w in edges if q == p) for p in {p for _, p, _ in edges}
    }
    theirs = {p: sum(w * universe.get(c, 0.0) for c, q, w in edges if q == p) for p in behind}
    exposure = tables["exposure"].set_index("product_id")
    for product, weight in behind.items():
        if weight > 0:
            assert exposure.loc[product, "weight"] == pytest.approx(weight)
            assert exposure.loc[product, "active_weight"] == pytest.approx(weight - theirs[product])
    assert exposure.loc["R", "weight"] == pytest.approx(sum(behind.values()))
    sector = {company: inputs.sector_ids[inputs.sectors[0, i]] for i, company in enumerate(market.stocks)}
    tilts = tables["tilts"].set_index("factor")
    for key in inputs.sector_ids:
        own = sum(w for c, w in weights.items() if sector[c] == key)
        assert tilts.loc[key, "portfolio"] == pytest.approx(own)
        assert tilts.loc[key, "active"] == pytest.approx(
            own - sum(w for c, w in universe.items() if sector[c] == key)
        )
        assert tilts.loc[key, "companies"] == sum(w > 0 and sector[c] == key for c, w in weights.items())
    rows = tables["concentration"]
    rows = rows[rows["date"] == last].set_index("kind")
    industries = [sum(w for c, w in weights.items() if sector[c] == key) for key in inputs.sector_ids]
    for kind, shares in (("companies", list(weights.values())), ("industries", industries)):
        total = sum(shares)
        assert rows.loc[kind, "effective"] == pytest.approx(
            1.0 / sum((s / total) ** 2 for s in shares), rel=1e-9
        )
        assert rows.loc[kind, "largest_share"] == pytest.approx(max(shares), rel=1e-9)


def test_what_the_portfolio_is_held_against_agrees_with_the_books_and_the_control(run: Assessed) -> None:
    summary = run.outcome.summary
    found = summary["against"]
    assert set(found) == {"benchmark", "industry"}
    assert found["benchmark"]["difference"] == pytest.approx(summary["variants"]["product"]["excess_return"])
    control = summary["product_minus_industry"]
    assert found["industry"]["difference"] == control["excess_return"]
    for name in ("ci_low", "ci_high", "p_value", "n_days"):
        assert found["industry"][name] == control[name]
    best = summary["best_plain_factor"]
    less = best["score_less_factor"]
    assert less["difference"] == pytest.approx(best["score_rank_ic"] - best["rank_ic"])
    assert (less["p_value"] is None) == (less["ci_low"] is None)


def test_one_effective_number_of_products_is_told_with_its_cut(run: Assessed) -> None:
    told, rows = run.outcome.summary["concentration"], run.tables["concentration"]
    last = rows[rows["date"] == rows["date"].max()].set_index("kind")["effective"]
    assert told == {**last.to_dict(), "cut": run.config.concepts.regression_cut}


def test_books_add_up_and_the_summary_is_read_from_them(run: Assessed) -> None:
    for name, daily in run.tables["portfolio"].groupby("variant"):
        figures = run.outcome.summary["variants"][str(name)]
        before = np.append(run.config.trading.capital, daily["value"].to_numpy()[:-1])
        np.testing.assert_allclose(daily["return"], daily["value"].to_numpy() / before - 1.0, atol=1e-12)
        np.testing.assert_allclose(
            daily["excess_return"], daily["return"] - daily["benchmark_return"], atol=1e-15
        )
        np.testing.assert_allclose(daily["value"], daily["cash"] + daily["holdings_value"], rtol=1e-12)
        trades = run.tables["trades"]
        own = (
            trades[trades["variant"] == name]
            .groupby("date")["cost"]
            .sum()
            .reindex(daily["date"], fill_value=0.0)
        )
        np.testing.assert_allclose(daily["cost"], own.to_numpy(), atol=1e-6)
        assert figures["excess_return"] == pytest.approx(year(run) * daily["excess_return"].mean())
        assert figures["cost"] == pytest.approx(year(run) * (daily["cost"].to_numpy() / before).mean())


def test_the_report_s_costs_are_the_summary_s_with_the_first_day_s_purchase(run: Assessed) -> None:
    """Read from the page: 3.97% in the summary must not be 3.94% in the page."""
    shown: Any = SimpleNamespace(
        summary=run.outcome.summary,
        portfolios=portfolios_in(run.outcome.summary),
        has=lambda *names: all(name in run.tables for name in names),
        table=lambda name: run.tables[name],
        days_a_year=year(run),
        traded_days=run.outcome.summary["variants"]["product"]["days"],
    )
    page = costs(shown)
    for name, figures in run.outcome.summary["variants"].items():
        row = re.search(rf"<tr data-variant='{name}'><td[^>]*>.*?</td>(.*?)</tr>", page)
        assert row is not None
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row[1])
        assert cells[2] == f"{figures['cost']:.2%}", name
        assert int(cells[0].replace(",", "")) == int((run.tables["trades"]["variant"] == name).sum())
    drawn = cost_curves(run.tables["portfolio"], shown.portfolios)
    for trace in drawn.data:
        figures = run.outcome.summary["variants"][trace.name]
        assert trace.y[0] > 0 or trace.y[1] > 0
        assert trace.y[-1] == pytest.approx(figures["cost"] * figures["days"] / year(run))


def test_the_contest_of_a_run_is_over_days_on_which_both_exposures_were_known(run: Assessed) -> None:
    table = run.tables["risk_contest"]
    assert tuple(table.columns) == registered("risk_contest").columns
    assert set(table["model"]) == {"product", "industry"}
    days = table.loc[table["measure"] == "log_likelihood", "n_days"]
    assert (days == TEST.stop - TEST.start - 1).all()  # the last test day has no return after it
