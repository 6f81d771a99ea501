"""The benchmarks of quality: their windows, the copy with static edges, and the rows of a run."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles.benchmarks import benchmark
from oracles.hist_making import make_market

from samgraph.config import RunConfig
from samgraph.exchange.calendar import days_a_year
from samgraph.factors.evaluation.inference import mean_test
from samgraph.graph.dataset.folder import Dataset
from samgraph.hist.labels import forward_returns
from samgraph.hist.metrics import rank_ic
from samgraph.training.stored import write_market


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    return benchmark("quality")


def dataset(folder: Path) -> Path:
    """Bars of two stocks from 2008 to 2026, an index, and revenue shares known from 2021 on."""
    folder.mkdir()
    days = pd.bdate_range("2008-01-01", "2026-06-30")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume", "market_cap"), 1.0)
    bars = pd.DataFrame({"date": days, "company_id": "A", **prices})
    pd.concat([bars, bars.assign(company_id="B")]).to_parquet(folder / "bars.parquet", index=False)
    index = pd.DataFrame({"date": days, "benchmark": "CSI300", "close": 1.0})
    index.to_parquet(folder / "benchmarks.parquet", index=False)
    since = [pd.Timestamp("2021-05-01"), pd.Timestamp("2022-05-01"), pd.Timestamp("2021-06-01")]
    held = pd.DataFrame({"company_id": ["A", "A", "B"], "valid_from": since, "valid_to": pd.NaT})
    held.assign(product_id=["p", "q", "p"], revenue=1.0).to_parquet(folder / "segments.parquet", index=False)
    held.assign(industry_id="i").to_parquet(folder / "company_industries.parquet", index=False)
    return folder


def test_the_windows_are_the_protocol_s(quality: ModuleType, tmp_path: Path) -> None:
    held = Dataset(dataset(tmp_path / "data"))
    days = pd.bdate_range("2008-01-01", "2026-05-08")

    def settings(name: str, **changes: Any) -> RunConfig:
        config: RunConfig = quality.settings_of(quality.PROTOCOLS[name], held, ["gru"], 2, changes)
        return config

    qlib = settings("qlib")
    assert (qlib.start.isoformat(), qlib.end.isoformat()) == ("2010-01-01", "2020-07-31")
    first = days.searchsorted(pd.Timestamp("2010-01-01"))
    tested = days[first + qlib.windows.train_days + qlib.windows.valid_days]
    assert days[first + qlib.windows.train_days] == pd.Timestamp("2015-01-01")
    assert tested == pd.Timestamp("2017-01-02") and qlib.model.horizon == 1
    csi = settings("csi300", model={"hidden_size": 32})
    sizes = csi.windows
    assert (sizes.train_days, sizes.valid_days, csi.benchmark) == (2000, 250, "CSI300")
    tests = days[(days >= "2022-01-01")]
    assert 3 * sizes.test_days >= len(tests) > 3 * (sizes.test_days - 1)
    assert csi.variants == ("product", "gru") and csi.seeds == 2 and csi.model.hidden_size == 32


def test_static_edges_hold_from_ever_on_and_later_ones_from_their_own_day(
    quality: ModuleType, tmp_path: Path
) -> None:
    copy = quality.static_dataset(dataset(tmp_path / "data"), tmp_path / "copy")
    found = pd.read_parquet(copy / "segments.parquet")
    early = pd.Timestamp("1990-01-01")
    assert found["valid_from"].tolist() == [early, pd.Timestamp("2022-05-01"), early]
    assert (copy / "bars.parquet").exists()
    assert quality.static_dataset(tmp_path / "data", copy) == copy, "made once"


def test_rows_hold_the_mean_score_s_figures_and_paired_differences(
    quality: ModuleType, tmp_path: Path
) -> None:
    market = make_market(1, 140, 12)  # long enough to tell how many days its year has
    write_market(tmp_path / "checkpoints", market)
    rng = np.random.default_rng(1)
    days = market.dates[40:110]
    pairs = pd.MultiIndex.from_product([days, market.stocks], names=["date", "company_id"]).to_frame(
        index=False
    )
    label = forward_returns(market, 3, lag=1, price="close")
    known = np.nan_to_num(label[40:110].ravel())
    frames, scores = [], {}
    for arm, weight in (("product", 0.5), ("gru", 0.0)):
        seeds = [weight * known + 0.05 * rng.normal(size=len(known)) for _ in range(2)]
        parts = {"concept": 0.0, "hidden": 0.0}
        for seed, drawn in enumerate(seeds):
            one = drawn * (1 + 9 * seed)  # the second seed's scores spread ten times as wide
            frames.append(pairs.assign(variant=arm, seed=seed, window=0, **parts, individual=one, score=one))
        panels = [one.reshape(len(days), -1) for one in seeds]
        scores[arm] = sum((p - p.mean(1, keepdims=True)) / p.std(1, keepdims=True) for p in panels) / 2
    pd.concat(frames).to_parquet(tmp_path / "predictions.parquet", index=False)
    gains = {"product": rng.normal(0.001, 0.01, 70), "gru": rng.normal(0.0, 0.01, 70)}
    books = [pd.DataFrame({"variant": arm, "date": days, "return": gain}) for arm, gain in gains.items()]
    pd.concat(books).to_parquet(tmp_path / "portfolio.parquet", index=False)
    config = RunConfig.model_validate(
        {
            "data": "d", "universe": "U", "start": "2020-01-01", "end": "2021-01-01", "seeds": 2,
            "variants": ["product", "gru"], "model": {"horizon": 3},
        }
    )  # fmt: skip
    figures = dict.fromkeys(quality.FIGURES.values(), 0.25)
    rows = quality.rows_of(tmp_path, config, {"variants": {"product": figures, "gru": figures}})
    assert [row["arm"] for row in rows] == ["product", "gru"] and rows[0]["rank_ic"] == 0.25
    ours, theirs = (rank_ic(scores[arm], label[40:110]) for arm in ("product", "gru"))
    gap = (ours - theirs)[np.isfinite(ours - theirs)]
    found = rows[0]["less"]["gru"]
    assert found["rank_ic"] == pytest.approx(gap.mean(), abs=1e-9) and found["rank_ic"] > 0.1
    assert found["rank_ic_tstat"] == pytest.approx(mean_test(gap, 3).t, rel=1e-6)
    assert rows[1]["less"]["product"]["rank_ic"] == pytest.approx(-found["rank_ic"])
    assert found["ci_low"] < found["excess_return"] < found["ci_high"]
    earned = (gains["product"] - gains["gru"]).mean()
    assert found["excess_return"] == pytest.approx(earned * days_a_year(market.dates))


def test_published_rows_are_named_as_such_and_have_every_figure(quality: ModuleType) -> None:
    rows = quality.published_rows()
    hist = next(row for row in rows if row["arm"] == "HIST")
    assert hist["published"] and (hist["rank_ic"], hist["rank_icir"], hist["ic"]) == (0.0667, 0.4576, 0.0522)
    assert all(set(quality.FIGURES) <= set(row) for row in rows)
