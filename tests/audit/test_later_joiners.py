"""Companies and concepts that come later change the axes of every array, and not one bit of what was known before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.hist_making import make_bars

from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import Membership
from samgraph.factors.regression.ridge import Ridge
from samgraph.graph.series.chain_links import ChainLinks, ValueChain
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist import apply
from samgraph.hist.config import HistConfig, variant
from samgraph.hist.data import training_inputs
from samgraph.hist.market import Market, build_market
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window
from samgraph.sums import over_stocks, total

N_DATES, N_STOCKS, DAY = 170, 60, 150
LATE = np.array([2, 3, 11, 17, 30, 31, 44, 59])  # join after DAY, or never
NAMES = [f"S{i:02d}" for i in range(N_STOCKS)]


def market(*, late: bool, days: int = N_DATES) -> Market:
    """Bars of all; those of `LATE` are members from after DAY on, or unknown to the market."""
    bars = make_bars(7, N_DATES, N_STOCKS, missing=0.03)
    dates = pd.bdate_range("2020-01-01", periods=N_DATES)
    members = pd.DataFrame(True, index=dates, columns=NAMES)
    members.iloc[100:, 5] = False
    members.iloc[:141, 20] = False  # joins in the test days, but before DAY
    members.iloc[: DAY + 1, LATE] = False
    if late:
        members.iloc[: DAY + 4, LATE[:3]] = False
    else:
        members = members.drop(columns=[NAMES[i] for i in LATE])
    end = dates[days - 1]
    return build_market(bars, members, benchmark=None, start=dates[0], end=end, warmup_days=0)


def series(of: Market, *, late: bool, chain: bool = False) -> SnapshotSeries:
    """Edges to 6 concepts; in the later one a seventh, in the middle of the axis, after DAY."""
    rng = np.random.default_rng(3)
    linked, share = rng.uniform(size=(N_STOCKS, 6)) < 0.35, rng.uniform(0.1, 1.0, (N_STOCKS, 6))
    concepts = [f"P{k}" for k in range(6)]
    place = {name: i for i, name in enumerate(of.stocks)}
    edges = [(i, k) for i, k in zip(*np.nonzero(linked), strict=True)]
    names = [*concepts, "P2b"] if late else concepts
    names = sorted(names)
    known = [(place[NAMES[i]], names.index(concepts[k]), share[i, k]) for i, k in edges if i not in LATE]
    versions = [Edges.of(*zip(*known, strict=True))]
    version = np.zeros(of.n_dates, dtype=np.int64)
    if late:
        new = [(place[NAMES[i]], names.index("P2b"), 0.5) for i in (*LATE, 8, 9)]
        versions.append(Edges.of(*zip(*known, *new, strict=True)))
        version[DAY + 1 :] = 1
    found = SnapshotSeries(of.dates, of.stocks, tuple(names), tuple(names), version, tuple(versions))
    if chain:
        at = [names.index(concepts[k]) for k in (0, 2, 3, 4)]
        links = ChainLinks(np.array(at[:3]), np.array(at[1:]), np.array([0.7, 0.4, 1.0], dtype=np.float32))
        found = replace(found, chain=ValueChain(np.zeros(of.n_dates, dtype=np.int64), (links,)))
    found.validate()
    return found


SMALL: dict[str, Any] = {
    "hidden_size": 24, "epochs": 2, "tuning_epochs": 1, "horizon": 3, "burn_in": 20, "min_history": 10,
    "window_length": 10,
}  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        variant("samgraph", **SMALL),
        variant("samgraph", **SMALL, scaling="day"),
        variant("samgraph", **SMALL, value_chain=True),
        variant("samgraph", **SMALL, attention="all", dropout=0.2),
        variant("paper", **(SMALL | {"epochs": 1, "chunk": 10})),
    ],
    ids=["samgraph", "scaled by each day", "value chain", "all, dropout", "paper"],
)
@pytest.mark.parametrize("block", [apply.BLOCK, 16])
def test_predictions_do_not_depend_on_who_joins_later(
    config: HistConfig, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "BLOCK", block)
    found = []
    for late, days in ((False, N_DATES), (True, N_DATES - 3)):
        bars = market(late=late, days=days)
        inputs = training_inputs(bars, series(bars, late=late, chain=config.value_chain), config)
        window = Window(slice(30, 90), slice(100, 130), slice(140, days))
        found.append(fit_window(inputs, window, config, 0))
    day = pd.bdate_range("2020-01-01", periods=N_DATES)[DAY]
    frames = [one.predictions[one.predictions["date"] <= day] for one in found]
    pd.testing.assert_frame_equal(*(frame.reset_index(drop=True) for frame in frames), check_exact=True)
    assert len(frames[0]) > 500 and {"S20"} <= set(frames[0]["company_id"])
    pd.testing.assert_frame_equal(found[0].curves, found[1].curves, check_exact=True)
    assert {NAMES[i] for i in LATE} & set(found[1].predictions["company_id"])


def panels(late: bool, n_concepts: int) -> dict[str, Any]:
    """What a regression reads of 530 stocks: 40 of them, and a concept, are there from day 9 on, or not at all."""
    rng = np.random.default_rng(5)
    n_dates, n_stocks, begin = 14, 530, 9
    returns = 0.02 * rng.normal(size=(n_dates, n_stocks))
    returns[rng.uniform(size=returns.shape) < 0.03] = np.nan
    returns[:3, 7] = np.nan
    cap = np.exp(rng.normal(size=returns.shape))
    styles = {name: rng.normal(size=returns.shape) for name in ("size", "value")}
    linked, share = rng.uniform(size=(n_stocks, n_concepts)), rng.uniform(0.1, 1.0, (n_stocks, n_concepts))
    joining = np.sort(rng.permutation(n_stocks)[:40])
    stocks, concepts = np.arange(n_stocks), np.arange(n_concepts)
    use = np.ones(returns.shape, dtype=bool)
    use[:begin, joining] = False
    if not late:
        stocks, concepts = np.delete(stocks, joining), np.delete(concepts, 2)
    place = {int(k): i for i, k in enumerate(concepts)}
    near = linked <= np.sort(linked, axis=1)[:, 2:3]  # three of each
    version = []
    for day in (0, begin):
        there = np.isin(stocks, joining) <= (day == begin)
        row, column = np.nonzero(near[stocks] & there[:, None])
        kept = (column != 2) | (day == begin) if late else column != 2
        row, column = row[kept], column[kept]
        weight = share[stocks[row], column]
        version.append(Edges.of(row, [place[int(k)] for k in column], weight))
    names = tuple(f"p{k:03d}" for k in concepts)
    ids = tuple(f"s{i:03d}" for i in stocks)
    dates = pd.bdate_range("2020-01-01", periods=n_dates)
    days = (np.arange(n_dates) >= begin).astype(np.int64)
    parents = {f"p{k:03d}": f"q{k % 3}" for k in range(n_concepts)}
    series = SnapshotSeries(dates, ids, names, names, days, tuple(version))
    return {
        "forward": returns[:, stocks],
        "cap": cap[:, stocks],
        "dates": dates,
        "stocks": ids,
        "styles": {name: values[:, stocks] for name, values in styles.items()},
        "universe": use[:, stocks],
        "memberships": [Membership.from_series(series, parents=parents)],
    }


@pytest.mark.parametrize("n_concepts", [8, 60])
@pytest.mark.parametrize("ridge", [None, Ridge(every=2, first=2)], ids=["plain", "ridge"])
def test_regressions_do_not_depend_on_who_joins_later(n_concepts: int, ridge: Ridge | None) -> None:
    one, two = (cross_sectional_regression(**panels(late, n_concepts), ridge=ridge) for late in (False, True))
    columns = [two.columns.index(name) for name in one.columns]
    stocks = [two.stocks.index(name) for name in one.stocks]
    pd.testing.assert_frame_equal(one.days[:9], two.days[:9], check_exact=True)
    for values, others in ((one.returns, two.returns), (one.errors, two.errors)):
        np.testing.assert_array_equal(values[:9], others[:9, columns])
    np.testing.assert_array_equal(one.specific[:9], two.specific[:9, stocks])
    assert np.isfinite(one.specific[:9]).sum() > 4000 and (one.days["rank"][:9] > 0).all()
    assert not np.array_equal(one.specific[9:], two.specific[9:, stocks], equal_nan=True)


def test_a_sum_over_stocks_does_not_move_with_a_zero_at_any_place() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 1003))
    wider = np.insert(values, [0, 5, 5, 700, 1003], 0.0, axis=1)
    moved = [not np.array_equal(values.sum(axis=1), wider.sum(axis=1))]  # what numpy's own sum does
    assert moved == [True]
    for days in (slice(0, 50), slice(0, 49), slice(3, 4)):  # whatever other days there are
        assert np.array_equal(over_stocks(values)[days], over_stocks(wider[days]))
    assert over_stocks(values)[7] == total(wider[7]) == total(values[7])
    np.testing.assert_allclose(over_stocks(values), values.sum(axis=1), atol=1e-12)
    assert over_stocks(np.zeros((3, 0))).tolist() == [0.0, 0.0, 0.0] and total(np.zeros(0)) == 0.0
