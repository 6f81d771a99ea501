"""What a researcher types first: one name each, nothing heavy before it is used, answers that say what they are."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import samgraph
from samgraph.errors import DatasetError
from samgraph.factors.evaluation.evaluate import evaluate
from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Membership
from samgraph.graph.ask.snapshot import Snapshot
from samgraph.graph.db.asof import AsOf
from samgraph.graph.series.cuts import Coverage
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.market import Market, build_market

DAYS = pd.bdate_range("2024-01-01", periods=30)
STOCKS = tuple(f"S{i:02d}" for i in range(40))


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_reading_the_package_brings_neither_neo4j_nor_torch_nor_pandas() -> None:
    heavy = "{'neo4j', 'torch', 'torch_geometric', 'pandas', 'numpy', 'plotly', 'cvxpy', 'ray'}"
    assert run(f"import samgraph, sys; print({heavy} & set(sys.modules))") == "set()"


def test_a_backtest_begins_without_torch_which_only_its_workers_need() -> None:
    heavy = "{'torch', 'torch_geometric', 'arch', 'matplotlib', 'lightgbm', 'cvxpy', 'ray'}"
    assert run(f"import samgraph.run.backtest, sys; print({heavy} & set(sys.modules))") == "set()"


def test_every_public_name_is_there_and_is_listed() -> None:
    assert (
        run("import samgraph; print(all(callable(getattr(samgraph, n)) for n in samgraph.__all__))") == "True"
    )
    assert set(samgraph.__all__) <= set(dir(samgraph))
    with pytest.raises(AttributeError, match="no attribute 'snapshoot'"):
        samgraph.snapshoot  # noqa: B018


def made() -> tuple[Market, SnapshotSeries]:
    rng = np.random.default_rng(3)
    rows = pd.MultiIndex.from_product([DAYS, STOCKS], names=["date", "company_id"]).to_frame(index=False)
    close = 10.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (len(DAYS), len(STOCKS))), axis=0)).ravel()
    for name in ("open", "high", "low", "close"):
        rows[name] = close
    rows["volume"], rows["market_cap"] = 1e6, close * 1e6
    members = pd.DataFrame(True, index=DAYS, columns=list(STOCKS))
    members.iloc[:10, 0] = False
    market = build_market(rows, members, benchmark=None, start=DAYS[0], end=DAYS[-1], warmup_days=0)
    edges = Edges.of(np.arange(40), np.arange(40) % 4)
    series = SnapshotSeries(
        DAYS, STOCKS, tuple("ABCD"), tuple("abcd"), np.zeros(30, dtype=np.int64), (edges,)
    )
    return market, series


def test_a_market_and_a_series_say_what_they_hold() -> None:
    market, series = made()
    assert repr(market) == "Market(2024-01-01 to 2024-02-09: 30 days, 40 stocks, 39 to 40 members a day)"
    assert repr(series) == (
        "SnapshotSeries(2024-01-01 to 2024-02-09: products at leaf; 30 days in 1 version, 40 stocks, 4 concepts)"
    )


def test_a_markets_panels_are_frames_by_their_names() -> None:
    market, _ = made()
    frame = market.frame("close")
    assert frame.shape == (30, 40)
    assert frame.loc["2024-01-05", "S07"] == market.close[4, 7]
    with pytest.raises(DatasetError, match="no panel 'closed'; it has open, high"):
        market.frame("closed")


def test_frames_with_dates_and_companies_are_evaluated_and_regressed_as_arrays_are() -> None:
    market, series = made()
    returns = samgraph.forward_returns(market, 1)
    factor = pd.DataFrame(market.volume * market.close, index=DAYS, columns=list(STOCKS))
    found = evaluate({"size": factor}, {1: returns}, market.dates, market.stocks)
    again = evaluate({"size": factor.to_numpy()}, {1: returns}, market.dates, market.stocks)
    pd.testing.assert_frame_equal(found.decay, again.decay)
    assert repr(found).splitlines()[1].split()[:2] == ["factor", "horizon"]
    assert repr(found).splitlines()[2].split()[:2] == ["size", "1"]
    fitted: Any = cross_sectional_regression(
        samgraph.next_day(market.returns()),
        market.market_cap,
        market.dates,
        market.stocks,
        memberships=[Membership.from_series(series)],
    )
    assert repr(fitted).startswith("Regression(30 days, 40 stocks, 5 factors: r2 0.")


def test_results_are_tables_in_a_notebook_and_their_names_are_text() -> None:
    market, _ = made()
    hostile = "<b>size</b>"
    factor = market.volume * market.close
    label = samgraph.forward_returns(market, 1)
    found = evaluate({hostile: factor}, {1: label}, market.dates, market.stocks)
    premia = samgraph.fama_macbeth(label, {hostile: np.log(factor)})
    assert repr(premia).startswith("FamaMacBeth(30 days, 0 deficiencies)\n")
    snapshot = Snapshot(
        as_of=AsOf(dt.date(2024, 1, 5)),
        universe=None,
        cut="leaf",
        relation="products",
        companies=tuple(f"C{i:02d}" for i in range(12)),
        products=(hostile,),
        level=np.ones(1, dtype=np.int64),
        edges=Edges.of(np.arange(12), np.zeros(12, dtype=np.int64)),
        weight=np.linspace(0.1, 1.0, 12),
        days=np.full((12, 3), np.datetime64("NaT"), dtype="datetime64[D]"),
        coverage=Coverage(12, 12, 0, 0, 0, 0, 1.0, 1.0, 0.0, 0.0),
    )
    for one in (found, premia, snapshot):
        shown = one._repr_html_()
        assert "<table" in shown and hostile not in shown and "&lt;b&gt;size" in shown
    assert shown.count("<tr") == 11 and "the 10 largest of 12 edges" in shown and "C11" in shown
