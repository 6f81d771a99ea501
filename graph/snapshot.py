"""One day's snapshot, from one query: which company sells what, as of a day, at a concept cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.graph.asof import AsOf
from samgraph.graph.connection import Graph
from samgraph.graph.cuts import Assignment, Coverage, Taxonomy, assign, coverage, parse_cut
from samgraph.graph.reported import NodeNumbers, Reported
from samgraph.graph.series import Edges, Relation
from samgraph.graph.universe import EDGE_DAYS, begun, committed_moment, no_such_day, no_such_universe

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

IntArray = npt.NDArray[np.int64]

_STATEMENTS: dict[Relation, str] = {"products": "as_of_sells", "industries": "as_of_classified"}
_LINKS: dict[Relation, str] = {
    "products": "period_child_of_product",
    "industries": "period_child_of_industry",
}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Who sells what on one day, as known at one moment.

    Attributes:
        as_of: the day, and the moment of knowledge that was answered for (never None here)
        universe: its members only; None is every company with an edge on that day
        cut, relation: what was asked for
        frame: one row an edge, sorted: company_id, product_id (the concept; for `industries` an industry_id),
            weight (share of reported revenue), and of the report behind it period_end, announced_on and
            valid_from (NaT where a row came with explicit intervals; the latest where several fold into one)
        companies: [n_companies] sorted; members without an edge are among them
        concepts: one row a concept of the frame, sorted: product_id, level (1 for a root, as of that day)
        coverage: what the edges cover and what is missing, by cause
        edges: those of the frame, row by row, as positions in `companies` and `concepts`
    """

    as_of: AsOf
    universe: str | None
    cut: str
    relation: Relation
    frame: pd.DataFrame
    companies: tuple[str, ...]
    concepts: pd.DataFrame
    coverage: Coverage
    edges: Edges

    def __repr__(self) -> str:
        return (
            f"Snapshot({self.as_of}: {self.universe or 'every company'}, {self.relation} at {self.cut}; "
            f"{len(self.companies)} companies ({self.coverage.with_edges} with edges), {len(self.concepts)} concepts, "
            f"{len(self.frame)} edges)"
        )

    def to_hetero(self) -> HeteroData:
        """The snapshot as a bipartite PyG graph; see `samgraph.graph.hetero.bipartite` for its names."""
        from samgraph.graph.hetero import bipartite

        return bipartite(
            self.edges.stock,
            self.edges.concept,
            self.edges.weight,
            company_id=self.companies,
            product_id=self.concepts["product_id"].tolist(),
            level=self.concepts["level"].to_numpy(),
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
        cut: see `samgraph.graph.cuts`
        relation: `products` (SELLS, weights are shares of revenue) or `industries` (CLASSIFIED_AS, weight 1)

    Raises:
        SnapshotError: a bad cut, an unknown universe, a day without any edge or without any member
    """
    parsed = parse_cut(cut)
    seen = AsOf(as_of.valid, committed_moment(graph, as_of.known))
    days = {"first": seen.valid, "last": seen.valid}
    with ThreadPoolExecutor(1) as aside:  # edges and taxonomy of one moment, side by side
        links = aside.submit(graph.read, _LINKS[relation], known=seen.known, **days)
        reported, members = _read(graph, seen, universe, relation, aside)
        taxonomy = links.result()
    if universe is not None and not members:
        raise no_such_universe(graph, universe, seen)
    if not len(reported.company) and (universe is None or not _has_edges(graph, seen, relation)):
        raise no_such_day(graph, seen, relation)
    companies = tuple(sorted(set(members)))
    edges = _Edges.of(reported, companies, taxonomy)
    found = assign(parsed, edges.stock, edges.product, edges.taxonomy, len(companies))
    used = np.unique(found.concept)
    frame, folded = edges.fold(found, used, companies, most=1.0 if relation == "industries" else np.inf)
    without = sorted(set(companies).difference(reported.company))
    expired = len(begun(graph, seen, without, relation))
    concepts = pd.DataFrame(
        {"product_id": [edges.nodes[k] for k in used], "level": edges.taxonomy.level[used]},
    ).astype({"product_id": object, "level": np.int64})
    return Snapshot(
        as_of=seen,
        universe=universe,
        cut=str(parsed),
        relation=relation,
        frame=frame,
        companies=companies,
        concepts=concepts,
        coverage=coverage(found, edges.stock, edges.weight, len(companies), expired),
        edges=folded,
    )


def _read(
    graph: Graph, seen: AsOf, universe: str | None, relation: Relation, aside: Executor
) -> tuple[Reported, Sequence[str]]:
    """The edges of a day, and the members of the universe or all companies that have an edge."""
    params = {"as_of": seen.valid, "known": seen.known}
    if universe is not None:
        answer = graph.read(f"{_STATEMENTS[relation]}_members", universe=universe, **params)[0]
        return Reported.by_texts(answer["reports"]), answer["members"]
    if relation == "products":
        nodes = aside.submit(NodeNumbers.read, graph)
        rows = graph.read(_STATEMENTS[relation], **params)
        reported = Reported.by_numbers(rows, nodes.result())
    else:
        reported = Reported.by_texts(graph.read(_STATEMENTS[relation], **params)[0]["reports"])
    return reported, reported.company.tolist()


def _has_edges(graph: Graph, seen: AsOf, relation: Relation) -> bool:
    """Tell whether the day lies within the graph's edges; a universe without any is an answer then."""
    row = graph.read(EDGE_DAYS[relation], known=seen.known)[0]
    return row["first"] is not None and row["first"] <= seen.valid <= row["last"]


@dataclass(frozen=True, eq=False)
class _Edges:
    """A day's reported edges in the order of (company, product), with that day's taxonomy over `nodes`."""

    nodes: tuple[str, ...]
    taxonomy: Taxonomy
    stock: IntArray
    product: IntArray
    weight: npt.NDArray[np.float64]
    days: IntArray  # [n_edges, 3]: period_end, announced_on, valid_from

    @classmethod
    def of(cls, reported: Reported, companies: Sequence[str], taxonomy: list[dict[str, Any]]) -> _Edges:
        children = [child for row in taxonomy for child in row["sources"]]
        parents = [parent for row in taxonomy for parent in row["targets"]]
        nodes = tuple(sorted({*reported.product, *children, *parents}))
        place = {name: number for number, name in enumerate(nodes)}
        parent = np.full(len(nodes), -1, dtype=np.int64)
        parent[[place[child] for child in children]] = [place[name] for name in parents]
        product = np.array([place[name] for name in reported.product], dtype=np.int64)
        stock = _places(reported.company, companies)
        order = np.lexsort((product, stock))
        tree = Taxonomy.of(parent, nodes)
        return cls(nodes, tree, stock[order], product[order], reported.weight[order], reported.days[order])

    def fold(
        self, found: Assignment, used: IntArray, companies: Sequence[str], *, most: float
    ) -> tuple[pd.DataFrame, Edges]:
        """The edges at a cut, one for each company and concept, as a frame and as positions (`used`: concepts)."""
        key = self.stock[found.edge] * len(self.nodes) + found.concept
        order = np.argsort(key, kind="stable")
        ordered, edge = key[order], found.edge[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        stock, concept = np.divmod(ordered[starts], max(len(self.nodes), 1))
        if len(starts):
            weight = np.minimum(np.add.reduceat(self.weight[edge], starts), most)
            days = np.maximum.reduceat(self.days[edge], starts, axis=0)
        else:
            weight, days = np.empty(0), np.empty((0, 3), dtype=np.int64)
        columns = {
            "company_id": np.array(companies, dtype=object)[stock],
            "product_id": np.array(self.nodes, dtype=object)[concept],
            "weight": weight,
        }
        for number, name in enumerate(("period_end", "announced_on", "valid_from")):
            columns[name] = days[:, number].astype("datetime64[D]").astype("datetime64[s]")
        return pd.DataFrame(columns), Edges(stock, np.searchsorted(used, concept), weight.astype(np.float32))


def _places(ids: Iterable[str], among: Sequence[str]) -> IntArray:
    place = {name: number for number, name in enumerate(among)}
    return np.array([place[name] for name in ids], dtype=np.int64)
