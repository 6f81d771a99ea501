"""Who competes with whom on a day, by a network of links between companies (`COMPETES_WITH`)."""

from __future__ import annotations

import pandas as pd

from samgraph.errors import SnapshotError
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.universe import committed_moment

SCORE = "score"


def competitors(graph: Graph, as_of: AsOf, *, universe: str | None = None) -> pd.DataFrame:
    """The links of a day.

    Args:
        graph: an open connection
        as_of: the day, and optionally the moment of knowledge to replay
        universe: only links between two of its members of that day

    Returns:
        company_id (the smaller id), other_id, score; sorted by the ids, without a row where there is none
    """
    asked = {"as_of": as_of.valid, "known": committed_moment(graph, as_of.known)}
    if universe is None:
        reports = graph.read("as_of/competitors", **asked)[0]["reports"]
    else:
        answer = graph.read("as_of/competitors_members", universe=universe, **asked)[0]
        members = set(answer["members"])
        reports = [one for one in answer["reports"] if one[4][0] in members]
    # The server tells a link from both of its ends.
    links = sorted((one, others[0], scores[0]) for one, *_, others, scores in reports if one < others[0])
    found = pd.DataFrame(links, columns=["company_id", "other_id", SCORE])
    return found.astype({"company_id": object, "other_id": object, SCORE: "float64"})


def with_scores(pairs: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Put the day's scores beside pairs: a column `score` behind cosine, NaN where a pair has no link."""
    scores = links.set_index(["company_id", "other_id"])[SCORE].to_dict()
    ids = zip(pairs["company_id"], pairs["other_id"], strict=True)
    told = pairs.copy()
    told.insert(
        list(pairs.columns).index("cosine") + 1, SCORE, [scores.get(tuple(sorted(pair))) for pair in ids]
    )
    return told.astype({SCORE: "float64"})


def best_links(links: pd.DataFrame, *, company: str | None = None, top: int | None = None) -> pd.DataFrame:
    """The links with the largest scores, equal ones by their ids; of one company it comes first in each.

    Raises:
        SnapshotError: the company has no link
    """
    if company is not None:
        other = links["company_id"].where(links["other_id"] == company, links["other_id"])
        own = ((links["company_id"] == company) | (links["other_id"] == company)).to_numpy()
        links = links.assign(company_id=company, other_id=other)[own]
        if links.empty:
            raise SnapshotError(
                f"the company {company!r} has no link to a competitor on that day; rank its pairs by overlap or cosine"
            )
    ranked = links.sort_values([SCORE, "company_id", "other_id"], ascending=[False, True, True])
    return ranked.head(len(ranked) if top is None else top).reset_index(drop=True)
