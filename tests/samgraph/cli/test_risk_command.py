"""`samgraph risk` on a simulated economy: parts add up, concentration is seen, and mistakes get their sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from samgraph.cli.risk import command
from samgraph.desk.holdings_risk import holdings_risk, read_holdings
from samgraph.economy.simulate import simulate
from samgraph.errors import ConfigError, DatasetError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load


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
