"""The whole path on a small simulated economy and a real server: load, backtest, report."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import empty_database

from samgraph.config import RunConfig, load_config
from samgraph.economy.simulate import simulate
from samgraph.errors import ConfigError, DatasetError, RunError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Address, Graph
from samgraph.graph.db.ledger import committed_moment
from samgraph.graph.load.load import load
from samgraph.report.page import write_report
from samgraph.run.backtest import backtest
from samgraph.run.begin import begin
from samgraph.run.inputs import read_inputs

TABLES = (
    *("predictions", "factors", "ic", "decay", "quantiles", "turnover"),
    *("regression", "factor_returns", "portfolio", "trades"),
)
FILES = (
    "manifest.json",
    "summary.json",
    "report.html",
    "checkpoints",
    *(f"{name}.parquet" for name in TABLES),
)
FIGURES = (
    *("ic", "rank_ic", "icir", "rank_icir", "rank_ic_tstat_nw", "return", "benchmark_return"),
    *("excess_return", "information_ratio", "max_drawdown", "turnover"),
)


def settings(data: Path, **changes: Any) -> RunConfig:
    return load_config(
        None,
        {
            "data": data,
            "universe": "SIM",
            "start": "2019-07-01",
            "end": "2020-09-30",
            "seeds": 1,
            "horizons": (1, 5, 20),
            "windows": {"train_days": 120, "valid_days": 40, "test_days": 90},
            "model": {"epochs": 2, "tuning_epochs": 1, "hidden_size": 8, "horizon": 5},
            "concepts": {"regression_cut": "adaptive:min=5,max=0.9"},
            **changes,
        },
    )


@pytest.fixture(scope="module")
def economy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("economy") / "data"
    simulate(folder, 3, companies=40, products=60, years=2)
    return folder


@pytest.fixture(scope="module")
def loaded(graph_server: Address, economy: Path) -> Iterator[Graph]:
    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(economy))
        yield graph


@pytest.fixture(scope="module")
def finished(loaded: Graph, economy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "first"
    backtest(settings(economy), run, graph=loaded)
    return run


def test_a_run_leaves_every_file_and_figure_that_the_interface_names(finished: Path) -> None:
    assert [name for name in FILES if not (finished / name).exists()] == []
    manifest = json.loads((finished / "manifest.json").read_text())
    assert {"processor", "torch"} < set(manifest["kernels"])
    summary = json.loads((finished / "summary.json").read_text())
    assert set(summary["variants"]) == {"product", "industry", "gru"}
    for variant in summary["variants"].values():
        assert set(FIGURES) <= set(variant)
    assert {"excess_return", "ci_low", "ci_high", "p_value"} <= set(summary["product_minus_industry"])
    for part in ("concept", "hidden", "individual", "score"):
        assert set(summary["horizons"][part]) == {"1", "5", "20"}
        assert {"rank_ic", "rank_ic_tstat_nw"} <= set(summary["horizons"][part]["5"])
    for model in ("product", "industry", "both"):
        assert set(summary["regression"][model]) == {"r2", "adj_r2", "oos_r2", "k"}
    predictions = pd.read_parquet(finished / "predictions.parquet")
    assert {"date", "company_id", "variant", "seed", "concept", "hidden", "individual", "score"} <= set(
        predictions
    )


def test_a_run_studies_its_factors_against_styles_and_in_parts(finished: Path) -> None:
    """The figures of the summary are those of the files, and the files' figures those of one another."""
    read = {
        name: pd.read_parquet(finished / f"{name}.parquet")
        for name in ("ic", "decay", "orthogonal", "breakdown", "premia", "deficiencies", "regression")
    }
    summary = json.loads((finished / "summary.json").read_text())
    parts = read["breakdown"]
    assert set(parts["against"]) == {"industry_size", "styles", "styles_industries"}
    assert set(parts["by"]) == {"offset", "year", "size", "industry"}
    factors = set(read["decay"]["factor"])
    assert {"concept", "score", "product_momentum", "product_residual_volatility", "gru_score"} <= factors
    for against in ("styles", "styles_industries"):
        rows = parts[(parts["against"] == against) & (parts["by"] == "offset") & (parts["horizon"] == 20)]
        assert set(rows["factor"]) == factors and (rows.groupby("factor").size() == 20).all()
        for factor, mine in rows.groupby("factor"):
            figures = summary["orthogonal"][against][factor]["20"]
            assert figures["offsets_positive"] == (mine["rank_ic"] > 0).sum() <= figures["offsets"] <= 20
    row = read["orthogonal"].set_index(["against", "factor", "horizon"]).loc[("styles", "concept", 5)]
    assert summary["orthogonal"]["styles"]["concept"]["5"]["rank_icir"] == pytest.approx(row["rank_icir"])
    daily = read["ic"][(read["ic"]["factor"] == "concept") & (read["ic"]["horizon"] == 5)].set_index("date")
    for year, days in daily["rank_ic"].groupby(daily.index.year):
        here = parts[
            (parts["against"] == "industry_size") & (parts["by"] == "year") & (parts["horizon"] == 5)
        ]
        mine = here[(here["factor"] == "concept") & (here["group"] == str(year))]
        assert mine["rank_ic"].item() == pytest.approx(days.mean())
    assert set(parts.loc[parts["by"] == "size", "group"]) == {"small", "middle", "large"}
    assert summary["tests"] == len(read["decay"]) + len(read["orthogonal"])
    assert {"concept", "product_momentum", "momentum", "size"} <= set(read["premia"]["factor"])
    assert (read["regression"]["at_fault"] > 0).sum() == (read["regression"]["columns_at_fault"] != "").sum()
    assert read["regression"]["at_fault"].sum() == len(read["deficiencies"])


