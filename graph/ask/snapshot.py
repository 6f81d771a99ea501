"""One day's snapshot, from one query: which company sells what, as of a day, at a concept cut."""

from __future__ import annotations

import html
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.ask.reported import NodeNumbers, Reported, objects
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.universe import (
    EDGE_DAYS,
    PARENTS,
    begun,
    committed_moment,
    no_such_day,
    no_such_universe,
)
from samgraph.graph.series.cuts import Coverage, Taxonomy, assign, coverage, parse_cut
from samgraph.graph.series.snapshots import Edges, Relation
from samgraph.words import many

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

IntArray = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

_SHOWN = 10  # edges in a notebook
_STATEMENTS: dict[Relation, str] = {
    "products": "as_of/sells",
    "industries": "as_of/classified",
    "themes": "as_of/themes",
    "competitors": "as_of/competitors",
}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Who sells what on one day, as known at one moment.

    Attributes:
        as_of: the day, and the moment of knowledge that was answered for (never None here)
        universe: its members only; None is every company with an edge on that day
        cut, relation: what was asked for
        companies: [n_companies] sorted; members without an edge are among them
        products: [n_concepts] ids of the concepts that have an edge (of industries or companies, where these are the
            concepts), sorted
        level: int64 [n_concepts], 1 for a root, as of that day
        edges: the edges as positions in `companies` and `products`, sorted
        weight: float64 [n_edges], share of reported revenue (1 for industries and themes, scores for competitors)
        days: datetime64[D] [n_edges, 3], of the report behind an edge period_end, announced_on and valid_from (NaT
            where a row came with explicit intervals; the latest where several fold into one)
        coverage: what the edges cover and what is missing, by cause
    """

    as_of: AsOf
    universe: str | None
    cut: str
    relation: Relation
    companies: tuple[str, ...]
    products: tuple[str, ...]
    level: IntArray
    edges: Edges
    weight: npt.NDArray[np.float64]
    days: npt.NDArray[np.datetime64]
    coverage: Coverage

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row an edge, sorted: company_id, product_id, weight, period_end, announced_on, valid_from."""
        columns: dict[str, npt.NDArray[Any]] = {
            "company_id": np.array(self.companies, dtype=object)[self.edges.stock],
            "product_id": np.array(self.products, dtype=object)[self.edges.concept],
            "weight": self.weight,
        }
        for number, name in enumerate(("period_end", "announced_on", "valid_from")):
            columns[name] = self.days[:, number].astype("datetime64[s]")
        return pd.DataFrame(columns)

    @cached_property
    def concepts(self) -> pd.DataFrame:
        """One row per concept, sorted: product_id, level."""
        table = pd.DataFrame({"product_id": list(self.products), "level": self.level})
        return table.astype({"product_id": object, "level": np.int64})

    def __repr__(self) -> str:
        return (
            f"Snapshot({self.as_of}: {self.universe or 'every company'}, {self.relation} at {self.cut}; "
            f"{many(len(self.companies), 'company')} ({self.coverage.with_edges} with edges), "
            f"{many(len(self.products), 'concept')}, {many(len(self.edges), 'edge')})"
        )

    def _repr_html_(self) -> str:
        shown = self.frame.sort_values("weight", ascending=False, kind="stable").head(_SHOWN)
        more = (
            f"<p>the {len(shown)} largest of {len(self.edges)} edges</p>"
            if len(shown) < len(self.edges)
            else ""
        )
        return f"<p>{html.escape(repr(self))}</p>{shown.to_html(index=False, border=0)}{more}"

    def to_hetero(self) -> HeteroData:
        """The snapshot as a bipartite PyG graph; see `samgraph.graph.series.hetero.bipartite` for its names."""
        from samgraph.graph.series.hetero import bipartite

        return bipartite(
            self.edges.stock,
            self.edges.concept,
            self.edges.weight,
            company_id=self.companies,
            product_id=self.products,
            level=self.level,
            as_of=self.as_of.valid,
            known=self.as_of.known,
            cut=self.cut,
            universe=self.universe,
        )


