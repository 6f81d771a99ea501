"""Neo4j Browser as a workbench: saved queries to import as favourites, and a style sheet.

Browser takes a zip of `.cypher` files dropped on its window for favourites (a folder in it becomes a folder of
favourites, a file's first comment its title), and a `.grass` file for a style. Its style rules know labels alone, so
products get one that says their level, and writes properties as they are, so that edges get their weight to three
digits as `caption`. Left to itself it also draws every relationship that there ever was between
the nodes of a result, of whatever day, so the first favourite turns that off.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samgraph.errors import SnapshotError
from samgraph.files import whole
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.statements import statement, text_of

PICTURES = {
    "browser/company": "Picture: what a company sells",
    "browser/rivals": "Picture: who else sells it",
    "browser/chain": "Picture: the value chain around a product",
    "browser/basket": "Picture: a product and who earns with it",
    "browser/taxonomy": "Picture: the top of the taxonomy",
}
TABLES = {
    "pairs/rivals": "Table: who else sells it, with shares",
    "pairs/of_company": "Table: overlap and cosine of a company",
    "pairs/pairs": "Table: pairs of a universe",
    "chain/upstream": "Table: who supplies it",
    "chain/downstream": "Table: who uses it",
    "basket/text": "Table: basket for a text",
    "risk/concentration": "Table: hidden concentration of holdings",
}
SETUP = "First, once: draw only what a query returns"
FIRST = "Second: the parameters of all queries"


@dataclass(frozen=True)
class Workbench:
    """The files, and how many products got a new label for their level."""

    favourites: Path
    style: Path
    marked: int


def write_workbench(graph: Graph, folder: Path) -> Workbench:
    """Write favourites and style sheet into a folder, label products by level and caption edges by weight.

    Raises:
        SnapshotError: the graph is empty
        RunError: the files cannot be written
    """
    rows = graph.read("browser/start", known=None)
    if not rows:
        raise SnapshotError("the graph is empty; load a dataset first, with `samgraph load DIR`")
    marked = graph.write("browser/levels")[0]["marked"]
    graph.run_batches("browser/captions")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, query in favourites(rows[0]).items():
            archive.writestr(f"samgraph/{name}.cypher", query)
    files = (folder / "samgraph-favourites.zip", folder / "samgraph.grass")
    for file, content in zip(files, (packed.getvalue(), text_of("samgraph.grass").encode()), strict=True):
        with whole(file) as part:
            part.write_bytes(content)
    return Workbench(*files, marked)


def favourites(start: dict[str, Any]) -> dict[str, str]:
    """The saved queries by file name; the first sets the parameters of all, to a row of `browser/start`."""
    queries = {**PICTURES, **TABLES}
    # A setting on its own: among several statements Browser shows it and does not set it.
    titled = {"00_setup": f"// {SETUP}\n:config autoComplete: false", "01_parameters": parameters(start)}
    for number, (name, title) in enumerate(queries.items(), start=2):
        titled[f"{number:02}_{name.replace('/', '_')}"] = f"// {title}\n{statement(name)}"
    return titled


def parameters(start: dict[str, Any]) -> str:
    """Browser commands that set every parameter of the saved queries."""
    values = {
        "as_of": f"date({_literal(start['as_of'].isoformat())})",
        "known": "null",
        "company": _literal(start["company"]),
        "product": _literal(start["product"]),
        "start": _literal(start["company"]),
        "text": _literal(start["text"]),
        "universe": _literal(start["universe"]),
        "links": "2",
        "top": "20",
        "holdings": "[{company_id: " + _literal(start["company"]) + ", weight: 1.0}]",
    }
    return (
        "\n".join([f"// {FIRST}", *(f":param {name} => {value};" for name, value in values.items())]) + "\n"
    )


def _literal(value: str | None) -> str:
    """A text as Cypher writes it: JSON's escapes mean the same there."""
    return "null" if value is None else json.dumps(value, ensure_ascii=False)
