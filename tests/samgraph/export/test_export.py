"""A run with both constructions: its risk, its trials, and what leaves it for other tools, by their own examples."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import ROOT, empty_database
from scipy import stats

from samgraph.cli.runs.export import command
from samgraph.cli.runs.trials import command as trials_command
from samgraph.config import load_config
from samgraph.economy.simulate import simulate
from samgraph.errors import RunError
from samgraph.export.formats import export, qlib_instrument
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.run.backtest import backtest

pytestmark = pytest.mark.slow  # one run with both constructions stands behind all of them


@pytest.fixture(scope="module")
def run(graph_server: Address, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("economy") / "data"
    simulate(folder, 5, companies=40, products=60, years=2)
    empty_database(graph_server)
    settings = load_config(
        None,
        {
            "data": folder,
            "universe": "SIM",
            "start": "2019-07-01",
            "end": "2020-09-30",
            "seeds": 1,
            "variants": ("product", "industry"),
            "horizons": (1, 5),
            "windows": {"train_days": 120, "valid_days": 40, "test_days": 150},
            "model": {"epochs": 1, "tuning_epochs": 1, "hidden_size": 8, "horizon": 5},
            "concepts": {"regression_cut": "adaptive:min=5,max=0.9"},
            "trading": {"construction": "both", "impact": "sqrt", "impact_coefficient": 1.0},
            "optimiser": {"stock": 0.05, "product": 0.05, "industry": 0.05, "tracking_error": 0.06},
        },
    )
    out = tmp_path_factory.mktemp("run") / "run"
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(folder))
        backtest(settings, out, graph=graph)
    return out


def example(name: str, folder: Path) -> str:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_both_constructions_stand_beside_each_other_with_their_risk_and_their_trials(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    names = {"product", "industry", "product_optimised", "industry_optimised"}
    assert set(summary["variants"]) == names == set(summary["risk"])
    for figures in summary["optimiser"].values():
        assert figures["days"] == figures["within_bounds"] + sum(figures["relaxed"].values()) > 50
    decisions = pd.read_parquet(run / "optimiser.parquet")
    kept = decisions[decisions["relaxed"] == ""]
    assert len(kept) > 0.8 * len(decisions)
    assert kept["tracking_error"].max() < 0.06 * 1.02  # what is less than a lot is left out after the optimum
    risk = pd.read_parquet(run / "risk.parquet")
    rows = risk[(risk["variant"] == "product") & (risk["against"] == "benchmark")]
    z = rows["realised"] / rows["forecast"]
    assert summary["risk"]["product"]["active"]["bias"] == pytest.approx(z.std(), rel=1e-12)
    assert summary["risk"]["product"]["active"]["qlike"] == pytest.approx(
        (z**2 - np.log(z**2) - 1).mean(), rel=1e-12
    )
    assert 0.6 < summary["risk"]["product"]["total"]["bias"] < 1.6
    over = summary["overfitting"]
    assert (over["trials"], over["configurations"]) == (4, 1)
    assert over["probability_of_overfitting"]["trials"]["trials"] == 4
    for name in names:
        assert 0.0 <= over["variants"][name]["deflated_sharpe"] <= 1.0
    timeline = json.loads((run / "manifest.json").read_text())["timeline"]
    assert any("optimised portfolio is chosen" in line and "tracking error" in line for line in timeline)
    shown = CliRunner().invoke(
        trials_command, ["--format", "csv", "--universe", "SIM"], catch_exceptions=False
    )
    assert sum(str(run.resolve()) in line for line in shown.stdout.splitlines()) == 4


def test_cvxpy_gets_the_risk_model_of_the_day_and_nothing_later(run: Path, tmp_path: Path) -> None:
    dates = np.unique(pd.read_parquet(run / "portfolio.parquet")["date"])
    day = pd.Timestamp(dates[len(dates) // 2])
    ran = CliRunner().invoke(
        command,
        [str(run), str(tmp_path / "m"), "--to", "cvxpy", "--as-of", str(day.date())],
        catch_exceptions=False,
    )
    assert ran.exit_code == 0 and "model.npz" in ran.stdout
    with np.load(tmp_path / "m" / "model.npz") as model:
        held = {name: model[name] for name in model.files}
    assert held["date"] == str(day.date())
    root = held["factor_root"]
    np.testing.assert_allclose(root @ root.T, held["factor_covariance"], atol=1e-15)
    assert held["benchmark_weight"].sum() == pytest.approx(1.0)
    # the model that left is the one that made the run's own forecast of that day
    holdings = pd.read_parquet(run / "holdings.parquet").query("variant == 'product' and date == @day")
    own = holdings.set_index("company_id")["weight"]
    risk = pd.read_parquet(run / "risk.parquet").query("variant == 'product' and date == @day")
    if set(own.index) <= set(held["stocks"]):
        h = own.reindex(held["stocks"]).fillna(0.0).to_numpy()
        x = held["exposures"].T @ h
        variance = x @ held["factor_covariance"] @ x + held["specific_variance"] @ h**2
        forecast = risk.loc[risk["against"] == "nothing", "forecast"].iloc[0]
        assert np.sqrt(variance) == pytest.approx(forecast, rel=1e-9)
    frame = pd.read_parquet(tmp_path / "m" / "exposures.parquet")
    np.testing.assert_array_equal(frame.to_numpy(), held["exposures"])
    text = example("cvxpy_tracking.py", tmp_path / "m")
    assert text.startswith("optimal")
    error = float(re.search(r"tracking error (\S+),", text)[1])  # type: ignore[index]
    assert error <= 0.05 + 1e-4


def test_skfolio_takes_returns_factors_and_covariance(run: Path, tmp_path: Path) -> None:
    export(run, "skfolio", tmp_path)
    covariance = pd.read_parquet(tmp_path / "covariance.parquet")
    exposures = pd.read_parquet(tmp_path / "exposures.parquet")
    common = pd.read_parquet(tmp_path / "factor_covariance.parquet")
    own = pd.read_parquet(tmp_path / "stocks.parquet")["specific_variance"]
    whole = exposures.to_numpy() @ common.to_numpy() @ exposures.to_numpy().T + np.diag(own)
    np.testing.assert_allclose(covariance, whole, atol=1e-15)
    assert np.linalg.eigvalsh(covariance)[0] > 0
    returns = pd.read_parquet(tmp_path / "returns.parquet")
    factors = pd.read_parquet(tmp_path / "factor_returns.parquet")
    assert list(returns.columns) == list(covariance.columns) and factors.index.max() <= returns.index.max()
    text = example("skfolio_prior.py", tmp_path)
    low, high = (float(x) for x in re.findall(r"volatility (\S+),", text))
    assert 0 < low <= high


def test_alphalens_finds_the_information_coefficients_of_the_exported_frames(
    run: Path, tmp_path: Path
) -> None:
    export(run, "alphalens", tmp_path, factor="individual")
    factor = pd.read_parquet(tmp_path / "factor.parquet")["neutralised"]
    prices = pd.read_parquet(tmp_path / "prices.parquet")
    assert factor.index.names == ["date", "asset"]
    forward = (prices.shift(-1) / prices - 1).reset_index(names="date").melt("date", var_name="asset")
    forward = forward.set_index(["date", "asset"])["value"].rename("forward")
    both = pd.concat([factor, forward], axis=1, join="inner").dropna()
    ic = both.groupby(level=0).apply(lambda x: stats.spearmanr(x["neutralised"], x["forward"]).statistic)
    text = example("alphalens_factor.py", tmp_path)
    found = float(re.search(r"1 day (\S+),", text)[1])  # type: ignore[index]
    assert found == pytest.approx(
        ic.mean(), abs=0.005
    )  # alphalens leaves out the last days, which 5 days need
    # day t's price is that of the execution at t + 1, so nothing that day t knows is bought at its own close
    bars = pd.read_parquet(
        json.loads((run / "manifest.json").read_text())["config"]["data"] + "/bars.parquet"
    )
    bars["date"] = pd.to_datetime(bars["date"])
    asset = prices.columns[0]
    own = bars[bars["company_id"] == asset].set_index("date")
    day, following = prices.index[3], prices.index[4]
    assert prices.loc[day, asset] == pytest.approx(
        own.loc[following, "close"] * own.loc[following, "adj_factor"], rel=1e-6
    )


def test_qlib_gets_a_pred_up_to_the_day(run: Path, tmp_path: Path) -> None:
    dates = np.unique(pd.read_parquet(run / "predictions.parquet")["date"])
    export(run, "qlib", tmp_path, as_of=pd.Timestamp(dates[20]) + pd.Timedelta(hours=1))
    pred = pd.read_parquet(tmp_path / "pred.parquet")
    assert pred.index.names == ["datetime", "instrument"] and list(pred.columns) == ["score"]
    assert pred.index.is_monotonic_increasing and pred.index.is_unique
    assert pred.index.get_level_values(0).max() == dates[20]
    again = pd.read_csv(tmp_path / "pred.csv", parse_dates=["datetime"]).set_index(["datetime", "instrument"])
    np.testing.assert_allclose(again["score"], pred["score"])
    assert example("qlib_pred.py", tmp_path).startswith(f"{len(pred)} scores")
    assert [qlib_instrument(x) for x in ("600000.SH", "C001")] == ["SH600000", "C001"]


def test_what_a_run_does_not_have_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="knows nothing by 1999-01-04; its first day is"):
        export(run, "cvxpy", tmp_path, as_of=pd.Timestamp("1999-01-04"))
    with pytest.raises(RunError, match="no variant 'gru'; it has industry, product"):
        export(run, "qlib", tmp_path, variant="gru")
    with pytest.raises(RunError, match="no factor 'magic'; it has concept"):
        export(run, "alphalens", tmp_path, factor="magic")
    with pytest.raises(RunError, match="is not a finished run"):
        export(tmp_path, "qlib", tmp_path)