def test_the_parts_of_a_score_sum_to_it_up_to_one_constant_a_model(finished: Path) -> None:
    predictions = pd.read_parquet(finished / "predictions.parquet")
    rest = predictions["score"] - predictions[["concept", "hidden", "individual"]].sum(axis=1)
    spread = rest.groupby([predictions["variant"], predictions["seed"], predictions["window"]]).agg(np.ptp)
    assert spread.max() < 1e-5
    assert (predictions.loc[predictions["variant"] == "gru", ["concept", "hidden"]] == 0).all(axis=None)


def test_excess_return_of_the_summary_is_that_of_the_daily_file(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    daily = pd.read_parquet(finished / "portfolio.parquet")
    year = summary["days_a_year"]
    assert year == pytest.approx(252, abs=3)  # of the simulated economy's calendar
    for name, rows in daily.groupby("variant"):
        gain, market = rows["return"], rows["benchmark_return"]
        grown = np.prod(1 + gain) ** (year / len(rows)) - 1
        assert summary["variants"][name]["return"] == pytest.approx(grown, rel=1e-9)
        assert summary["variants"][name]["excess_return"] == pytest.approx(
            year * (gain - market).mean(), rel=1e-9
        )
    both = [summary["variants"][name]["excess_return"] for name in ("product", "industry")]
    assert summary["product_minus_industry"]["excess_return"] == pytest.approx(both[0] - both[1], rel=1e-9)


def test_the_report_needs_no_network_and_no_name_in_it_can_be_markup(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run, ignore=shutil.ignore_patterns("checkpoints"))
    hostile = "<script>alert(1)</script>"
    exposure = pd.read_parquet(run / "exposure.parquet")
    exposure["name"] = hostile
    exposure.to_parquet(run / "exposure.parquet", index=False)
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"universe": hostile}))
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["files"]  # the seals of what was changed here
    (run / "manifest.json").write_text(json.dumps(manifest))
    page = write_report(run).read_text(encoding="utf-8")
    assert hostile not in page
    own = page[page.index("<body") : page.index("</main>")]  # plotly.js stands behind it
    assert "http://" not in own and "https://" not in own.replace("https://plot.ly", "")
    for variant in summary["variants"].values():
        assert f"{variant['excess_return']:.2%}" in own  # a figure of the page is a figure of the files


def test_a_report_of_a_folder_without_a_run_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is not a finished run: summary\.json is missing"):
        write_report(tmp_path)


