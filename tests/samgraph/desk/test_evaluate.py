"""A factor file as alphalens users have it goes through `evaluate` with alphalens' own figures."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.outcome_inputs import inputs_by_hand, settings

from samgraph.desk.evaluate import FactorStudy, evaluate_factors
from samgraph.desk.factor_files import read_factors
from samgraph.errors import DatasetError
from samgraph.factors.evaluation.beside_products import beside_products
from samgraph.report.factor import factor_page
from samgraph.run.inputs import Inputs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alphalens import performance, utils


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    found = inputs_by_hand()
    shape = found.market.close.shape  # without price limits, of which alphalens knows nothing
    free = {"upper_limit": np.full(shape, np.inf), "lower_limit": np.zeros(shape)}
    return replace(found, market=replace(found.market, **free))


@pytest.fixture(scope="module")
def series(inputs: Inputs) -> pd.Series:
    market, rng = inputs.market, np.random.default_rng(4)
    values = pd.DataFrame(
        rng.normal(size=market.close.shape), index=market.dates, columns=list(market.stocks)
    )
    long = values.where(market.member).stack()  # noqa: PD013  (the form of alphalens)
    long = long[inputs.market.dates[inputs.test][0] :]
    return long.rename_axis(["date", "asset"]).rename("factor")


@pytest.fixture(scope="module")
def found(inputs: Inputs, series: pd.Series, tmp_path_factory: pytest.TempPathFactory) -> FactorStudy:
    file = tmp_path_factory.mktemp("factor") / "mine.parquet"
    series.to_frame().to_parquet(file)
    return evaluate_factors(settings(), inputs, read_factors([file]))


@pytest.mark.filterwarnings("ignore")
def test_ic_and_quantile_returns_equal_alphalens_from_its_own_form(
    inputs: Inputs, series: pd.Series, found: FactorStudy
) -> None:
    market = inputs.market
    price = pd.DataFrame(market.close * market.adj, index=market.dates, columns=list(market.stocks)).shift(-1)
    forward = {f"{h}D": (price.shift(-h) / price - 1.0).stack() for h in (1, 5)}  # noqa: PD013
    frame = pd.DataFrame(forward).rename_axis(["date", "asset"])
    frame["factor"] = series
    # quantiles are formed of all that have the factor; alphalens drops rows without a return first
    frame = frame[frame["factor"].notna()].dropna()
    given, kept = (part.groupby(level=0).size() for part in (series, frame))
    whole = kept.index[kept == given.reindex(kept.index)]
    frame = frame[frame.index.get_level_values(0).isin(whole)]
    frame["factor_quantile"] = utils.quantize_factor(frame, 5)
    theirs = performance.factor_information_coefficient(frame)
    means, _ = performance.mean_return_by_quantile(frame, by_date=True, demeaned=False)
    ic, quantiles = (found.tables[name] for name in ("ic", "quantiles"))
    assert len(theirs) > 15
    for h in (1, 5):
        own = ic[(ic["against"] == "nothing") & (ic["factor"] == "mine") & (ic["horizon"] == h)]
        got = own.set_index("date")["rank_ic"].reindex(theirs.index)
        np.testing.assert_allclose(got, theirs[f"{h}D"], atol=1e-12)
        rows = quantiles[(quantiles["against"] == "nothing") & (quantiles["horizon"] == h)]
        mine = rows.set_index(["quantile", "date"])["mean_return"].reindex(means.index)
        np.testing.assert_allclose(mine, means[f"{h}D"], atol=1e-12)


def test_every_yardstick_has_its_rows_and_the_page_shows_hostile_names_as_text(found: FactorStudy) -> None:
    decay = found.tables["decay"]
    assert set(decay["against"]) == {
        *("nothing", "industry_size", "styles", "styles_industries", "styles_industries_products")
    }
    assert len(decay) == 5 * 2 and set(found.summary["portfolios"]) == {"mine", "mine_optimised"}
    assert {"reversal_1", "momentum", "small_size", "mine"} <= set(found.tables["plain_factors"]["factor"])
    assert found.summary["best_plain_factor"]["factor"] != "mine"
    page = factor_page(found.tables, found.summary | {"universe": "<script>alert(1)</script>"})
    assert (
        "<script>alert" not in page
        and "&lt;script&gt;alert" in page
        and "styles, industries, products" in page
    )


def test_a_plain_factor_given_as_ones_own_has_the_figures_that_the_run_gives_it(inputs: Inputs) -> None:
    market = inputs.market
    wide = pd.DataFrame(-np.log1p(market.returns()), index=market.dates, columns=list(market.stocks))
    own = wide.stack()  # noqa: PD013
    study = evaluate_factors(settings(), inputs, {"mine": own.rename_axis(["date", "company_id"])})
    table = study.tables["plain_factors"].set_index(["against", "factor", "horizon"])["rank_ic"]
    for against in ("nothing", "industry_size"):
        assert table[against, "mine", 5] == pytest.approx(table[against, "reversal_1", 5], abs=1e-12)
    pairs = study.tables["correlations"].set_index(["a", "b"])["rank_correlation"]
    assert pairs["mine", "reversal_1"] == pytest.approx(1.0)
    counts = study.tables["coverage"].set_index("what")["stock_days"]
    assert counts["used"] + counts["members without a value"] == market.member[inputs.test].sum()
    assert counts.drop("members without a value").sum() == len(own)


def test_a_later_value_of_a_factor_changes_no_earlier_figure(inputs: Inputs, series: pd.Series) -> None:
    day = inputs.market.dates[inputs.test][25]
    changed = series.where(series.index.get_level_values(0) < day, -series)
    one, two = (evaluate_factors(settings(), inputs, {"mine": s}).tables for s in (series, changed))
    for name in ("ic", "quantiles", "turnover", "portfolio"):
        a, b = (t[name][t[name]["date"] < day].reset_index(drop=True) for t in (one, two))
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    assert not one["ic"].equals(two["ic"])


def test_what_products_explain_leaves_nothing_and_the_rest_is_orthogonal_to_them(inputs: Inputs) -> None:
    market, series = inputs.market, inputs.coarse_products
    rng = np.random.default_rng(0)
    factor = rng.normal(size=market.close.shape)
    made = np.stack([series.dense(t).astype(float) @ [1.0, -2.0, 3.0, 0.5] for t in range(market.n_dates)])
    left = beside_products(factor, inputs.sectors, [], series)
    again = beside_products(factor + made, inputs.sectors, [], series)
    np.testing.assert_allclose(again, left, atol=1e-9)
    assert np.abs(np.einsum("i,ik->k", left[150], series.dense(150))).max() < 1e-9
    assert not np.any(beside_products(made, inputs.sectors, [], series))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("date,x\n2024-01-02,1\n", "a factor needs date and company_id"),
        ("date,company_id,x\nsoon,A,1\n", "has 'soon' as date in row 1"),
        ("date,company_id,x\n2024-01-02,A,high\n", "has 'high' as x in row 1"),
        ("date,company_id,x\n2024-01-02,A,inf\n", "has 'inf' as x in row 1"),
        ("date,company_id,x\n2024-01-02,A,1\n2024-01-02,A,2\n", "has A twice on 2024-01-02"),
        ("date,company_id,x\n2024-01-02,,1\n", "has no company_id in row 1"),
        ("date,company_id\n2024-01-02,A\n", "holds no factor beside"),
    ],
)
def test_a_file_that_is_no_factor_is_refused_in_a_sentence(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "f.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=says):
        read_factors([file])


def test_csv_parquet_and_series_are_one_factor(tmp_path: Path, series: pd.Series) -> None:
    forms: dict[str, Any] = {"a": series, "b": series.tz_localize("UTC", level=0)}
    for name, one in forms.items():
        one.to_frame().to_parquet(tmp_path / f"{name}.parquet")
    series.reset_index().to_csv(tmp_path / "c.csv", index=False)
    found = read_factors([tmp_path / name for name in ("a.parquet", "b.parquet", "c.csv")])
    for name in "bc":
        pd.testing.assert_series_equal(found[name], found["a"], check_names=False, check_index_type=False)
    with pytest.raises(DatasetError, match="no value for a member"):
        evaluate_factors(
            settings(), inputs_by_hand(), {"x": found["a"].rename(index=lambda c: f"{c}X", level=1)}
        )


def test_moments_of_another_time_zone_are_no_days(tmp_path: Path) -> None:
    """A day of Shanghai in UTC is 16:00 of the day before: taken as that day, a factor would be known a day early."""
    days = pd.date_range("2023-01-03", periods=3, tz="Asia/Shanghai")
    frame = pd.DataFrame({"date": days, "company_id": "A", "f": [1.0, 2.0, 3.0]})
    for form in ("parquet", "csv"):
        path = tmp_path / f"f.{form}"
        write = {
            "parquet": lambda f, path=path: f.to_parquet(path),
            "csv": lambda f, path=path: f.to_csv(path),
        }[form]
        write(frame.assign(date=days.tz_convert("UTC")))
        with pytest.raises(DatasetError, match=r"row 1, a moment of the time zone UTC"):
            read_factors([path])
        write(frame)
        if form == "parquet":
            assert read_factors([path])["f"].index[0][0] == pd.Timestamp("2023-01-03")
