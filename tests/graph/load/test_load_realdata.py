"""The real tables beside the checkout load whole, and the graph answers what they say."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from oracles import dump

from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.load.load import load


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["csi300", "ashare"])
def test_real_tables_load_whole_and_twice_changes_nothing(graph, shared_data, name):
    dataset = Dataset(shared_data / name)
    report = load(graph, dataset)
    read = report.tables["read"].to_dict()
    raw = {
        table: pd.read_csv(shared_data / name / f"{table}.csv", dtype="str")
        for table in read
        if table != "bars"
    }
    assert {table: read[table] for table in raw} == {table: len(rows) for table, rows in raw.items()}
    graph_tables = report.tables.drop(["bars", "benchmarks"])
    assert (graph_tables["used"] == [len(raw[table]) for table in graph_tables.index]).all()
    assert report.ok and report.rejected["table"].isin(["bars"]).all()

    t = dt.date(2023, 1, 3)
    sold = dump.sold(graph.address, t)
    segments = raw["segments"]
    keys = zip(segments["company_id"], segments["product_id"], strict=True)
    assert {key: row[0] for key, row in sold.items()} == dict(
        zip(keys, segments["weight"].astype(float), strict=True)
    )
    assert not dump.sold(graph.address, dt.date(2021, 10, 31))
    with dump.session(graph.address) as s:
        count = s.run(
            "MATCH (p:Product) WITH count(p) AS products MATCH (c:Company) WITH products, count(c) AS companies "
            "MATCH (i:Industry) WITH products, companies, count(i) AS industries "
            "MATCH ()-[m:MEMBER_OF]->() RETURN products, companies, industries, count(m) AS spans"
        ).single()
    assert count.data() == {
        "products": raw["products"]["product_id"].nunique(),
        "companies": len(raw["companies"]),
        "industries": len(raw["industries"]),
        "spans": len(raw["universes"]),
    }
    before = dump.everything(graph.address)
    assert load(graph, dataset).edges.to_numpy().sum() == 0
    assert dump.everything(graph.address) == before
