"""Cross-sectional regressions equal statsmodels, add up, name what is not identified, and see no later day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.errors import ModelError
from samgraph.factors.regression.cross_sectional import compare_families, cross_sectional_regression, next_day
from samgraph.factors.regression.designs import Designs
from samgraph.factors.regression.exposures import Design, EdgeSums, Membership, taxonomy_prior
from samgraph.factors.regression.ridge import Ridge, Shrinkage
from samgraph.factors.regression.solve import Solution, deal, fit_day, held_out, leave_one_out
from samgraph.graph.series.snapshots import Edges, SnapshotSeries

N_DATES, N_STOCKS, N_PRODUCTS = 8, 90, 9


def made_series(seed=0, n_dates=N_DATES, n_stocks=N_STOCKS, n_products=N_PRODUCTS, full=True):
    """Each stock sells 1 to 4 products; shares sum to 1, or with full=False to less for some."""
    rng = np.random.default_rng(seed)
    versions = []
    for _ in range(2):
        matrix = np.zeros((n_stocks, n_products))
        for i in range(n_stocks):
            chosen = rng.choice(n_products, rng.integers(1, 5), replace=False)
            matrix[i, chosen] = rng.dirichlet(np.ones(len(chosen))) * (1.0 if full else rng.uniform(0.5, 1))
        stock, product = np.nonzero(matrix)
        versions.append(Edges.of(stock, product, matrix[stock, product]))
    products = tuple(f"p{k}" for k in range(n_products))
    dates = pd.bdate_range("2020-01-01", periods=n_dates)
    day_version = (np.arange(n_dates) >= n_dates // 2).astype(np.int64)
    stocks = tuple(f"s{i}" for i in range(n_stocks))
    return SnapshotSeries(dates, stocks, products, products, day_version, tuple(versions))


def made_market(series, seed=1, noise=0.01):
    rng = np.random.default_rng(seed)
    shape = (series.n_dates, series.n_stocks)
    cap = np.exp(rng.normal(23, 1.2, shape))
    styles = {"size": rng.normal(size=shape), "momentum": rng.normal(size=shape)}
    truth = rng.normal(0, 0.01, (series.n_dates, series.n_concepts))
    forward = np.stack([series.dense(t) @ truth[t] for t in range(series.n_dates)])
    forward += 0.002 * styles["size"] + rng.normal(0, noise, shape)
    forward[rng.random(shape) < 0.05] = np.nan
    styles["momentum"][rng.random(shape) < 0.03] = np.nan
    return forward, cap, styles, truth


def run(series, forward, cap, **settings_):
    return cross_sectional_regression(forward, cap, series.dates, series.stocks, **settings_)


def estimation_set(forward, cap, styles, t):
    return ~np.isnan(forward[t]) & ~np.isnan(styles["momentum"][t]) & ~np.isnan(cap[t])


@pytest.mark.parametrize("full", [True, False])
def test_equals_statsmodels_with_the_constraint_put_in_by_hand(full):
    """The constraint eliminates one product by substitution: the textbook form of the same problem."""
    series = made_series(full=full)
    forward, cap, styles, _ = made_market(series)
    got = run(series, forward, cap, styles=styles, memberships=[Membership.from_series(series)])
    for t in range(N_DATES):
        use = estimation_set(forward, cap, styles, t)
        x = series.dense(t)[use].astype(float)
        c = cap[t][use] @ x
        free = np.eye(N_PRODUCTS)[:, :-1].copy()
        free[-1] = -c[:-1] / c[-1]
        z = np.column_stack(
            [np.ones(use.sum()), styles["size"][t][use], styles["momentum"][t][use], x @ free]
        )
        fit = sm.WLS(forward[t][use], z, weights=np.sqrt(cap[t][use])).fit()
        products = free @ fit.params[3:]
        np.testing.assert_allclose(got.returns[t], np.r_[fit.params[:3], products], atol=1e-10)
        errors = np.sqrt(np.diag(free @ fit.cov_params()[3:, 3:] @ free.T))
        np.testing.assert_allclose(got.errors[t], np.r_[fit.bse[:3], errors], rtol=1e-8)
        np.testing.assert_allclose(got.specific[t][use], fit.resid, atol=1e-10)
        day = got.days.iloc[t]
        assert day["r2"] == pytest.approx(fit.rsquared, abs=1e-10)
        assert day["adj_r2"] == pytest.approx(fit.rsquared_adj, abs=1e-10)
        assert (day["rank"], day["n"], day["at_fault"]) == (z.shape[1], use.sum(), 0)
        assert abs(c @ got.returns[t, 3:]) / c.sum() < 1e-15


def test_one_hot_products_are_the_industry_dummies():
    rng = np.random.default_rng(2)
    series = made_series()
    forward, cap, styles, _ = made_market(series)
    labels = rng.integers(0, 6, (N_DATES, N_STOCKS))
    labels[3:] = labels[3]
    names = [f"i{k}" for k in range(6)]
    edges = tuple(Edges.of(np.arange(N_STOCKS), labels[t], np.ones(N_STOCKS)) for t in range(N_DATES))
    one_hot = SnapshotSeries(
        series.dates, series.stocks, tuple(names), tuple(names), np.arange(N_DATES), edges
    )
    a = run(series, forward, cap, styles=styles, memberships=[Membership.from_series(one_hot)])
    industry = Membership.from_labels(labels, names)
    assert len(industry.versions) == 4
    b = run(series, forward, cap, styles=styles, memberships=[industry])
    np.testing.assert_array_equal(a.returns, b.returns)
    for t in (0, 5):
        use = estimation_set(forward, cap, styles, t)
        dummies = (labels[t][use, None] == np.arange(6)).astype(float)
        z = np.column_stack([dummies, styles["size"][t][use], styles["momentum"][t][use]])
        fit = sm.WLS(forward[t][use], z, weights=np.sqrt(cap[t][use])).fit()
        # a dummy's coefficient is the market's return plus the industry's own
        np.testing.assert_allclose(a.returns[t, 0] + a.returns[t, 3:], fit.params[:6], atol=1e-12)
        np.testing.assert_allclose(a.returns[t, 1:3], fit.params[6:], atol=1e-12)
        np.testing.assert_allclose(a.errors[t, 1:3], fit.bse[6:], rtol=1e-9)


def test_contributions_and_specific_return_add_up_to_the_return():
    series = made_series(full=False)
    forward, cap, styles, _ = made_market(series)
    for ridge in (None, Ridge(strengths=(0.5,))):
        members = [Membership.from_series(series)]
        got = run(series, forward, cap, styles=styles, memberships=members, ridge=ridge)
        for t in range(N_DATES):
            use = ~np.isnan(got.specific[t])
            total = got.contributions(t).sum(axis=1) + got.specific[t]
            assert np.abs(total - forward[t])[use].max() < 1e-12
            assert np.isnan(total[~use]).all()


def test_planted_factor_returns_are_recovered_within_their_errors():
    series = made_series(seed=4, n_dates=200, n_stocks=150)
    forward, cap, styles, truth = made_market(series)
    got = run(series, forward, cap, styles=styles, memberships=[Membership.from_series(series)])
    z = []
    for t in range(200):
        use = ~np.isnan(got.specific[t])
        c = cap[t][use] @ series.dense(t)[use]
        z.append((got.returns[t, 3:] - (truth[t] - truth[t] @ c / c.sum())) / got.errors[t, 3:])
    z = np.concatenate(z)
    # square-root-of-cap weights are not the planted (equal) precisions, so the errors are right only roughly
    assert abs(z.mean()) < 0.1
    assert 0.85 < z.std() < 1.35
    assert got.returns[:, 1].mean() == pytest.approx(0.002, abs=0.0005)


def test_identical_products_are_named_and_the_rest_is_unharmed():
    series = made_series()
    forward, cap, _, _ = made_market(series)
    doubled = tuple(
        Edges.of(
            np.r_[e.stock, e.stock[e.concept == 2]],
            np.r_[e.concept, np.full((e.concept == 2).sum(), N_PRODUCTS)],
            np.r_[e.weight * np.where(e.concept == 2, 0.5, 1.0), e.weight[e.concept == 2] * 0.5],
        )
        for e in series.versions
    )
    names = (*series.concepts, "twin")
    twin = SnapshotSeries(series.dates, series.stocks, names, names, series.day_version, doubled)
    plain = run(series, forward, cap, memberships=[Membership.from_series(series)])
    got = run(series, forward, cap, memberships=[Membership.from_series(twin)])
    assert (got.days["at_fault"] == 1).all()
    assert (got.days["rank"] == plain.days["rank"]).all()
    pairs = {frozenset([c, *d.split()]) for c, d in got.deficiencies[["column", "depends_on"]].to_numpy()}
    assert pairs == {frozenset(["p2", "twin"])}
    assert set(got.days["columns_at_fault"]) <= {"p2 from twin", "twin from p2"}
    assert (plain.days["columns_at_fault"] == "").all() and set(got.deficiencies["kind"]) == {"product"}
    np.testing.assert_allclose(got.specific, plain.specific, atol=1e-12)


def test_products_and_industries_that_say_the_same_are_found_out():
    """Every stock of product 0 alone is industry 0: with both families one column too many."""
    labels = np.repeat([0, 0, 1, 1, 2, 2], 10)[None, :].repeat(3, axis=0)
    products = Membership.from_labels(
        np.repeat([0, 1, 2, 3, 4, 4], 10)[None, :].repeat(3, axis=0), list("abcde")
    )
    industries = Membership.from_labels(labels, ["x", "y", "z"])
    rng = np.random.default_rng(0)
    y, cap = rng.normal(size=(3, 60)), np.exp(rng.normal(size=(3, 60)))
    dates = pd.bdate_range("2020-01-01", periods=3)
    got = compare_families(y, cap, dates, list(map(str, range(60))), product=products, industry=industries)
    assert (got["product"].days["rank"] == 5).all() and (got["industry"].days["rank"] == 3).all()
    # the industries' three columns lie in the span of the products'
    assert (got["both"].days["rank"] == 5).all()
    assert (got["both"].days["at_fault"] == 3 - 1).all()
    np.testing.assert_allclose(got["both"].days["r2"], got["product"].days["r2"], atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(0, 3))
def test_rank_equals_numpys(seed, n_columns, n_copies):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, n_columns))
    x = np.hstack([x, x @ rng.normal(size=(n_columns, n_copies))]) * np.exp(
        rng.normal(0, 3, n_columns + n_copies)
    )
    found = Solution(x.T @ x, np.zeros((0, x.shape[1])))
    assert found.rank == np.linalg.matrix_rank(x / np.linalg.norm(x, axis=0), tol=1e-4)
    assert len(found.at_fault) == n_copies
    np.testing.assert_allclose(found.variances(), np.diag(found.operator), rtol=1e-6)
    y = rng.normal(size=40)
    fitted = x @ found.coefficients(x.T @ y)
    np.testing.assert_allclose(fitted, x @ np.linalg.lstsq(x, y, rcond=None)[0], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_which_column_is_at_fault_is_the_later_one_however_rounding_falls(seed, bound):
    """Twins, a sum of three others, and a twin of one that is nearly another: the same choice at any last bit."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 5))
    near = x[:, 4] + 1e-3 * rng.normal(size=60)
    x = np.column_stack([x, -2.0 * x[:, 1], near, x[:, :3].sum(axis=1), 7.0 * near])
    constraints = np.abs(rng.normal(size=(1, 9))) if bound else np.zeros((0, 9))
    if bound:  # a constraint that the dependent columns share in as their parts do
        constraints[0, 5], constraints[0, 8] = -2.0 * constraints[0, 1], 7.0 * constraints[0, 6]
        constraints[0, 7] = constraints[0, :3].sum()
    gram = x.T @ x
    found = []
    for _ in range(20):
        noise = 1e-15 * rng.normal(size=gram.shape)
        found.append(Solution(gram * (1.0 + noise + noise.T), constraints).at_fault)
    assert len(found[0]) == 3 and {5, 8} < found[0].keys()  # the third is of the sum and its parts
    for one in found:
        assert one.keys() == found[0].keys()
        assert all(np.array_equal(one[column], found[0][column]) for column in one)


