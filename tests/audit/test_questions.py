"""What is asked of the graph as of a day knows nothing of later ones: pairs, baskets with history, chains, risk."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from conftest import empty_database

from samgraph.audit.changes import KINDS, change
from samgraph.audit.outputs import difference
from samgraph.desk.holdings_risk import holdings_risk
from samgraph.desk.pair_search import Filters, pair_search
from samgraph.economy.simulate import simulate
from samgraph.graph.ask.basket_history import basket_history
from samgraph.graph.ask.chains import chain
from samgraph.graph.ask.pairs import pairs
from samgraph.graph.ask.rivals import rivals
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.ask.tree import product_tree
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.load.load import load

DAY = dt.date(2020, 6, 30)
BEFORE = [dt.date(2019, 9, 30), dt.date(2020, 3, 31), DAY]


def answers(graph: Graph, dataset: Dataset) -> dict[str, pd.DataFrame]:
    """Every question, asked as of the day, by name."""
    as_of = AsOf(DAY)
    one = snapshot(graph, as_of, universe="SIM")
    company = sorted(one.companies)[3]
    tree = product_tree(graph, one.as_of)
    sold = one.frame.sort_values(["company_id", "product_id"])["product_id"].iloc[0]
    theme = str(tree.set_index("product_id")["parent_id"][sold])
    held = pd.Series(0.125, index=pd.Index(sorted(one.companies)[:8], dtype=object))
    risk = holdings_risk(graph, held, as_of, dataset=dataset, universe="SIM", backcast_days=10)
    filters = Filters(least_overlap=0.05, least_days=150, window=200)
    found = {
        "snapshot": one.frame,
        "pairs": pairs(one),
        "rivals": rivals(one, company, tree=tree),
        "tested pairs": pair_search(graph, dataset, as_of, universe="SIM", filters=filters).frame,
        **{f"risk: {name}": table for name, table in risk.tables().items()},
    }
    history = basket_history(graph, theme, BEFORE, upstream=1)
    walked = chain(graph, company, as_of, upstream=2, downstream=1)
    for name, answer in (("history", history), ("chain", walked)):
        found |= {f"{name}: {key}": v for key, v in vars(answer).items() if isinstance(v, pd.DataFrame)}
    return found


@pytest.mark.slow
def test_later_inputs_change_no_answer_as_of_the_day(graph: Graph, tmp_path: Path) -> None:
    simulate(tmp_path / "data", seed=5, companies=36, products=40, years=2)
    dataset = Dataset(tmp_path / "data")
    load(graph, dataset)
    before = answers(graph, dataset)
    tables = {name: dataset.read(name) for name in dataset.tables}
    changed, rows = change(tables, pd.Timestamp(DAY), KINDS, 1)
    assert min(rows[kind] for kind in ("prices", "reports", "memberships", "listings", "taxonomy")) > 0
    (tmp_path / "changed").mkdir()
    for name, frame in changed.items():
        frame.to_parquet(tmp_path / "changed" / f"{name}.parquet", index=False)
    empty_database(graph.address)
    load(graph, Dataset(tmp_path / "changed"))
    after = answers(graph, Dataset(tmp_path / "changed"))
    told = {name: difference(table, after[name]) for name, table in before.items()}
    assert {name: words for name, words in told.items() if words} == {}
    named = {"pairs", "tested pairs", "rivals", "risk: backcast", "risk: variance by factor"}
    assert all(len(before[name]) for name in named)
    assert any(len(table) for name, table in before.items() if name.startswith("history"))
    later = dt.date(2020, 12, 28)
    assert not snapshot(graph, AsOf(later)).frame.equals(before["snapshot"])
