"""A user's own features: columns of the bars and functions, which must not see the future; files of features."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracles.hist_making import make_bars, make_market

from samgraph.errors import ModelError
from samgraph.graph.dataset.folder import Dataset
from samgraph.hist.features import compute
from samgraph.hist.features.compute import daily_features
from samgraph.hist.market import Market, build_market
from samgraph.training.stored import read_market, write_market

MODULE = """
import numpy as np
from samgraph.hist.features.bars import Bars
from samgraph.hist.features.feature import Feature

def momentum(bars: Bars):
    return bars.close / bars.series("close").mean(axis=1, keepdims=True)

def tomorrow(bars: Bars):
    result = np.full_like(bars.close, np.nan)
    result[:-1] = bars.close[1:]
    return result

def whole_sample(bars: Bars):
    return bars.close - np.nanmean(bars.close, axis=0)

def row(bars: Bars):
    return bars.close[0]

def broken(bars: Bars):
    return bars.no_such_thing

quality = Feature("any", lambda bars: bars.column("quality") * 2, 3, columns=("quality",))
number = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's module in the present folder."""
    (tmp_path / "mine_of_tests.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("mine_of_tests", None)


def market_with(bars: pd.DataFrame, further: tuple[str, ...]) -> Market:
    dates = pd.bdate_range("2020-01-01", periods=bars["date"].nunique())
    members = pd.DataFrame(True, index=dates, columns=sorted(bars["company_id"].unique()))
    return build_market(
        bars, members, benchmark=None, start=dates[0], end=dates[-1], warmup_days=0, further=further
    )


def bars_with_quality() -> pd.DataFrame:
    bars = make_bars(1, 40, 5, missing=0.1)
    return bars.assign(quality=np.arange(len(bars)) / 7.0, limit_up=False, note="text")


def test_a_further_column_of_the_bars_is_a_feature_by_its_name() -> None:
    bars = bars_with_quality()
    found = daily_features(
        market_with(bars, ("quality", "limit_up", "note", "absent")), ["return_5", "quality"]
    )
    assert found.chosen.names == ("return_5", "quality")
    for row in bars.sample(30, random_state=1).itertuples():
        t, i = found.mask.shape and (
            pd.bdate_range("2020-01-01", periods=40).get_loc(row.date),
            int(row.company_id[1:]),
        )
        expected = np.float32(row.quality) if found.mask[t, i] else np.nan
        np.testing.assert_array_equal(found.values[t, i, 1], expected)


@pytest.mark.parametrize("name", ["limit_up", "note", "absent"])
def test_a_flag_a_text_or_nothing_is_no_feature(name: str) -> None:
    market = market_with(bars_with_quality(), (name,))
    with pytest.raises(ModelError, match=f"feature '{name}' is unknown"):
        daily_features(market, [name])


def test_a_dataset_gives_the_further_columns_that_are_asked_for(tmp_path: Path) -> None:
    bars = bars_with_quality().astype({"note": "str"})
    bars.loc[3, "quality"] = np.nan
    (tmp_path / "d").mkdir()
    bars.to_csv(tmp_path / "d" / "bars.csv", index=False)
    dataset = Dataset(tmp_path / "d")
    assert "quality" not in dataset.read("bars").columns
    read = dataset.read("bars", further=("quality", "absent"))
    np.testing.assert_allclose(read["quality"], bars["quality"])
    assert "absent" not in read.columns and "note" not in read.columns


def test_a_market_is_kept_with_its_further_columns(tmp_path: Path) -> None:
    market = market_with(bars_with_quality().drop(columns="vwap"), ("quality",))
    write_market(tmp_path, market)
    again = read_market(tmp_path)
    assert again.columns == market.columns == ("quality",)
    for name, panel in market.panels().items():
        np.testing.assert_array_equal(again.panels()[name], panel)
    order = np.array([3, 1, 0, 2, 4])
    np.testing.assert_array_equal(
        market.permuted(order).further["quality"], market.further["quality"][:, order]
    )


@pytest.mark.usefixtures("module")
def test_a_function_is_a_feature_by_its_dotted_name() -> None:
    market = market_with(bars_with_quality(), ("quality",))
    found = daily_features(market, ["mine_of_tests.momentum", "mine_of_tests:quality"])
    price = np.where(found.mask, market.close * market.adj, np.nan)
    mean = np.where(market.volume > 0, market.close * market.adj, np.nan).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.values[:, :, 0], price / mean, rtol=1e-6)
    expected = np.where(found.mask, market.further["quality"] * 2, np.nan)
    np.testing.assert_allclose(found.values[:, :, 1], expected, rtol=1e-6)


@pytest.mark.usefixtures("module")
@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("tomorrow", "sees the future: company S00 on"),
        ("whole_sample", "sees the future"),
        ("row", r"gives the shape \(5,\)"),
        ("broken", "failed: AttributeError"),
        ("number", "is a int; make it a function"),
        ("absent", "cannot be imported"),
    ],
)
def test_a_function_that_cannot_be_a_feature_is_refused(name: str, match: str) -> None:
    with pytest.raises(ModelError, match=match):
        daily_features(make_market(1, 60, 5), [f"mine_of_tests.{name}"])


@pytest.mark.usefixtures("module")
def test_a_feature_of_ones_own_needs_its_columns() -> None:
    with pytest.raises(ModelError, match="needs the bars' column 'quality'"):
        daily_features(make_market(1, 60, 5), ["mine_of_tests.quality"])


def test_features_are_kept_in_a_file_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market = make_market(2, 80, 30, missing=0.1)
    names = ["ten", "KMID", "CORR10"]
    kept = daily_features(market, names, tmp_path)
    assert isinstance(kept.values, np.memmap)
    np.testing.assert_array_equal(kept.values, daily_features(market, names).values)
    monkeypatch.setattr(compute, "_masked", None)  # whoever computes anew fails
    np.testing.assert_array_equal(daily_features(market, names, tmp_path).values, kept.values)


def test_another_market_or_other_features_are_another_file(tmp_path: Path) -> None:
    market = make_market(2, 50, 4)
    daily_features(market, ["KMID"], tmp_path)
    market.close[20, 1] *= 1.01
    daily_features(market, ["KMID"], tmp_path)
    daily_features(market, ["KLEN"], tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 3


@pytest.mark.usefixtures("module")
def test_a_changed_function_is_computed_anew(module: Path, tmp_path: Path) -> None:
    market, name = make_market(2, 50, 4), ["mine_of_tests.momentum"]
    before = daily_features(market, name, tmp_path).values
    text = MODULE.replace("return bars.close /", "return 2 * bars.close /")
    (module / "mine_of_tests.py").write_text(text, encoding="utf-8")
    sys.modules.pop("mine_of_tests")
    sys.path_importer_cache.clear()
    after = daily_features(market, name, tmp_path).values
    np.testing.assert_allclose(after, 2 * before, rtol=1e-6)


def test_a_failed_computation_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(compute, "_masked", fail)
    with pytest.raises(MemoryError):
        daily_features(make_market(2, 50, 4), ["ten"], tmp_path)
    assert not [file for file in tmp_path.iterdir() if not file.name.endswith(".lock")]
