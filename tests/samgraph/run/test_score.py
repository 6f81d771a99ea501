"""Scores of a later day by a finished run are those of a backtest that reaches it."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database

import samgraph
from samgraph.cli import main
from samgraph.config import RunConfig, load_config
from samgraph.economy.simulate import simulate
from samgraph.errors import DatasetError, RunError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.load.load import load
from samgraph.run.backtest import backtest
from samgraph.run.folder import RunFolder
from samgraph.run.models import COLUMNS as MODEL_COLUMNS
from samgraph.run.score import COLUMNS, score
from samgraph.run.seeds import averaged

PARTS = ["concept", "hidden", "individual", "score"]


def settings(data: Path, end: str, start: str, seeds: int) -> RunConfig:
    return load_config(
        None,
        {
            "data": data,
            "universe": "SIM",
            "start": "2019-03-01",
            "end": end,
            "seeds": seeds,
            "variants": ("product", "gru"),
            "horizons": (1, 5),
            "windows": {"train_days": 120, "valid_days": 40, "test_days": 90},
            "model": {"epochs": 1, "start": start, "tuning_epochs": 1, "hidden_size": 4, "horizon": 5},
            "concepts": {"regression_cut": "adaptive:min=5,max=0.9"},
        },
    )


@pytest.fixture(scope="module")
def world(graph_server: Address, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An economy, a run that ends within its second window, and one that goes on to the end of that window."""
    base = tmp_path_factory.mktemp("scores")
    data = base / "data"
    simulate(data, 5, companies=40, products=60, years=2)
    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(data))
        # kept in validation, the encoder alone would have no concept part
        for start, seeds in (("encoder", 1), ("nothing", 2)):
            for name, end in (("short", "2020-05-29"), ("long", "2020-06-30")):
                backtest(settings(data, end, start, seeds), base / start / name, graph=graph)
        yield graph, base


@pytest.mark.slow
@pytest.mark.parametrize("start", ["encoder", "nothing"])
def test_scores_of_later_days_are_those_of_a_backtest_that_reaches_them(world: Any, start: str) -> None:
    graph, base = world
    run, later = RunFolder.open(base / start / "short"), RunFolder.open(base / start / "long")
    windows = later.table("windows")
    days = later.table("predictions")["date"].drop_duplicates()
    ahead = days[days > pd.Timestamp("2020-05-29")]
    assert windows["window"].max() == run.table("windows")["window"].max() == 1, (
        "no model is fitted in between"
    )
    before = sorted(path.name for path in run.folder.rglob("*"))
    for variant in ("product", "gru"):
        whole = averaged(later.rows("predictions", "variant", variant)).set_index(["date", "company_id"])
        assert start == "encoder" or whole["concept"].any() == (variant == "product")
        for day in (ahead.iloc[0], ahead.iloc[-1], pd.Timestamp("2020-03-02"), pd.Timestamp("2019-12-02")):
            found = score(run, graph, as_of=day.date(), variant=variant).frame
            expected = whole.loc[day]
            got = found.set_index("company_id").sort_index()
            assert list(got.index) == list(expected.index)
            np.testing.assert_array_equal(got[PARTS].to_numpy(), expected[PARTS].to_numpy())
    assert sorted(path.name for path in run.folder.rglob("*")) == before, "nothing is written into the run"


