"""Explanations in Neo4j: dated relationships beside the facts, for Browser.

    (:Company)-[:SCORED {score, concept, hidden, individual, rank, stocks}]->(:Universe)
    (:Company)-[:ATTENDS {weight, revenue}]->(:Product, :Industry or :Company)
    (:Company)-[:RESEMBLES {similarity, attention}]->(:Company)

each with run, variant, seeds and date, by which they are merged. They are opinions of a model: no as-of question
follows these types, and they carry no interval of validity or of recording. `cypher/explain/score.cypher` shows them.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from samgraph.arms.registry import ARMS
from samgraph.errors import GraphError
from samgraph.explain.scores import Explanation

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph


_ATTENDED = {  # the query that writes what a model attends to, by its concepts; one without any writes nothing
    "products": "explain/write_products",
    "industries": "explain/write_industries",
    "themes": "explain/write_products",
    "competitors": "explain/write_companies",
    None: "explain/write_products",
}


def write_explanation(graph: Graph, found: Explanation, run_name: str) -> int:
    """Write an explanation, all of it or nothing; the number of relationships that now say it.

    Raises:
        GraphError: the graph does not know the company, the universe or what the model attends to
    """
    key: dict[str, Any] = {
        "company_id": found.company_id,
        "run": found.run,
        "variant": found.variant,
        "seeds": ",".join(str(seed) for seed in found.seeds),
        "date": dt.date.fromisoformat(found.date),
    }
    figures = {name: float(value) for name, value in found.split.items()}
    figures |= {name: int(found.split[name]) for name in ("rank", "stocks")}
    kind = _ATTENDED.get(ARMS[found.variant].concepts)
    if kind is None:
        raise GraphError(
            f"the concepts of {found.variant} are random groups, which no graph has; leave out --write"
        )
    concepts = found.concepts[["concept_id", "attention", "revenue"]].to_dict("records")
    neighbours = found.neighbours[["company_id", "similarity", "attention"]].to_dict("records")
    with graph.transaction() as transaction:
        rows = transaction.run(
            "explain/write_score", **key, universe=found.universe, figures=figures | {"run_name": run_name}
        )
        written = int(rows[0]["written"])
        if not written:
            raise GraphError(
                f"the graph at {graph.address} knows no company {found.company_id} or no universe {found.universe}; "
                "load the run's dataset into it first"
            )
        written += int(transaction.run(kind, **key, concepts=concepts)[0]["written"])
        written += int(
            transaction.run("explain/write_neighbours", **key, neighbours=neighbours)[0]["written"]
        )
    return written


def remove_explanations(
    graph: Graph, run: str, *, company_id: str | None = None, date: dt.date | None = None
) -> int:
    """Remove what was written of a run (of one company, of one day); the number of relationships removed."""
    rows = graph.write("explain/remove", run=run, company_id=company_id, date=date)
    return int(rows[0]["removed"])
