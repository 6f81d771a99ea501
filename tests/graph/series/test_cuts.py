"""Concept cuts against their slow and obvious form, and the promises that hold at every cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import cuts as oracle

from samgraph.errors import SnapshotError
from samgraph.graph.series.cuts import Taxonomy, assign, coverage, parse_cut

# parents[p] is below p, so that any list is a forest; up to 12 layers and more occur
forests = st.integers(1, 25).flatmap(
    lambda n: st.tuples(*[st.one_of(st.just(-1), st.integers(0, max(p - 1, 0))) for p in range(n)]).map(
        lambda parents: [q if q < p else -1 for p, q in enumerate(parents)]
    )
)


@st.composite
def days(draw):
    """A taxonomy, edges (each company's weights sum to at most 1) and a number of members."""
    parent = draw(forests)
    n_stocks = draw(st.integers(1, 8))
    edges = []
    for stock in range(n_stocks):
        products = draw(st.lists(st.integers(0, len(parent) - 1), unique=True, max_size=6))
        edges += [(stock, product, draw(st.floats(0.01, 1.0)) / len(products)) for product in products]
    return parent, edges, n_stocks + draw(st.integers(0, 5))


def applied(text, parent, edges, members):
    stock = np.array([e[0] for e in edges], dtype=np.int64)
    product = np.array([e[1] for e in edges], dtype=np.int64)
    weight = np.array([e[2] for e in edges])
    found = assign(parse_cut(text), stock, product, Taxonomy.of(parent), members)
    result: dict[tuple[str, str], float] = {}
    for edge, concept in zip(found.edge, found.concept, strict=True):
        key = str(stock[edge]), str(concept)
        result[key] = result.get(key, 0.0) + float(weight[edge])
    return result, found, coverage(found, stock, weight, members, 0)


def named(parent, edges):
    return (
        {str(p): str(q) for p, q in enumerate(parent) if q >= 0},
        [(str(stock), str(product), weight) for stock, product, weight in edges],
    )


@settings(max_examples=150, deadline=None)
@given(days(), st.integers(1, 4), st.floats(0.05, 1.0), st.integers(1, 13), st.integers(0, 4))
def test_every_cut_equals_its_obvious_form(day, minimum, maximum, first, more):
    parent, edges, members = day
    up, texts = named(parent, edges)
    expected = {
        "leaf": oracle.leaf(texts),
        f"level:{first}": oracle.level(texts, up, first),
        f"levels:{first}-{first + more}": oracle.levels(texts, up, first, first + more),
        f"adaptive:min={minimum},max={maximum!r}": oracle.adaptive(texts, up, minimum, maximum, members),
    }
    for text, wanted in expected.items():
        got, _, _ = applied(text, parent, edges, members)
        assert got == pytest.approx(wanted), text


@settings(max_examples=100, deadline=None)
@given(days(), st.integers(1, 4), st.floats(0.05, 1.0))
def test_adaptive_concepts_have_enough_companies_and_not_too_many(day, minimum, maximum):
    parent, edges, members = day
    got, found, told = applied(f"adaptive:min={minimum},max={maximum!r}", parent, edges, members)
    for concept in {concept for _, concept in got}:
        companies = len({company for company, other in got if other == concept})
        assert minimum <= companies <= maximum * members + 1e-9
    # Every edge is kept once or dropped for one cause, and the shares of revenue say so.
    kept = np.bincount(found.edge, minlength=len(edges))
    assert np.all(kept + found.too_general + found.too_small == 1)
    if edges:
        assert told.kept + told.too_general + told.too_small == pytest.approx(1)
        total = sum(weight for _, _, weight in edges)
        assert told.kept == pytest.approx(sum(got.values()) / total)
    assert told.with_edges + told.without_report + told.lost_to_cut == told.companies == members
    assert told.with_edges == len({company for company, _ in got})


@settings(max_examples=100, deadline=None)
@given(days(), st.integers(1, 12))
def test_weights_sum_to_at_most_one_and_nothing_is_lost_on_a_level(day, level):
    parent, edges, members = day
    reported = {str(s): sum(w for t, _, w in edges if t == s) for s, _, _ in edges}
    for text, most in (
        ("leaf", 1),
        (f"level:{level}", 1),
        ("adaptive:min=2,max=0.5", 1),
        (f"levels:{level}-{level + 2}", 3),
    ):
        got, _, _ = applied(text, parent, edges, members)
        for company, share in reported.items():
            total = sum(weight for (other, _), weight in got.items() if other == company)
            assert total <= most + 1e-9, text
            if text.startswith("level:") or text == "leaf":
                assert total == pytest.approx(share), text


@settings(max_examples=60, deadline=None)
@given(days())
def test_children_sum_to_their_parent_on_every_level(day):
    parent, edges, members = day
    deepest = len(parent)
    got, _, _ = applied(f"levels:1-{deepest}", parent, edges, members)
    own, _, _ = applied("leaf", parent, edges, members)
    for (company, product), weight in got.items():
        children = [str(p) for p, q in enumerate(parent) if str(q) == product]
        below = sum(got.get((company, child), 0.0) for child in children)
        assert weight == pytest.approx(below + own.get((company, product), 0.0))


def test_a_deep_chain_folds_through_all_its_levels():
    parent = [-1, *range(12)]  # 13 layers, one product each
    edges = [(0, 12, 1.0), (1, 6, 0.5), (2, 0, 0.25)]
    got, _, told = applied("adaptive:min=3,max=1", parent, edges, 3)
    assert got == {("0", "0"): 1.0, ("1", "0"): 0.5, ("2", "0"): 0.25}
    assert told.kept == pytest.approx(1)
    got, _, _ = applied("adaptive:min=2,max=1", parent, edges, 3)
    assert got == {("0", "6"): 1.0, ("1", "6"): 0.5}  # the root keeps one company only


def test_a_circle_is_refused_by_name():
    with pytest.raises(SnapshotError, match="'b'"):
        Taxonomy.of([-1, 2, 1], names=["a", "b", "c"])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("leaf", "leaf"),
        ("level:4", "level:4"),
        ("levels:2-6", "levels:2-6"),
        ("adaptive", "adaptive:min=3,max=0.2"),
        ("adaptive:max=0.5,min=4", "adaptive:min=4,max=0.5"),
        ("adaptive:max=0.123456789012345", "adaptive:min=3,max=0.123456789012345"),
    ],
)
def test_cuts_have_a_canonical_text(text, canonical):
    cut = parse_cut(text)
    assert str(cut) == canonical
    assert parse_cut(str(cut)) == cut


@pytest.mark.parametrize(
    "text",
    [
        *("", "leaves", "level", "level:0", "level:-1", "level:2.5", "level:4 "),
        *("levels:3", "levels:4-2", "levels:0-2"),
        *("adaptive:3", "adaptive:min=0", "adaptive:min=2.5", "adaptive:min=nan", "adaptive:min=inf"),
        "adaptive:least=3",
        *("adaptive:max=0", "adaptive:max=1.5", "adaptive:max=nan", "adaptive:min=3,min=4"),
    ],
)
def test_what_is_no_cut_is_refused_in_one_sentence(text):
    with pytest.raises(SnapshotError) as caught:
        parse_cut(text)
    assert "\n" not in str(caught.value)
