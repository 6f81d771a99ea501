"""What stocks of a concept share is said by the concept part: the penalty that sees to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.hist_making import make_market, make_series

from samgraph.graph.series.snapshots import Edges
from samgraph.hist.batch import collate, day_graph
from samgraph.hist.concepts import concept_mean
from samgraph.hist.config import variant
from samgraph.hist.data import training_inputs
from samgraph.hist.train import fit_window
from samgraph.hist.windows import Window


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_concept_mean_equals_its_dense_form_and_ignores_stocks_without_edges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 12)), int(rng.integers(1, 6))
    dense = rng.uniform(0.1, 1.0, (n, m)).astype(np.float32) * (rng.uniform(size=(n, m)) < 0.4)
    stock, concept = np.nonzero(dense)
    batch = collate(
        [day_graph(Edges(stock, concept, dense[stock, concept]), np.arange(n))], torch.ones(n).double()
    )
    part = rng.normal(size=n)
    found = concept_mean(torch.from_numpy(part), batch).numpy()
    mean = [np.average(part, weights=dense[:, k]) if dense[:, k].any() else 0.0 for k in range(m)]
    expected = [np.average(mean, weights=row) if row.any() else 0.0 for row in dense]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def spoken_for_concepts(separation: float) -> float:
    """Mean square of what the hidden and the individual part say for whole concepts, on test days."""
    small: dict[str, Any] = {"hidden_size": 8, "epochs": 12, "horizon": 3, "burn_in": 20, "min_history": 10}
    small["start"] = "nothing"
    config = variant("samgraph", **small, separation=separation)
    market = make_market(1, 170, 24)
    inputs = training_inputs(market, make_series(market), config)
    frame = fit_window(inputs, Window(slice(30, 90), slice(100, 130), slice(140, 170)), config, 0).predictions
    assert inputs.series is not None
    total = []
    for date, rows in frame.groupby("date"):
        edges = inputs.series.edges(int(inputs.series.dates.get_loc(date)))
        place = np.array([market.stocks.index(company) for company in rows["company_id"]])
        batch = collate([day_graph(edges, place)], torch.ones(len(place)))
        for name in ("hidden", "individual"):
            said = concept_mean(torch.from_numpy(rows[name].to_numpy(np.float32)), batch)
            total.append(float((said**2).mean()))
    return float(np.mean(total))


def test_the_penalty_takes_what_concepts_share_out_of_the_other_parts() -> None:
    assert spoken_for_concepts(30.0) < 0.2 * spoken_for_concepts(0.0)