def snapshot(
    graph: Graph,
    as_of: AsOf,
    *,
    universe: str | None = None,
    cut: str = "leaf",
    relation: Relation = "products",
) -> Snapshot:
    """Bring one day's snapshot.

    Args:
        graph: an open connection
        as_of: the day, and optionally the moment of knowledge to replay
        universe: bring its members of that day alone; a cut counts these alone
        cut: see `samgraph.graph.series.cuts`
        relation: `products` (SELLS, weights are shares of revenue), `industries` (CLASSIFIED_AS, weight 1),
            `themes` (IN_THEME, weight 1) or `competitors` (COMPETES_WITH, either way, weights are scores)

    Raises:
        SnapshotError: a bad cut, an unknown universe, a day without any edge or without any member
    """
    parsed = parse_cut(cut)
    seen = AsOf(as_of.valid, committed_moment(graph, as_of.known))
    with ThreadPoolExecutor(1) as aside:  # edges and taxonomy of one moment, side by side
        if universe is None and relation == "products":
            reported, taxonomy, members = _by_numbers(graph, seen, aside)
        else:
            reported, taxonomy, members = _by_texts(graph, seen, universe, relation, aside)
    if universe is not None and not len(members):
        raise no_such_universe(graph, universe, seen)
    if not len(reported.company) and (universe is None or not _has_edges(graph, seen, relation)):
        raise no_such_day(graph, seen, relation)
    companies = tuple(reported.companies[place] for place in members)
    # In the order of (company, product), so that sums do not depend on the order in which rows came.
    order = np.argsort(reported.company * len(reported.products) + reported.product)
    stock, product = np.searchsorted(members, reported.company[order]), reported.product[order]
    reported_weight = reported.weight[order]
    found = assign(parsed, stock, product, taxonomy, len(members))
    used = np.flatnonzero(np.bincount(found.concept, minlength=len(reported.products)))
    silent = np.flatnonzero(np.bincount(stock, minlength=len(members)) == 0)
    expired = len(begun(graph, seen, [companies[place] for place in silent], relation))
    edges, weight, days = _fold(
        stock[found.edge],
        np.searchsorted(used, found.concept),
        reported_weight[found.edge],
        reported.days[order][found.edge],
        most=np.inf if relation == "products" else 1.0,
    )
    return Snapshot(
        as_of=seen,
        universe=universe,
        cut=str(parsed),
        relation=relation,
        companies=companies,
        products=tuple(reported.products[place] for place in used),
        level=taxonomy.level[used],
        edges=edges,
        weight=weight,
        days=days.astype("datetime64[D]"),
        coverage=coverage(found, stock, reported_weight, len(members), expired),
    )


def _by_numbers(graph: Graph, seen: AsOf, aside: Executor) -> tuple[Reported, Taxonomy, IntArray]:
    """The edges of a day, its taxonomy, and the positions of all companies that have an edge."""
    links = aside.submit(_links, graph, seen, "products")
    nodes = aside.submit(NodeNumbers.read, graph)
    taxonomy = aside.submit(lambda: _taxonomy(links.result(), nodes.result().products.ids))
    rows = graph.read("as_of/sells", as_of=seen.valid, known=seen.known)
    reported = Reported.by_numbers(rows, nodes.result())
    return reported, taxonomy.result(), np.flatnonzero(np.bincount(reported.company))


def _by_texts(
    graph: Graph, seen: AsOf, universe: str | None, relation: Relation, aside: Executor
) -> tuple[Reported, Taxonomy, IntArray]:
    """The same, of the members of a universe, where one is asked for."""
    params = {"as_of": seen.valid, "known": seen.known}
    links = aside.submit(_links, graph, seen, relation)
    if universe is None:
        answer = graph.read(_STATEMENTS[relation], **params)[0]
        members = [report[0] for report in answer["reports"]]
    else:
        answer = graph.read(f"{_STATEMENTS[relation]}_members", universe=universe, **params)[0]
        members = answer["members"]
    children, parents = links.result()
    reported = Reported.by_texts(answer["reports"], members, [*children, *parents])
    # Every company of the answer is a member, with or without an edge.
    return reported, _taxonomy((children, parents), reported.products), np.arange(len(reported.companies))


def _links(graph: Graph, seen: AsOf, relation: Relation) -> tuple[Texts, Texts]:
    """Children and parents on a day."""
    if relation not in PARENTS:
        return objects([]), objects([])
    rows = graph.read(PARENTS[relation], known=seen.known, first=seen.valid, last=seen.valid)
    return objects(row["sources"] for row in rows), objects(row["targets"] for row in rows)


def _taxonomy(links: tuple[Texts, Texts], products: Sequence[str]) -> Taxonomy:
    place = {name: number for number, name in enumerate(products)}
    parent = np.full(len(products), -1, dtype=np.int64)
    children, parents = links
    parent[[place[name] for name in children]] = [place[name] for name in parents]
    return Taxonomy.of(parent, products)


def _has_edges(graph: Graph, seen: AsOf, relation: Relation) -> bool:
    """Tell whether the day lies within the graph's edges; a universe without any is an answer then."""
    row = graph.read(EDGE_DAYS[relation], known=seen.known)[0]
    return row["first"] is not None and row["first"] <= seen.valid <= row["last"]


def _fold(
    stock: IntArray, concept: IntArray, weight: npt.NDArray[np.float64], days: IntArray, *, most: float
) -> tuple[Edges, npt.NDArray[np.float64], IntArray]:
    """One edge for each company and concept: weights summed, to `most` at most, and the latest days."""
    width = int(concept.max(initial=0)) + 1
    key = stock * width + concept
    order = np.argsort(key, kind="stable")
    key, weight, days = key[order], weight[order], days[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    if len(starts) < len(key):
        weight, days = np.add.reduceat(weight, starts), np.maximum.reduceat(days, starts, axis=0)
    weight = np.minimum(weight, most)
    stock, concept = np.divmod(key[starts], width)
    return Edges(stock, concept, weight.astype(np.float32)), weight, days