def test_of_twins_the_later_one_is_at_fault():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 4))
    x = np.column_stack([x, x[:, 2], -x[:, 0], x[:, 2]])
    found = Solution(x.T @ x, np.zeros((0, 7)))
    assert {column: list(on) for column, on in found.at_fault.items()} == {4: [2], 5: [0], 6: [2]}
    assert list(found.kept) == [0, 1, 2, 3]


def designed(seed=0):
    series = made_series(seed)
    rng = np.random.default_rng(seed)
    design = Design(rng.normal(size=(N_STOCKS, 2)), EdgeSums([series.edges(0)], [N_PRODUCTS], N_STOCKS))
    x = np.hstack([design.dense, series.dense(0)])
    return design, x, rng.normal(size=N_STOCKS), np.exp(rng.normal(size=N_STOCKS)), rng


def test_sums_over_edges_equal_dense_algebra():
    design, x, y, w, rng = designed()
    np.testing.assert_allclose(design.gram(w), x.T @ (w[:, None] * x), atol=1e-12)
    np.testing.assert_allclose(design.diagonal(w), np.diag(x.T @ (w[:, None] * x)), atol=1e-12)
    np.testing.assert_allclose(design.moment(y), x.T @ y, atol=1e-12)
    f = rng.normal(size=x.shape[1])
    np.testing.assert_allclose(design.fitted(f), x @ f, atol=1e-12)
    m = rng.normal(size=(x.shape[1],) * 2)
    m = m + m.T
    np.testing.assert_allclose(design.quadratic(m), np.einsum("ik,kl,il->i", x, m, x), atol=1e-11)


