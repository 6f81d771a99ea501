"""`samgraph evaluate` from a CSV file to a page, on a simulated economy; its folder is no other's."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from samgraph.cli.runs.evaluate import command
from samgraph.economy.simulate import simulate
from samgraph.errors import RunError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load


def test_a_csv_of_factors_becomes_tables_and_a_page(graph: Graph, graph_env: object, tmp_path: Path) -> None:
    data = tmp_path / "data"
    simulate(data, seed=3, companies=45, products=50, years=2, signal=1.0)
    load(graph, Dataset(data))
    bars = pd.read_parquet(data / "bars.parquet").assign(date=lambda x: pd.to_datetime(x["date"]))
    price = bars.assign(p=bars["close"] * bars["adj_factor"]).pivot_table("p", "date", "company_id")
    short, long = (-price.pct_change(n, fill_method=None).iloc[-200:] for n in (1, 20))
    tables = {"short": short, "long": long}
    frame = pd.concat({name: t.unstack() for name, t in tables.items()}, axis=1)  # noqa: PD010
    file, out = tmp_path / "mine.csv", tmp_path / "out"
    frame.rename_axis(["company_id", "date"]).reset_index().to_csv(file, index=False)
    settings = tmp_path / "c.toml"
    settings.write_text('[trading]\nconstruction = ["topk", "tranches"]\n', encoding="utf-8")
    arguments = [
        str(file),
        "--data",
        str(data),
        "--universe",
        "SIM",
        "--out",
        str(out),
        "--config",
        str(settings),
    ]
    ran = CliRunner().invoke(command, [*arguments, "--format", "json"], catch_exceptions=False)
    assert ran.exit_code == 0
    for name, counts in pd.read_parquet(out / "coverage.parquet").groupby("factor", sort=False):
        used = counts.set_index("what")["stock_days"]["used"]
        assert used > 0 and f"{name}: used {used:,}, no trading day of the period " in ran.stderr
    rows = pd.DataFrame(json.loads(ran.stdout))
    assert set(rows["factor"]) == {"short", "long"} and rows["against"].nunique() == 5
    ic = pd.read_parquet(out / "ic.parquet")
    assert ic["date"].nunique() == 200  # the factors' own days
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["portfolios"]) == {"short", "long", "short_tranches", "long_tranches"}
    assert "styles, industries, products" in (out / "report.html").read_text(encoding="utf-8")
    again = CliRunner().invoke(command, arguments, catch_exceptions=False)  # replaces its own
    assert again.exit_code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(out / "ic.parquet"), ic, check_exact=True)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match="holds files that are not an evaluation"):
        CliRunner().invoke(
            command, [*arguments[:-3], str(tmp_path / "taken"), *arguments[-2:]], catch_exceptions=False
        )
    assert (tmp_path / "taken" / "thesis.txt").exists()