def test_a_run_that_lost_a_piece_and_its_results_ends_with_the_same_predictions(
    finished: Path, loaded: Graph, economy: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    shutil.copytree(finished, again)
    shutil.rmtree(again / "checkpoints" / "industry-seed0-window0")
    (again / "predictions.parquet").unlink()
    (again / "summary.json").unlink()
    backtest(settings(economy), again, graph=loaded)
    for name in ("predictions.parquet", "factors.parquet", "portfolio.parquet", "summary.json"):
        assert (again / name).read_bytes() == (finished / name).read_bytes(), name


def test_resolved_configuration_repeats_the_run_bit_for_bit(
    finished: Path, loaded: Graph, tmp_path: Path
) -> None:
    repeated = tmp_path / "repeated"
    backtest(load_config(finished / "config.toml", {}), repeated, graph=loaded)
    for name in ("predictions.parquet", "trades.parquet", "summary.json"):
        assert (repeated / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_run_is_not_continued_with_other_settings_or_in_a_stranger_s_folder(
    finished: Path, loaded: Graph, economy: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="begun with another setting model"):
        backtest(settings(economy, model={"epochs": 3}), finished, graph=loaded)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("")
    with pytest.raises(RunError, match="holds files that do not belong to a run"):
        backtest(settings(economy), tmp_path / "letters", graph=loaded)


def test_a_run_is_the_same_by_its_moment_in_any_time_zone_and_reads_what_was_answered_for(
    economy: Path, tmp_path: Path
) -> None:
    """A moment that is still to come is answered as of the last load, also when the run is continued."""
    dataset, out = Dataset(economy), tmp_path / "run"
    china = dt.timezone(dt.timedelta(hours=8))
    asked = dt.datetime(2500, 1, 1, tzinfo=china)
    answered = dt.datetime(2024, 5, 6, 7, 8, 9, 12, tzinfo=dt.UTC)
    begin(settings(economy), out, dataset, asked).keep_known(answered)
    for again in (asked, asked.astimezone(dt.UTC), answered, answered.astimezone(china), None):
        assert begin(settings(economy), out, dataset, again).known == answered
    for other in (answered + dt.timedelta(microseconds=1), dt.datetime(2400, 1, 1, tzinfo=dt.UTC)):
        with pytest.raises(RunError, match="was begun with --known-at"):
            begin(settings(economy), out, dataset, other)


def test_a_moment_that_is_still_to_come_is_answered_as_of_the_last_load(loaded: Graph, economy: Path) -> None:
    late = read_inputs(settings(economy), loaded, Dataset(economy), dt.datetime(2500, 1, 1, tzinfo=dt.UTC))
    assert late.known == committed_moment(loaded)


def test_no_file_of_a_run_holds_the_server_s_password(finished: Path, loaded: Graph) -> None:
    secret = loaded.address.password.encode()
    files = [file for file in finished.rglob("*") if file.is_file()]
    assert len(files) > 10 and [file for file in files if secret in file.read_bytes()] == []


def test_data_that_were_not_loaded_are_refused(loaded: Graph, economy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(economy, other)
    companies = pd.read_csv(other / "companies.csv")
    companies.loc[0, "name"] = "Renamed"
    companies.to_csv(other / "companies.csv", index=False)
    with pytest.raises(DatasetError, match=r"has not been loaded into this graph; run: samgraph load"):
        backtest(settings(other), tmp_path / "run", graph=loaded)


def test_a_period_too_short_for_its_windows_is_refused_with_the_numbers(
    loaded: Graph, economy: Path, tmp_path: Path
) -> None:
    short = settings(economy, windows={"train_days": 300, "valid_days": 100})
    with pytest.raises(
        ConfigError, match=r"training takes 300 and validation 100, which leaves none to test"
    ):
        backtest(short, tmp_path / "run", graph=loaded)


def test_later_prices_and_later_reports_change_nothing_before_them(
    finished: Path, economy: Path, graph_server: Address, tmp_path: Path
) -> None:
    """Everything that became known after a day in the test period is replaced; nothing dated up to it may move."""
    day = pd.Timestamp("2020-08-14")
    data = tmp_path / "changed"
    shutil.copytree(economy, data)
    bars = pd.read_parquet(data / "bars.parquet")
    later = pd.to_datetime(bars["date"]) > day
    rng = np.random.default_rng(1)
    wild = rng.uniform(0.5, 2.0, int(later.sum()))
    for column in ("open", "high", "low", "close", "vwap", "market_cap"):
        if column in bars:
            bars.loc[later, column] *= wild
    bars.loc[later, "volume"] = bars.loc[later, "volume"].sample(frac=1, random_state=1).to_numpy()
    bars.to_parquet(data / "bars.parquet", index=False)
    segments = pd.read_csv(data / "segments.csv")
    late = pd.to_datetime(segments["announced_on"]) >= day
    segments.loc[late, "weight"] = (
        segments.loc[late]
        .groupby(["company_id", "period_end", "announced_on"])["weight"]
        .transform(lambda w: w.sample(frac=1, random_state=2).to_numpy())
    )
    segments.to_csv(data / "segments.csv", index=False)

    empty_database(graph_server)
    with Graph.open(graph_server) as graph:
        load(graph, Dataset(data))
        backtest(settings(data), tmp_path / "run", graph=graph)
    before, after = (pd.read_parquet(run / "predictions.parquet") for run in (finished, tmp_path / "run"))
    assert (before["date"] > day).any() and (before["date"] <= day).any()
    pd.testing.assert_frame_equal(
        before[before["date"] <= day].reset_index(drop=True),
        after[after["date"] <= day].reset_index(drop=True),
        check_exact=True,
    )
    assert (
        not before[before["date"] > day]
        .reset_index(drop=True)
        .equals(after[after["date"] > day].reset_index(drop=True))
    )
    for name in ("factors", "trades", "portfolio", "regression"):
        old, new = (pd.read_parquet(run / f"{name}.parquet") for run in (finished, tmp_path / "run"))
        # a regression of t explains the return of t + 1, which is known the day after
        last = day - pd.Timedelta(days=1) if name == "regression" else day
        kept = [frame[frame["date"] <= last].reset_index(drop=True) for frame in (old, new)]
        assert len(kept[0]) > 0
        pd.testing.assert_frame_equal(*kept, check_exact=True)
