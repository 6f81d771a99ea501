"""What a day gets depends on no other day, and what is not finite is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from samgraph.factors.regression.cross_sectional import cross_sectional_regression
from samgraph.factors.regression.exposures import EdgeSums, Membership
from samgraph.factors.regression.ridge import Ridge
from samgraph.graph.series.snapshots import Edges


@pytest.mark.parametrize("n_products", [1, 11, 30])
def test_a_days_sums_do_not_depend_on_which_other_days_are_there(n_products):
    rng = np.random.default_rng(n_products)
    stock = np.repeat(np.arange(1000), 2)
    edges = EdgeSums(
        [Edges.of(stock, rng.integers(0, n_products, 2000), rng.random(2000))], [n_products], 1024
    )
    rows, found = rng.normal(size=(11, 7, 1024)), rng.normal(size=(11, 7, len(edges.present)))
    for product, values in ((edges.onto, rows), (edges.fitted, found)):
        together = product(values)
        for part in ([4], [10, 3], slice(2, 9), rng.permutation(11)):
            np.testing.assert_array_equal(product(values[part]), together[part])


@pytest.mark.parametrize("ridge", [None, Ridge(every=1, first=2)])
def test_what_is_not_finite_is_missing(ridge):
    rng = np.random.default_rng(0)
    forward, size, look = rng.normal(size=(3, 6, 90))
    cap, styles = np.exp(size), {"size": size, "look": look}
    family = Membership.from_labels(rng.integers(0, 5, (6, 90)), list("abcde"), kind="product")
    dates, stocks = pd.bdate_range("2020-01-01", periods=6), [f"s{i}" for i in range(90)]
    panels = [forward, cap, *styles.values()]
    for k, values in enumerate(panels):
        values[k, 3 + k], values[k, 9 + k] = np.inf, -np.inf

    def run(**weights):
        chosen = {"memberships": [family], "styles": styles, "ridge": ridge, "folds": 3}
        return cross_sectional_regression(forward, cap, dates, stocks, **chosen, **weights)

    a = run()
    for values in panels:
        values[np.isinf(values)] = np.nan
    b = run()
    np.testing.assert_array_equal(a.returns, b.returns)
    np.testing.assert_array_equal(a.specific, b.specific)
    np.testing.assert_array_equal(a.exposures(2), b.exposures(2))
    pd.testing.assert_frame_equal(a.days, b.days, check_exact=True)
    weights = np.sqrt(np.abs(cap))
    weights[2, 5] = np.inf
    assert np.isnan(run(weights=weights).specific[2, 5])
