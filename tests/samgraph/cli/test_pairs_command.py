"""Commands over pairs and baskets on a simulated economy: nothing of a later day counts, and Cypher agrees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from samgraph.cli.ask.basket import command as basket_command
from samgraph.cli.ask.chain import command as chain_command
from samgraph.cli.ask.pairs import command as pairs_command
from samgraph.desk.holdings_risk import holdings_risk
from samgraph.desk.pair_search import Filters, pair_search
from samgraph.economy.simulate import simulate
from samgraph.errors import DatasetError, SnapshotError
from samgraph.graph.ask.rivals import rivals, unmatched
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load

DAY = "2020-11-30"


@pytest.fixture(scope="module")
def economy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("economy") / "data"
    simulate(out, seed=5, companies=40, products=50, years=2, signal=1.0)
    names = pd.read_csv(out / "products.csv")
    names["name_en"] = names["name"]
    parents = dict(zip(names["product_id"], names["parent_id"], strict=True))
    line = [pd.read_csv(out / "segments.csv")["product_id"].value_counts().idxmax()]
    while isinstance(parents[line[-1]], str):
        line.append(parents[line[-1]])
    renamed = names["product_id"] == line[-4]
    names.loc[renamed, "name"], names.loc[renamed, "name_en"] = "动力电池", "EV battery pack"
    names.to_csv(out / "products.csv", index=False)
    return out


def run(command: Any, *arguments: str) -> list[dict[str, Any]]:
    ran = CliRunner().invoke(command, [*arguments, "--format", "json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.stderr
    rows: list[dict[str, Any]] = json.loads(ran.stdout)
    return rows


def test_pairs_are_filtered_and_tested_without_any_later_price(
    graph: Graph, economy: Path, tmp_path: Path
) -> None:
    load(graph, Dataset(economy))
    filters = Filters(least_overlap=0.05, least_days=200, window=300, least_value=1e6)
    found = pair_search(graph, Dataset(economy), AsOf.parse(DAY), filters=filters)
    assert len(found.frame) == found.tested > 10
    bars = pd.read_parquet(economy / "bars.parquet")
    day = bars["date"] <= pd.Timestamp(DAY)
    days = np.sort(bars[day]["date"].unique())
    seen = bars[bars["date"].isin(days[-300:])]
    for row in found.frame.head(5).itertuples():
        sides = [seen[seen["company_id"] == name] for name in (row.company_id, row.other_id)]
        assert row.days == len(set(sides[0]["date"]) & set(sides[1]["date"])) >= 200
        values = []
        for side in sides:
            price = side["vwap"] if "vwap" in side else (side["high"] + side["low"] + side["close"]) / 3
            traded = pd.Series((price * side["volume"]).to_numpy(), index=pd.DatetimeIndex(side["date"]))
            values.append(traded.reindex(days[-60:]).fillna(0.0).median())
        assert row.traded == pytest.approx(min(values)) and row.traded >= 1e6
        assert row.dependent in (row.company_id, row.other_id)
    assert found.frame["p_value"].is_monotonic_increasing
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "companies.csv").write_bytes((economy / "companies.csv").read_bytes())
    for column in ("open", "high", "low", "close", "volume"):
        bars[column] = np.where(day, bars[column], bars[column] * 7)
    bars.to_parquet(changed / "bars.parquet", index=False)
    again = pair_search(graph, Dataset(changed), AsOf.parse(DAY), filters=filters)
    pd.testing.assert_frame_equal(found.frame, again.frame, check_exact=True)
    traded = found.frame["traded"].median()
    fewer = pair_search(
        graph, Dataset(economy), AsOf.parse(DAY),
        filters=Filters(least_overlap=0.05, least_days=200, window=300, least_value=float(traded)),
    )  # fmt: skip
    assert set(fewer.frame["traded"] >= traded) == {True} and 0 < fewer.tested < found.tested
    with pytest.raises(DatasetError, match="no bars up to"):
        pair_search(graph, Dataset(economy), AsOf.parse("2018-12-31"), filters=filters)


def test_rivals_equal_those_of_cypher(graph: Graph, graph_env: object, economy: Path) -> None:
    load(graph, Dataset(economy))
    found = snapshot(graph, AsOf.parse(DAY))
    tree = product_tree(graph, found.as_of)
    up = dict(zip(tree["product_id"], tree["parent_id"], strict=True))
    shares = found.frame.set_index(["company_id", "product_id"])["weight"]
    climbed = 0
    for company in [name for name in found.companies if len(unmatched(found, name))][:5]:
        rows = graph.read("pairs/rivals", company=company, as_of=found.as_of.valid, known=None)
        mine = rivals(found, company, tree=tree)
        assert len(mine)
        for got, row in zip(mine.to_dict("records"), rows, strict=True):
            assert got.pop("other_share") == pytest.approx(row["other_share"])
            assert got == {name: row[name] for name in got} and row["other_name"] and row["meets_name"]
            assert row["share"] == shares[company, row["product_id"]]
            path = line(row["product_id"], up)
            assert row["meets"] in path and row["level"] == len(path) - path.index(row["meets"])
            below = path[: path.index(row["meets"])]  # nobody else sells anything of a lower branch
            for other, product in shares.index:
                assert other == company or not set(below) & set(line(product, up))
            theirs = [
                w for (c, p), w in shares.items() if c == row["other_id"] and row["meets"] in line(p, up)
            ]
            assert row["other_share"] == pytest.approx(sum(theirs))
            climbed += bool(below)
        alone = unmatched(found, company)
        exact = set(shares.drop(company)[slice(None)].index.get_level_values(1))
        assert set(alone["product_id"]) == set(shares[company].index) - exact
        assert set(rivals(found, company)["product_id"]).isdisjoint(alone["product_id"])
    assert climbed
    printed = run(pairs_command, "--as-of", DAY, "--company", company, "--by-product", "--top", "2")
    assert [row["other_id"] for row in printed] == mine["other_id"].head(2).tolist()


def line(product: str, up: dict[str, str | None]) -> list[str]:
    """The product and all above it."""
    found = [product]
    while isinstance(above := up.get(found[-1]), str):
        found.append(above)
    return found


def test_the_command_names_what_nobody_else_sells_and_where_pairs_meet(
    graph: Graph, graph_env: object, economy: Path
) -> None:
    load(graph, Dataset(economy))
    found = snapshot(graph, AsOf.parse(DAY))
    company = next(c for c in found.companies if len(unmatched(found, c)))
    share = unmatched(found, company)["share"].sum()
    ran = CliRunner().invoke(
        pairs_command, ["--as-of", DAY, "--company", company, "--format", "json", "--top", "3"]
    )
    assert f"{share:.0%} of the revenue of {company} has no exact match" in ran.stderr
    assert "the first 3 of" in ran.stderr
    for row in json.loads(ran.stdout):
        assert row["company"] and row["other"] and row["meets_name"] and row["level"] >= 1


def test_a_company_without_a_report_on_the_day_is_no_misspelt_one(
    graph: Graph, graph_env: object, economy: Path
) -> None:
    """It was told that others with a similar id were meant."""
    load(graph, Dataset(economy))
    early = "2019-03-01"
    companies = pd.read_csv(economy / "companies.csv").set_index("company_id")["name"]
    company = next(one for one in companies.index if one not in snapshot(graph, AsOf.parse(early)).companies)
    for more in ([], ["--by-product"], ["--data", str(economy)]):
        ran = CliRunner().invoke(pairs_command, ["--as-of", early, "--company", company, *more])
        assert str(ran.exception) == (
            f"{companies[company]} ({company}) is not among the companies of the graph on {early}: "
            "no report of it was in use on that day"
        )


def test_a_chain_without_a_link_says_why_it_is_empty(
    graph: Graph, graph_env: object, economy: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(economy, bare)
    (bare / "product_links.csv").unlink()
    load(graph, Dataset(bare))
    ran = CliRunner().invoke(chain_command, ["SIM0001", "--as-of", DAY], catch_exceptions=False)
    assert "no link of the value chain leads there" in ran.stderr


@pytest.mark.parametrize("text", ["动力电池", "电池", "EV battery", "battery EV", "EV battery pack"])
def test_a_text_in_either_language_makes_one_basket_in_the_command_and_in_cypher(
    graph: Graph, graph_env: object, economy: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "samgraph.graph.ask.search.also_called", lambda text: ()
    )  # the statement has no glossary
    load(graph, Dataset(economy))
    rows = run(basket_command, text, "--as-of", DAY)
    asked = graph.read("basket/text", text=text, as_of=AsOf.parse(DAY).valid, known=None)
    assert len(rows) > 1 and all(row["products"] for row in asked)
    assert [row["company_id"] for row in rows] == [row["company_id"] for row in asked]
    for mine, row in zip(rows, asked, strict=True):
        assert (mine["name"], mine["weight"], mine["purity"]) == (
            row["name"],
            pytest.approx(row["weight"]),
            pytest.approx(row["purity"]),
        )


@pytest.mark.parametrize("caps", [False, True])
def test_a_history_equals_the_command_date_by_date(
    graph: Graph, graph_env: object, economy: Path, caps: bool
) -> None:
    load(graph, Dataset(economy))
    more = ["--market-cap", str(economy)] if caps else []
    span = ["--history", "--start", "2014-12-31", "--end", "2020-12-31", "--every", "year"]
    rows = pd.DataFrame(run(basket_command, "battery", *span, "--upstream", "1", *more))
    moved = run(basket_command, "battery", *span, "--upstream", "1", "--turnover", *more)
    before: dict[str, float] = {}
    for number, step in enumerate(moved):
        day = step["date"][:10]
        one = [row for row in rows.to_dict("records") if row["date"][:10] == day]
        if one:
            single = run(basket_command, "battery", "--as-of", day, "--upstream", "1", *more)
            strip = [{k: v for k, v in row.items() if k != "date"} for row in one]
            pd.testing.assert_frame_equal(
                pd.DataFrame(strip), pd.DataFrame(single), check_exact=True, check_dtype=False
            )
        now = {row["company_id"]: row["weight"] or 0.0 for row in one}
        now = {company: 0.0 if weight != weight else weight for company, weight in now.items()}
        assert step["companies"] == len(now)
        assert (step["joined"], step["left"]) == (len(now.keys() - before), len(before.keys() - now.keys()))
        if number:
            bought = sum(max(now.get(c, 0) - before.get(c, 0), 0) for c in {*now, *before})
            sold = sum(max(before.get(c, 0) - now.get(c, 0), 0) for c in {*now, *before})
            assert step["turnover"] == pytest.approx(max(bought, sold), abs=1e-12)
        before = now
    assert moved[0]["companies"] == 0 and moved[-1]["companies"] > 3  # nobody had reported at the start
    with pytest.raises(SnapshotError, match="no product of"):
        run(basket_command, "zinc smelter of nowhere", *span)


def test_concentration_in_cypher_equals_that_of_the_command(graph: Graph, economy: Path) -> None:
    load(graph, Dataset(economy))
    found = snapshot(graph, AsOf.parse(DAY))
    rng = np.random.default_rng(1)
    for n in (3, 12):
        held = [*rng.choice(found.companies, n, replace=False), "nobody"]
        holdings = pd.Series(rng.normal(0.1, 0.2, n + 1), index=pd.Index(held, dtype=object))
        wanted = holdings_risk(graph, holdings, found.as_of).concentration
        maps = [{"company_id": c, "weight": float(w)} for c, w in holdings.items()]
        rows = graph.read("risk/concentration", holdings=maps, as_of=found.as_of.valid, known=None)
        assert len(rows) == len(wanted) > 5
        for mine, row in zip(wanted.to_dict("records"), rows, strict=True):
            level = None if mine["level"] != mine["level"] else mine["level"]
            assert (mine["family"], level, mine["largest"], mine["name"], mine["groups"]) == tuple(
                row[name] for name in ("family", "level", "largest", "name", "groups")
            )
            for name in ("effective", "share", "covered"):
                assert row[name] == pytest.approx(mine[name], rel=1e-12)


def test_wrong_usage_is_told(graph_env: object, economy: Path) -> None:
    for command, arguments, says in (
        (pairs_command, ["--as-of", DAY, "--by-product"], "goes with --company"),
        (pairs_command, ["--as-of", DAY, "--data", str(economy), "--window", "100"], "is more than"),
        (chain_command, ["x", "--as-of", DAY, "--upstream", "0"], "at least one link"),
        (basket_command, ["x"], "--as-of"),
        (basket_command, ["x", "--history"], "--start"),
        (basket_command, ["x", "--as-of", DAY, "--turnover"], "--history"),
    ):
        ran = CliRunner().invoke(command, arguments)
        assert ran.exit_code == 2 and says in ran.stderr, ran.stderr
