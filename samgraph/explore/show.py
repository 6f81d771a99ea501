"""`samgraph.show`: a snapshot, a basket or a chain as a picture in a notebook, without a server.

The picture is the one of `samgraph explore`, in a frame of its own that may run its script and nothing else: it cannot
reach the notebook, and loads nothing. A table of the same links stands below it for those who do not see it.
"""

from __future__ import annotations

import html
import importlib.resources
import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from samgraph.errors import ConfigError
from samgraph.explore.tables import plain
from samgraph.graph.ask.baskets import Basket
from samgraph.graph.ask.chains import Chain
from samgraph.graph.ask.snapshot import Snapshot
from samgraph.words import many

MOST = 300
"""Companies and products of each that are drawn; the largest ones."""


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook shows.

    Attributes:
        title: what it shows, of which day
        nodes: id, name, kind (product or company), column, level, value (what it is as wide as), note
        links: from, to, weight
        said: sentences on what is left out, or is thin
    """

    title: str
    nodes: tuple[dict[str, Any], ...]
    links: tuple[dict[str, Any], ...]
    said: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Picture({self.title}: {many(len(self.nodes), 'node')}, {many(len(self.links), 'link')})"

    def _repr_html_(self) -> str:
        page = html.escape(self.page(), quote=True)
        return (
            f'<iframe title="{html.escape(self.title, quote=True)}" sandbox="allow-scripts" '
            f'style="width:100%;height:620px;border:0" srcdoc="{page}"></iframe>'
        )

    def page(self) -> str:
        """The picture as one HTML page that needs nothing else."""
        files = importlib.resources.files("samgraph.explore")
        script = (files / "picture.js").read_text(encoding="utf-8")
        style = (files / "explore.css").read_text(encoding="utf-8")
        # No text can end the script: every < is an escape of JSON.
        data = json.dumps({"nodes": self.nodes, "links": self.links}, ensure_ascii=False).replace(
            "<", "\\u003c"
        )
        names = {node["id"]: node["name"] for node in self.nodes}
        rows = "".join(
            f"<tr><td>{html.escape(str(names[one['from']]))}</td><td>{html.escape(str(names[one['to']]))}</td>"
            f"<td class=n>{'' if one['weight'] is None else format(one['weight'], '.3g')}</td></tr>"
            for one in self.links
        )
        notes = "".join(f'<p class="note">{html.escape(text)}</p>' for text in self.said)
        return (
            '<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
            f"content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\">"
            f"<style>{style}</style><main><h3>"
            f'{html.escape(self.title)}</h3>{notes}<div class="picture" id="picture"></div><details><summary>As a table'
            "</summary><table><thead><tr><th>from</th><th>to</th><th class=n>weight</th></tr></thead><tbody>"
            f'{rows}</tbody></table></details></main><script type="module">{script}\n'
            f"picture(document.getElementById('picture'), {data});</script>"
        )


def show(what: Snapshot | Basket | Chain) -> Picture:
    """A snapshot, a basket or a chain as a picture; a notebook draws it where it is the last value of a cell.

    Raises:
        ConfigError: it is none of these
    """
    if isinstance(what, Snapshot):
        frame = what.frame.rename(columns={"weight": "share"})
        levels = dict(zip(what.products, map(int, what.level), strict=True))
        products = [(product, product, 0, levels[product]) for product in what.products]
        return _drawn(
            f"Who sells what, {what.as_of}", products, frame.assign(company=frame["company_id"]), (), -1
        )
    if isinstance(what, Basket):
        found = what.products.to_dict("records")
        sign = {"core": 0, "upstream": -1, "downstream": 1}
        products = [(row["product_id"], row["name"], sign[row["part"]] * row["links"], 0) for row in found]
        names = ", ".join(seed.name for seed in what.seeds[:3])
        nodes, said = _nodes(products, {}, ())
        top = what.companies.head(MOST)
        if len(top) < len(what.companies):
            said.append(f"{MOST} of the {len(what.companies)} companies are shown.")
        column = max((node["column"] for node in nodes), default=0) + 1
        nodes += [
            _company(
                row["company_id"], row["name"], column, float(row["purity"]), f"purity {row['purity']:.1%}"
            )
            for row in top.to_dict("records")
        ]
        return Picture(f"Basket of {names}, {what.as_of}", tuple(nodes), (), tuple(said))
    if isinstance(what, Chain):
        rows = what.products.to_dict("records")
        products = [
            (row["product_id"], row["name"], row["links"] * (-1 if row["direction"] == "upstream" else 1), 0)
            for row in rows
        ]
        return _drawn(
            f"The value chain around {', '.join(what.start[:3])}, {what.as_of}",
            products,
            what.companies,
            what.start,
            None,
        )
    raise ConfigError(f"a {type(what).__name__} cannot be shown; give a snapshot, a basket or a chain")


def _drawn(
    title: str,
    products: list[tuple[str, str, int, int]],
    sold: pd.DataFrame,
    start: tuple[str, ...],
    column: int | None,
) -> Picture:
    """Products, and a column of the companies that sell them: at its place, or behind the last one."""
    value = sold.groupby("product_id")["share"].sum().to_dict()
    nodes, said = _nodes(products, value, start)
    kept = {node["id"] for node in nodes}
    sold = sold[sold["product_id"].isin(kept)]
    total = sold.groupby("company_id")["share"].sum().sort_values(ascending=False)
    if len(total) > MOST:
        said.append(
            f"{MOST} of the {len(total)} companies are shown, those with the largest shares of revenue."
        )
    place = max((node["column"] for node in nodes), default=0) + 1 if column is None else column
    names = dict(zip(sold["company_id"], sold["company"], strict=True))
    nodes += [
        _company(company, names[company], place, share, f"{share:.1%} of its revenue")
        for company, share in total.head(MOST).items()
    ]
    shown = set(total.head(MOST).index)
    links = [
        {
            "from": row["company_id"],
            "to": row["product_id"],
            "weight": plain(row["share"]),
            "width": row["share"],
        }
        if place < 0
        else {
            "from": row["product_id"],
            "to": row["company_id"],
            "weight": plain(row["share"]),
            "width": row["share"],
        }
        for row in sold.drop_duplicates(["company_id", "product_id"]).to_dict("records")
        if row["company_id"] in shown
    ]
    if not links:
        said.append("Nobody sells any of it on this day.")
    return Picture(title, tuple(nodes), tuple(links), tuple(said))


def _nodes(
    products: list[tuple[str, str, int, int]], value: dict[Any, float], start: tuple[str, ...]
) -> tuple[list[dict[str, Any]], list[str]]:
    order = sorted(products, key=lambda one: (-value.get(one[0], 0.0), one[0]))
    said = (
        []
        if len(order) <= MOST
        else [f"{MOST} of the {len(order)} products are shown, those with most revenue."]
    )
    if not order:
        said.append("No link of the value chain leads anywhere: there is no chain.")
    elif len(order) == 1 and start:
        said.append("One product is all that is reached: this is not a chain.")
    nodes = [
        {
            "id": product,
            "name": name,
            "kind": "product",
            "column": column,
            "level": level,
            "opened": True,
            "value": float(value.get(product, 0.0)),
            "start": column == 0,
            "note": product,
        }
        for product, name, column, level in order[:MOST]
    ]
    return nodes, said


def _company(company: Any, name: str, column: int, value: float, note: str) -> dict[str, Any]:
    return {
        "id": str(company),
        "name": name,
        "kind": "company",
        "column": column,
        "level": 0,
        "opened": True,
        "value": float(value),
        "start": False,
        "note": note,
    }
