"""`samgraph risk` on a simulated economy: parts add up, concentration is seen, and mistakes get their sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from samgraph.cli.ask.contest import command as contest
from samgraph.cli.ask.risk import command
from samgraph.cli.runs.trials import command as trials
from samgraph.desk.holdings_risk import holdings_risk, read_holdings
from samgraph.economy.simulate import simulate
from samgraph.errors import ConfigError, DatasetError
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load
from samgraph.run.trials import TrialLedger


@pytest.fixture(scope="module")
def economy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("economy") / "data"
    simulate(out, seed=3, companies=45, products=50, years=2, signal=1.0)
    return out


def day_and_holdings(economy: Path, n: int) -> tuple[str, pd.DataFrame]:
    bars = pd.read_parquet(economy / "bars.parquet")
    day = pd.Timestamp(bars["date"].max())
    last = bars[pd.to_datetime(bars["date"]) == day]["company_id"].sort_values().to_numpy()[:n]
    return day.date().isoformat(), pd.DataFrame({"company_id": last, "weight": np.full(n, 1.0 / n)})


def test_parts_add_up_and_every_form_prints(
    graph: Graph, graph_env: object, economy: Path, tmp_path: Path
) -> None:
    load(graph, Dataset(economy))
    day, table = day_and_holdings(economy, 12)
    file = tmp_path / "holdings.csv"
    table.to_csv(file, index=False)
    arguments = [str(file), "--as-of", day, "--data", str(economy), "--universe", "SIM", "--backcast", "90"]
    ran = CliRunner().invoke(command, [*arguments, "--format", "json"], catch_exceptions=False)
    assert ran.exit_code == 0
    found = json.loads(ran.stdout)
    levels = [
        row["level"] for rows in found.values() if isinstance(rows, list) for row in rows if "level" in row
    ]
    assert {type(level) for level in levels} == {int, type(None)}, "levels are whole numbers"
    kinds = {row["kind"]: row["variance"] for row in found["variance by kind"]}
    assert set(kinds) == {"market", "style", "product", "industry", "specific"}
    total = sum(kinds.values())
    assert found["volatility"] ** 2 / total == pytest.approx(252, abs=3)  # days a year by the bars' calendar
    assert sum(row["share"] for row in found["variance by kind"]) == pytest.approx(1.0, rel=1e-9)
    roots = sum(row["variance"] for row in found["variance by product"] if row["level"] == 1)
    assert roots == pytest.approx(kinds["product"], rel=1e-9)
    assert 0.05 < found["volatility"] < 0.6
    past = pd.DataFrame(found["backcast"])
    z = past["realised"] / past["forecast"]
    quality = {row["part"]: row for row in found["forecasts of past days"]}
    assert len(past) == 90 and past["date"].max() < day
    assert quality["total"]["bias"] == pytest.approx(z.std(), rel=1e-9)
    assert quality["total"]["qlike"] == pytest.approx((z**2 - np.log(z**2) - 1).mean(), rel=1e-9)
    assert quality["total"]["bias"] == pytest.approx(1.0, abs=0.35)
    bars = pd.read_parquet(economy / "bars.parquet").assign(date=lambda x: pd.to_datetime(x["date"]))
    price = bars.assign(value=bars["close"] * bars["adj_factor"]).pivot_table("value", "date", "company_id")
    own = price[table["company_id"]].pct_change(fill_method=None).fillna(0.0).mean(axis=1).shift(-1)
    np.testing.assert_allclose(past["realised"], own[pd.to_datetime(past["date"])], atol=2e-6)
    levels = [row for row in found["concentration"] if row["family"] == "product"]
    effective = [row["effective"] for row in levels]
    assert effective == sorted(effective) and effective[-1] > 5  # a finer level is never more concentrated
    assert all(row["covered"] == pytest.approx(levels[0]["covered"]) for row in levels)
    assert {row["family"] for row in found["concentration"]} == {"product", "industry"}
    top = sum(row["weight"] for row in found["products"] if row["level"] == 1)
    assert top == pytest.approx(levels[0]["covered"], rel=1e-6)
    shown = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "forecast volatility" in shown.stdout and "variance by kind" in shown.stdout
    long = CliRunner().invoke(command, [*arguments[:3], "--format", "csv"], catch_exceptions=False)
    assert long.stdout.startswith("table,row,column,value\n") and "variance" not in long.stdout


def test_a_forecast_sees_no_later_day(graph: Graph, graph_env: object, economy: Path, tmp_path: Path) -> None:
    load(graph, Dataset(economy))
    bars = pd.read_parquet(economy / "bars.parquet")
    days = np.sort(bars["date"].unique())
    day = pd.Timestamp(days[-60])
    held = bars[bars["date"] == days[-60]]["company_id"].sort_values().to_numpy()[:8]
    holdings = pd.Series(0.125, index=pd.Index(held, dtype=object))
    dataset = Dataset(economy)
    before = holdings_risk(graph, holdings, AsOf(day.date(), None), dataset=dataset, universe="SIM")
    kinds = before.kinds
    assert kinds is not None
    changed = tmp_path / "changed"
    changed.mkdir()
    for file in economy.iterdir():
        if file.suffix == ".csv":
            (changed / file.name).write_bytes(file.read_bytes())
    later = bars["date"] > days[-60]
    for column in ("open", "high", "low", "close"):
        bars[column] = np.where(later, bars[column] * 3, bars[column])
    bars.to_parquet(changed / "bars.parquet", index=False)
    load(graph, Dataset(changed))
    after = holdings_risk(graph, holdings, AsOf(day.date(), None), dataset=Dataset(changed), universe="SIM")
    assert after.kinds is not None
    pd.testing.assert_frame_equal(kinds, after.kinds, check_exact=True)


def test_mistakes_get_their_sentence(graph: Graph, graph_env: object, economy: Path, tmp_path: Path) -> None:
    for rows, text in (
        ([("a", 1.0), ("a", 2.0)], "twice"),
        ([("a", "much")], "as weight of company a; write a number"),
        ([("a", 0.0)], "holds nothing"),
    ):
        with pytest.raises(DatasetError, match=text):
            read_holdings(pd.DataFrame(rows, columns=["company_id", "weight"]), "h.csv")
    with pytest.raises(DatasetError, match="give company_id and weight"):
        read_holdings(pd.DataFrame({"ticker": ["a"]}), "h.csv")
    by_value = read_holdings(pd.DataFrame({"company_id": ["a", "b"], "value": [30, 10]}), "h.csv")
    assert list(by_value) == [0.75, 0.25]
    file = tmp_path / "h.csv"
    file.write_text("company_id,weight\nnobody,1\n")
    ran = CliRunner().invoke(command, [str(file), "--as-of", "2021-01-04", "--data", str(economy)])
    assert ran.exit_code == 2 and "--universe" in ran.stderr
    load(graph, Dataset(economy))
    ran = CliRunner().invoke(command, [str(file), "--as-of", "2021-01-04"], catch_exceptions=False)
    assert ran.exit_code == 0 and "100.0%" in ran.stderr
    with pytest.raises(ConfigError, match="universe"):
        holdings_risk(graph, by_value, AsOf.parse("2021-01-04", None), dataset=Dataset(economy))


def test_holdings_without_any_label_are_reported_not_a_traceback(
    graph: Graph, graph_env: object, economy: Path, tmp_path: Path
) -> None:
    """A graph without industries, and a holding that it does not know: there is no row of concentration."""
    data = tmp_path / "data"
    shutil.copytree(economy, data)
    for file in [*data.glob("industries.*"), *data.glob("company_industries.*")]:
        file.unlink()
    load(graph, Dataset(data))
    day, _ = day_and_holdings(economy, 1)
    file = tmp_path / "holdings.csv"
    file.write_text("company_id,weight\nUNKNOWN,1\n", encoding="utf-8")
    arguments = [str(file), "--as-of", day, "--format", "json"]
    ran = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert ran.exit_code == 0 and json.loads(ran.stdout)["concentration"] == []


def test_a_scenario_costs_its_share_and_past_days_are_those_of_the_factor(
    graph: Graph, graph_env: object, economy: Path, tmp_path: Path
) -> None:
    load(graph, Dataset(economy))
    day, table = day_and_holdings(economy, 12)
    file, scenario = tmp_path / "holdings.csv", tmp_path / "fall.toml"
    table.to_csv(file, index=False)
    tree = product_tree(graph, AsOf.parse(day, None))
    root = str(tree.loc[tree["parent_id"].isna(), "product_id"].iloc[0])
    scenario.write_text(
        f'name = "A root falls"\ndepth = 0\ndays = 5\n[shocks]\n"{root}" = -0.1\n', encoding="utf-8"
    )
    arguments = [str(file), "--as-of", day, "--stress", str(scenario)]
    bars = ["--data", str(economy), "--universe", "SIM", "--concepts", "level:1"]
    ran = CliRunner().invoke(command, [*arguments, *bars, "--format", "json"], catch_exceptions=False)
    found = json.loads(ran.stdout)
    below = next(row["weight"] for row in found["products"] if row["product_id"] == root)
    assert found["stress"]["loss"] == pytest.approx(-0.1 * below, rel=1e-5)
    assert found["stress"]["worst"] == pytest.approx(
        found["stress"]["loss"], rel=1e-9
    )  # no link was followed
    assert sum(row["loss"] for row in found["stress by holding"]) == pytest.approx(found["stress"]["loss"])
    past = found["stress in the past"]
    assert past and all(row["factor"] == root and row["move"] < 0 for row in past)
    assert [row["move"] for row in past] == sorted(row["move"] for row in past)
    scenario.write_text(f'depth = 3\n[shocks]\n"{root}" = -0.1\n', encoding="utf-8")
    ran = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert "fall: -" in ran.stdout and "stress by product" in ran.stdout and "at worst" in ran.stdout
    for text, told in (
        ('[shocks]\n"nothing" = -0.1\n', "no product is called nothing"),
        ("[shocks]\nx = -2.0\n", "a fraction from -1 to 10"),
        ("depth = 99\n[shocks]\nx = -0.1\n", "depth = 99"),
        ("size = 1\n[shocks]\nx = -0.1\n", "has a setting size"),
        ("", "has no shocks"),
    ):
        scenario.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=told):
            CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_a_contest_prints_and_keeps_its_table_and_leaves_a_line_in_the_ledger(
    graph: Graph, graph_env: object, economy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(graph, Dataset(economy))
    monkeypatch.setenv("SAMGRAPH_TRIALS", str(tmp_path / "trials.jsonl"))
    days = np.sort(pd.read_parquet(economy / "bars.parquet", columns=["date"])["date"].unique())
    start, end = (pd.Timestamp(days[place]).date().isoformat() for place in (-50, -1))
    arguments = ["--data", str(economy), "--universe", "SIM", "--start", start, "--end", end]
    out = tmp_path / "out"
    ran = CliRunner().invoke(
        contest, [*arguments, "--out", str(out), "--format", "json"], catch_exceptions=False
    )
    assert ran.exit_code == 0
    rows = json.loads(ran.stdout)
    assert {row["model"] for row in rows} == {"product", "industry", "styles"}
    assert {row["against"] for row in rows if row["model"] != "industry"} == {"industry"}
    kept = pd.read_parquet(out / "risk_contest_daily.parquet")
    likelihood = kept[kept["measure"] == "log_likelihood"]
    assert (
        likelihood["date"].nunique()
        == 49
        == next(r["n_days"] for r in rows if r["measure"] == "log_likelihood")
    )
    assert len(TrialLedger().looks()) == 1 and TrialLedger().trials() == []
    shown = CliRunner().invoke(trials, ["--format", "json"], catch_exceptions=False)
    assert json.loads(shown.stdout)[0]["variant"] == "risk_contest"
