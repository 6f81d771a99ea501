"""A shock goes down the value chain by input shares, and what is not stated is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samgraph.errors import ModelError
from samgraph.factors.risk.stress import InputLinks, carry, stressed, worst_spells

NODES = ("ore", "steel", "body", "car")


def chain(*shares: float | None) -> InputLinks:
    links = [(NODES[k], NODES[k + 1], share) for k, share in enumerate(shares)]
    return InputLinks.of(NODES, dict.fromkeys(NODES), links)


def test_four_products_by_hand() -> None:
    """Ore falls by 20%; half of steel's inputs are ore, 40% of a body's steel, a quarter of a car's bodies."""
    found = carry(chain(0.5, 0.4, 0.25), np.array([-0.2, 0.0, 0.0, 0.0]), depth=3)
    np.testing.assert_allclose(found.carried, [-0.2, -0.1, -0.04, -0.01])
    np.testing.assert_allclose(found.direct, [-0.2, 0, 0, 0])
    np.testing.assert_allclose(
        found.low, found.carried
    )  # every link has its share, so the bound is the estimate
    np.testing.assert_allclose(found.high, 0.0)
    two = carry(chain(0.5, 0.4, 0.25), np.array([-0.2, 0.0, 0.0, 0.0]), depth=2)
    np.testing.assert_allclose(two.carried, [-0.2, -0.1, -0.04, 0.0])


def test_a_share_that_is_not_stated_is_bounded_by_what_is_not_covered() -> None:
    """Steel states 0.5 of ore; a body names steel without a share and 0.3 of glass, so 0.7 is open."""
    nodes = (*NODES, "glass")
    links = [("ore", "steel", 0.5), ("steel", "body", None), ("glass", "body", 0.3), ("body", "car", 0.25)]
    found = carry(InputLinks.of(nodes, dict.fromkeys(nodes), links), np.array([-0.2, 0, 0, 0, 0.0]), depth=3)
    np.testing.assert_allclose(found.carried, [-0.2, -0.1, 0, 0, 0])
    np.testing.assert_allclose(found.low, [-0.2, -0.1, -0.07, -0.0175, 0])


def test_shocks_hold_below_and_may_be_the_whole_of_what_is_above() -> None:
    """Metal holds copper and steel; wire's inputs are 60% metal. A fall of copper alone may be all of it, or none."""
    nodes = ("metal", "copper", "steel", "wire", "fine wire")
    parents = {"copper": "metal", "steel": "metal", "fine wire": "wire"}
    links = InputLinks.of(nodes, parents, [("metal", "wire", 0.6)])
    found = carry(links, np.array([-0.1, 0, 0, 0, 0]), depth=1)
    np.testing.assert_allclose(found.carried, [-0.1, -0.1, -0.1, -0.06, -0.06])
    alone = carry(links, np.array([0, -0.1, 0, 0, 0]), depth=1)
    np.testing.assert_allclose(alone.carried, [0, -0.1, 0, 0, 0])
    np.testing.assert_allclose(alone.low, [0, -0.1, 0, -0.06, -0.06])


def test_stated_shares_above_one_are_scaled_to_one() -> None:
    links = InputLinks.of(("a", "b", "c"), {}, [("a", "c", 0.9), ("b", "c", 0.9)])
    np.testing.assert_allclose(carry(links, np.array([-0.1, -0.1, 0.0]), 1).carried, [-0.1, -0.1, -0.1])


@st.composite
def chains(draw: st.DrawFn) -> InputLinks:
    n = draw(st.integers(2, 7))
    parent = [-1] + [draw(st.integers(-1, k - 1)) for k in range(1, n)]
    ends = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))
    pairs = draw(st.lists(ends, unique=True, max_size=8))
    shares = [draw(st.one_of(st.just(np.nan), st.floats(0.01, 1.0))) for _ in pairs]
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return InputLinks(np.array(parent), array[:, 0], array[:, 1], np.array(shares))


@settings(max_examples=60, deadline=None)
@given(chains(), st.integers(0, 4), st.integers(0, 2**31))
def test_carrying_is_linear_bounds_hold_it_and_more_shock_or_depth_is_no_less(
    links: InputLinks, depth: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n = len(links.parent)
    a, b = rng.normal(0, 0.2, (2, n))
    both, one, two = (carry(links, x, depth) for x in (2.0 * a + b, a, b))
    np.testing.assert_allclose(both.carried, 2.0 * one.carried + two.carried, atol=1e-12)
    assert (one.low <= one.carried + 1e-12).all() and (one.carried <= one.high + 1e-12).all()
    worse = carry(links, a - np.abs(b), depth)
    assert (worse.carried <= one.carried + 1e-12).all() and (worse.low <= one.low + 1e-12).all()
    fall = -np.abs(a)
    less, more = carry(links, fall, depth), carry(links, fall, depth + 1)
    assert (more.carried <= less.carried + 1e-12).all() and (more.low <= less.low + 1e-12).all()


def test_the_series_ends_at_the_price_equation() -> None:
    """Without a taxonomy, deep enough, it is (I - A')^-1 e."""
    rng = np.random.default_rng(5)
    share = rng.uniform(0, 0.2, (4, 4))
    supplier, customer = np.nonzero(share)
    links = InputLinks(np.full(4, -1), supplier, customer, share[supplier, customer])
    shock = rng.normal(0, 0.1, 4)
    wanted = np.linalg.solve(np.eye(4) - share.T, shock)
    np.testing.assert_allclose(carry(links, shock, 200).carried, wanted, rtol=1e-9)


def test_stocks_move_by_their_revenue_and_shorts_lose_by_rises() -> None:
    found = carry(chain(0.5, None, None), np.array([-0.2, 0.0, 0.0, 0.0]), depth=1)
    frame = stressed(
        np.array([0.5, -0.5]), np.array([0, 0, 1]), np.array([0, 2, 1]), np.array([0.6, 0.3, 1.0]), found
    )
    assert frame["carried"].tolist() == pytest.approx([-0.12, -0.1])
    assert frame["loss"].tolist() == pytest.approx([-0.06, 0.05])
    assert frame["worst"].tolist() == pytest.approx([-0.06, 0.0])
    assert frame["covered"].tolist() == pytest.approx([0.9, 1.0])


def test_the_worst_spells_of_the_past_do_not_overlap() -> None:
    moves = np.array([0.0, -0.03, -0.03, 0.01, np.nan, -0.02, -0.01, 0.05])
    book = np.arange(8) / 100
    found = worst_spells(moves, book, -0.05, 2)
    assert found[["first", "last"]].to_numpy().tolist() == [[1, 2], [5, 6]]
    assert found["move"].tolist() == pytest.approx([-0.06, -0.03])
    assert found["portfolio"].tolist() == pytest.approx([0.03, 0.11])
    assert found["reached"].tolist() == [True, False]
    assert worst_spells(moves, book, 0.05, 1)["first"].tolist() == [7, 3]
    with pytest.raises(ModelError, match="circle"):
        carry(InputLinks(np.array([1, 0]), *np.zeros((2, 0), dtype=np.int64), np.zeros(0)), np.zeros(2), 1)