@pytest.mark.parametrize(("n_products", "market"), [(9, True), (60, True), (9, False)])
def test_days_fitted_together_are_the_days_fitted_one_by_one(n_products, market):
    """With few and many products (dense and sparse sums), absent ones, a day at fault and one with few stocks."""
    series = made_series(n_dates=12, n_stocks=140, n_products=n_products, full=False)
    forward, cap, styles, _ = made_market(series)
    membership = Membership.from_series(series)
    holders = series.dense(0)[:, 2] > 0.0
    forward[1, holders] = np.nan
    styles["momentum"][8] = 2.0 * styles["size"][8]
    forward[9, 70:] = np.nan
    forward[10, 8:] = np.nan
    got = run(series, forward, cap, styles=styles, memberships=[membership], market=market, folds=3, seed=5)
    designs = Designs((membership,), styles, market, series.n_stocks)
    fold = deal(series.stocks, 3, 5)
    for t in range(12):
        use = estimation_set(forward, cap, styles, t)
        y, w, size = (np.where(use, values, 0.0) for values in (forward[t], np.sqrt(cap[t]), cap[t]))
        design = designs.of(t)
        constraints = np.r_[np.zeros(designs.n_dense), series.dense(t).T @ size / size.sum()][None][
            : int(market)
        ]
        fit = fit_day(design, y, w, constraints)
        if fit.n - fit.edf <= 5:
            assert got.days["rank"][t] == 0 and np.isnan(got.returns[t]).all()
            continue
        kept = np.sort(np.concatenate([fit.solution.kept, list(fit.solution.at_fault)]).astype(int))
        np.testing.assert_array_equal(np.flatnonzero(~np.isnan(got.returns[t])), kept)
        np.testing.assert_allclose(got.returns[t, kept], fit.factor_returns[kept], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(got.errors[t, kept], fit.errors[kept], rtol=1e-10)
        np.testing.assert_allclose(got.specific[t, use], fit.residual[use], rtol=0, atol=1e-12)
        assert np.isnan(got.specific[t, ~use]).all()
        missed, spread = held_out(design, y, w, constraints, None, fold=fold)
        row = got.days.loc[t]
        assert (row["n"], row["rank"], row["edf"]) == (fit.n, fit.solution.rank, fit.edf)
        assert row["r2"] == pytest.approx(1 - fit.sse / fit.sst, rel=1e-10)
        assert row["oos_r2"] == pytest.approx(1 - missed / spread, rel=1e-8)  # less data, worse conditioned
        assert row["at_fault"] == len(fit.solution.at_fault)
    assert got.days["at_fault"][8] == 1 and got.days["at_fault"][:8].sum() == 0
    assert got.days["rank"][10] == 0 and (got.days["rank"].drop(10) > 0).all()
    assert np.isnan(got.returns[1]).sum() > np.isnan(got.returns[0]).sum()


def test_leave_one_out_and_held_out_errors_equal_refitting():
    design, x, y, w, rng = designed(1)
    c = (rng.random(x.shape[1]) * (np.arange(x.shape[1]) >= 2))[None]
    prior = np.diag(np.r_[0.0, 0.0, np.full(N_PRODUCTS, 0.7)])
    for precision in (None, prior):
        fit = fit_day(design, y, w, c, precision)
        want = []
        for i in range(N_STOCKS):
            part = np.where(np.arange(N_STOCKS) == i, 0.0, w)
            one = fit_day(design, y, part, c, precision)
            want.append(y[i] - x[i] @ one.factor_returns)
        assert leave_one_out(design, fit, w) == pytest.approx(w @ np.square(want) / w.sum(), rel=1e-9)
    each = np.arange(N_STOCKS)
    assert held_out(design, y, w, c, prior, fold=each)[0] == pytest.approx(w @ np.square(want), rel=1e-9)


def test_a_ridge_fit_is_the_constrained_penalised_minimum():
    design, x, y, w, rng = designed(2)
    c = np.r_[0.0, 0.0, rng.random(N_PRODUCTS)][None]
    root = rng.normal(size=(N_PRODUCTS, N_PRODUCTS))
    precision = np.zeros((x.shape[1],) * 2)
    precision[2:, 2:] = root @ root.T
    fit = fit_day(design, y, w, c, precision)
    kkt = np.block([[x.T @ (w[:, None] * x) + precision, c.T], [c, np.zeros((1, 1))]])
    want = np.linalg.solve(kkt, np.r_[x.T @ (w * y), 0.0])[:-1]
    np.testing.assert_allclose(fit.factor_returns, want, atol=1e-11)
    hat = x @ fit.solution.operator @ (x.T * w)
    assert fit.edf == pytest.approx(np.trace(hat))
    np.testing.assert_allclose(fit.solution.operator @ (x.T * w) @ y, want, atol=1e-11)


def test_shrinkage_pulls_products_toward_their_parents():
    parents = {"root": None, "a": "root", "b": "root", "a1": "a", "a2": "a", "b1": "b"}
    columns = ["a", "a1", "a2", "b1"]
    prior = taxonomy_prior(columns, parents)
    np.testing.assert_allclose(prior * 2.75, [[2, 2, 2, 1], [2, 3, 2, 1], [2, 2, 3, 1], [1, 1, 1, 3]])
    precision = np.linalg.inv(prior)
    # given its parent, a product is expected to do as the parent does, whatever siblings and cousins do
    weights = -precision[1, [0, 2, 3]] / precision[1, 1]
    np.testing.assert_allclose(weights, [1.0, 0.0, 0.0], atol=1e-12)
    with pytest.raises(ModelError, match="circle"):
        taxonomy_prior(["x"], {"x": "y", "y": "x"})


def test_a_product_without_data_of_its_own_takes_its_parents_return():
    stock = np.arange(40)
    edges = Edges.of(stock, np.where(stock < 20, 0, 2), np.ones(40))  # nobody sells product 1, child of 0
    parents = {"a": None, "a1": "a", "b": None}
    prior = taxonomy_prior(["a", "a1", "b"], parents)
    design = Design(np.zeros((40, 0)), EdgeSums([edges], [3], 40))
    y = np.where(stock < 20, 1.0, -1.0)
    precision = 1e-6 * np.linalg.inv(prior)
    got = fit_day(design, y, np.ones(40), np.zeros((0, 3)), precision)
    np.testing.assert_allclose(got.factor_returns, [1.0, 1.0, -1.0], atol=1e-5)


def test_the_ridge_strength_is_learnt_and_from_the_past_alone():
    series = made_series(seed=3, n_dates=120, n_stocks=60, n_products=25)
    forward, cap, _, _ = made_market(series, noise=0.001)
    family = Membership.from_series(series)
    noise = np.random.default_rng(0).normal(0, 0.01, forward.shape)
    ridge = Ridge(strengths=(0.001, 0.1, 10.0), every=2, lookback=60, first=5)
    without_structure = run(series, noise, cap, memberships=[family], ridge=ridge, folds=0)
    with_structure = run(series, forward, cap, memberships=[family], ridge=ridge, folds=0)
    assert without_structure.days["ridge"].iloc[-1] == 10.0
    assert with_structure.days["ridge"].iloc[-1] < 10.0
    assert (without_structure.days["ridge"].iloc[:9] == 0.1).all()
    changed = noise.copy()
    changed[70:] = forward[70:]
    other = run(series, changed, cap, memberships=[family], ridge=ridge, folds=0)
    np.testing.assert_array_equal(other.returns[:70], without_structure.returns[:70])
    # the return that row 70 explains is known only from day 71 on
    assert other.days["ridge"].iloc[70] == without_structure.days["ridge"].iloc[70]


def test_out_of_sample_r2_punishes_factors_that_mean_nothing():
    series = made_series(seed=6, n_dates=40, n_stocks=80, n_products=20)
    forward, cap, _, _ = made_market(series, noise=0.002)
    shuffled = series.reassigned(np.random.default_rng(0).permutation(80))
    true = run(series, forward, cap, memberships=[Membership.from_series(series)]).summary()
    placebo = run(series, forward, cap, memberships=[Membership.from_series(shuffled)]).summary()
    assert true["oos_r2"] > 0.05
    assert placebo["oos_r2"] < 0.0 < placebo["r2"]
    assert abs(placebo["adj_r2"]) < 0.12 < true["adj_r2"]
    assert true["k"] == 20


@pytest.mark.parametrize("ridge", [None, Ridge(every=1, first=2)])
def test_what_comes_after_a_day_changes_nothing_up_to_it(ridge):
    series = made_series(n_dates=30)
    forward, cap, styles, _ = made_market(series)
    settings_ = {"ridge": ridge, "memberships": [Membership.from_series(series)]}
    a = run(series, forward, cap, styles=styles, **settings_)
    forward[20:] *= -3
    cap[20:] = cap[20:, ::-1]
    b = run(
        series,
        forward,
        cap,
        styles={k: np.where(np.arange(30)[:, None] < 20, v, 1) for k, v in styles.items()},
        **settings_,
    )
    np.testing.assert_array_equal(a.returns[:20], b.returns[:20])
    np.testing.assert_array_equal(a.specific[:20], b.specific[:20])
    pd.testing.assert_frame_equal(a.days[:20], b.days[:20], check_exact=True)
    assert not np.array_equal(a.returns[20:], b.returns[20:])


def test_renormalised_shares_sum_to_one_and_reported_ones_are_kept():
    series = made_series(full=False)
    for shares, full in (("as_reported", False), ("renormalise", True)):
        edges = Membership.from_series(series, shares=shares).edges(0)
        total = np.bincount(edges.stock, weights=edges.weight, minlength=N_STOCKS)
        assert np.allclose(total, 1.0, atol=1e-6) == full


def test_days_with_too_few_stocks_are_left_out_and_absent_products_have_no_return():
    series = made_series()
    forward, cap, _, _ = made_market(series)
    forward[1, 12:] = np.nan
    gone = series.edges(0).stock[series.edges(0).concept == 4]
    forward[2, gone] = np.nan
    got = run(series, forward, cap, memberships=[Membership.from_series(series)])
    assert np.isnan(got.returns[1]).all() and np.isnan(got.days["r2"][1])
    assert np.isnan(got.returns[2, 5]) and got.days["rank"][2] == N_PRODUCTS - 1
    table = got.factor_returns()
    assert len(table) == (N_DATES - 1) * (N_PRODUCTS + 1) - 1
    assert set(table.kind) == {"market", "product"}


def test_next_day_moves_returns_and_wrong_shapes_are_named():
    np.testing.assert_array_equal(next_day([[1.0], [2.0]]), [[2.0], [np.nan]])
    series = made_series()
    forward, cap, _, _ = made_market(series)
    short = Membership.from_labels(np.zeros((2, N_STOCKS), dtype=int), ["x"])
    with pytest.raises(ModelError, match="industry exposures have 2 days"):
        run(series, forward, cap, memberships=[short])
    with pytest.raises(ModelError, match="needs a market factor"):
        run(series, forward, cap, market=False)
    with pytest.raises(ModelError, match="rise"):
        Ridge(strengths=(1.0, 0.1))
    assert Shrinkage(Ridge(strengths=(2.0,)), [], 0).strength(5) == 2.0