@pytest.mark.slow
def test_a_day_s_scores_say_where_they_come_from_and_what_to_look_at(
    world: Any, graph_env: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph, base = world
    run = RunFolder.open(base / "encoder" / "short")
    found = score(run, graph)  # the last day of the data: the models' 90 days are long over
    frame = found.frame
    assert list(frame.columns) == list(COLUMNS)
    assert (frame["rank"] == np.arange(1, len(frame) + 1)).all() and frame["score"].is_monotonic_decreasing
    assert found.source["window"] == 1 and found.source["run"] == run.run_id
    assert found.source["model_days"] > 90
    assert any("to be fitted anew after 90" in warning for warning in found.warnings)
    assert frame["report_days"].dropna().ge(0).all()
    residual = frame["neutral"]
    assert abs(residual.mean()) < 1e-9 and residual.std() < frame["score"].std()

    weekend = score(run, graph, as_of=pd.Timestamp("2020-05-30").date())
    assert weekend.frame.empty and "2020-05-30 has no bars" in weekend.warnings[0]
    with pytest.raises(RunError, match="has no model for 2019-06-03"):
        score(run, graph, as_of=pd.Timestamp("2019-06-03").date())

    file = tmp_path / "scores.json"
    assert main(["score", str(base / "encoder" / "short"), "--as-of", "2020-06-01", "-o", str(file)]) == 0
    told = json.loads(file.read_text(encoding="utf-8"))
    assert told["source"]["fitted_by"] < "2020-05-29" and len(told["scores"]) > 20
    assert main(["score", str(base / "encoder" / "short"), "--as-of", "2020-05-30"]) == 3
    assert "warning: 2020-05-30 has no bars" in capsys.readouterr().err


@pytest.mark.slow
def test_a_dataset_that_was_not_loaded_or_other_trading_days_have_no_scores(
    world: Any, tmp_path: Path
) -> None:
    graph, base = world
    run = RunFolder.open(base / "encoder" / "short")
    copy = tmp_path / "data"
    shutil.copytree(base / "data", copy)
    bars = pd.read_parquet(copy / "bars.parquet")  # prices come from the folder alone
    bars[bars["date"] != pd.Timestamp("2020-03-04")].to_parquet(copy / "bars.parquet", index=False)
    with pytest.raises(RunError, match="where it had 2020-03-04 the bars have 2020-03-05"):
        score(run, graph, Dataset(copy))
    reports = (copy / "segments.csv").read_text(encoding="utf-8").splitlines()
    (copy / "segments.csv").write_text("\n".join(reports[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="has not been loaded into this graph"):
        score(run, graph, Dataset(copy))


@pytest.mark.slow
def test_a_run_opened_in_python_gives_its_tables_as_frames_and_scores_of_any_day(world: Any) -> None:
    graph, base = world
    run = samgraph.open_run(base / "encoder" / "short")
    predictions = run.table("predictions")
    wide = run.scores()
    assert wide.index.name == "date" and wide.columns.name == "company_id"
    own = predictions[predictions["variant"] == "product"]
    assert wide.notna().sum().sum() == own[["date", "company_id"]].drop_duplicates().shape[0]
    factors = run.table("factors")
    part = run.factor("concept")
    kept = factors[factors["factor"] == "concept"].iloc[7]
    assert part.loc[kept["date"], kept["company_id"]] == kept["value"]
    daily = run.portfolio("product")
    assert daily.index.name == "date" and {"return", "benchmark_return"} <= set(daily)
    found = run.score("2020-06-01", graph=graph).frame
    np.testing.assert_array_equal(found, score(run.folder, graph, as_of=dt.date(2020, 6, 1)).frame)
    assert "SIM" in repr(run) and "<table" in run._repr_html_()
    with pytest.raises(RunError, match="has no portfolio 'nothing'; it has"):
        run.portfolio("nothing")


@pytest.mark.slow
def test_models_of_a_run_are_listed_with_their_days_and_files(
    world: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, base = world
    run = samgraph.open_run(base / "nothing" / "short")
    listed = run.models()
    assert list(listed.columns) == list(MODEL_COLUMNS)
    assert set(zip(listed["variant"], listed["seed"], listed["window"], strict=True)) == {
        (variant, seed, window) for variant in ("product", "gru") for seed in (0, 1) for window in (0, 1)
    }
    assert (listed["trained_to"] < listed["validated_to"]).all()
    assert (listed["validated_to"] < listed["in_use_from"]).all()
    assert all(
        (base / "nothing" / "short" / folder / "predictions.parquet").exists() for folder in listed["folder"]
    )
    best = run.table("curves").query("best").groupby(["variant", "seed", "window"])["valid_ic"].first()
    found = listed.set_index(["variant", "seed", "window"])["valid_rank_ic"]
    assert found.sort_index().tolist() == best.sort_index().tolist()
    assert main(["models", str(base / "nothing" / "short"), "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(listed)


@pytest.mark.slow
def test_status_tells_the_age_of_models_and_reports_and_what_has_drifted(
    world: Any, graph_env: Address, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph, base = world
    folder = base / "encoder" / "short"
    run = RunFolder.open(folder)
    newest = score(run, graph)
    (tmp_path / "2020-05-29.parquet").touch()
    assert main(["status", str(folder), "--scores", str(tmp_path), "--format", "json"]) == 3
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    last = newest.frame["date"].iloc[0].date().isoformat()
    assert (found["newest_bars"], found["last_scores"], found["run_through"]) == (
        last,
        "2020-05-29",
        "2020-05-29",
    )
    assert found["loaded"] and found["last_load"] == newest.source["known"]
    assert (found["model_days"], found["refit_after"]) == (newest.source["model_days"], 90)
    assert found["fitted_by"] == newest.source["fitted_by"]
    assert found["with_report"] == found["members"] == len(newest.frame)
    assert found["report_days_median"] == newest.frame["report_days"].median()
    assert found["ic_low"] < found["ic_test"] < found["ic_high"]

    # Rank IC by pandas: scores of the window before, and of the newest models' days by the score of each day.
    bars = pd.read_parquet(base / "data" / "bars.parquet").assign(
        price=lambda b: b["close"] * b["adj_factor"]
    )
    price = bars.pivot_table(index="date", columns="company_id", values="price")
    label = price.shift(-6) / price.shift(-1) - 1
    own = run.rows("predictions", "variant", "product")
    before = averaged(own[own["window"] == 0]).pivot_table(index="date", columns="company_id", values="score")
    expected = before.corrwith(label.loc[before.index, before.columns], axis=1, method="spearman").mean()
    assert found["ic_test"] == pytest.approx(
        expected, abs=0.02
    )  # labels of days without trading are left out
    assert 0 <= found["model_days"] - 6 - found["ic_recent_days"] <= 1  # the last six have no return yet

    assert any("to be fitted anew after 90" in warning for warning in found["warnings"])
    assert all(f"warning: {warning}" in printed.err for warning in found["warnings"])
    assert f"the newest scores in {tmp_path} are of 2020-05-29" in printed.err
    assert main(["status", str(folder)]) == 3
    assert "feature_shifted_most" in capsys.readouterr().out

    copy = tmp_path / "data"
    shutil.copytree(base / "data", copy)
    reports = (copy / "segments.csv").read_text(encoding="utf-8").splitlines()
    (copy / "segments.csv").write_text("\n".join(reports[:-1]) + "\n", encoding="utf-8")
    assert main(["status", str(folder), "--data", str(copy)]) == 3
    assert "has not been loaded into this graph" in capsys.readouterr().err
