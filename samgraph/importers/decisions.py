"""A user's own tree of products, and the file of decisions that says which product of it a reported name is.

A name that equals a product's name or one of its synonyms (but for case, plural and camel case) is that product. Every
such decision, and every name that nothing equals, becomes a row of the file; a person fills in or corrects the column
`decision`. Rows with a decision are kept as they are over later imports, whoever made it. Names without one are
revenue of no product, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from samgraph.errors import DatasetError
from samgraph.importers.names import clean_names
from samgraph.importers.reading import read

LEAVE_OUT = "leave out"
COLUMNS = ("segment", "decision", "by", "suggestion", "reports")
ALIKE = 0.5
"""A product is suggested where so much of the words of both names is common to them."""

Key = Callable[[str], str]


@dataclass(frozen=True)
class Tree:
    """A tree of products.

    products: product_id, name, parent_id
    called: the product of each name and synonym in one spelling, and which of the two it is
    """

    products: pd.DataFrame
    called: Mapping[str, tuple[str, str]]


def read_tree(path: Path, key: Key) -> Tree:
    """Read a tree: columns product_id, name, parent_id (empty for a root), [synonyms] (apart by `;`).

    Raises:
        DatasetError: the file cannot be read, lacks a column, or has a product twice or under an unknown parent
    """
    if not path.is_file():
        raise DatasetError(
            f"{path} is not a file; name a tree with the columns product_id, name and parent_id"
        )
    source = read(path.name, [path])
    source.require("product_id", "name", "parent_id")
    products = pd.DataFrame(
        {name: clean_names(source.text(name)) for name in ("product_id", "name", "parent_id")}
    )
    known = set(products["product_id"])
    for row, (product, name, parent) in enumerate(products.itertuples(index=False)):
        if not product or not name or (parent and parent not in known):
            raise DatasetError(
                f"{source.where(row)}: give product {product[:60]!r} an id, a name, and a parent that the tree has, "
                f"not {parent[:60]!r}"
            )
    twice = products["product_id"][products["product_id"].duplicated()]
    if len(twice):
        raise DatasetError(f"{path} has the product {twice.iloc[0][:60]!r} twice; keep one of them")
    synonyms = (
        source.text("synonyms")
        if source.has("synonyms")
        else pd.Series("", index=products.index, dtype="str")
    )
    called: dict[str, tuple[str, str]] = {}
    for by, names in (("name", products["name"]), ("synonym", synonyms)):
        for product, text in zip(products["product_id"], names, strict=True):
            for one in [text] if by == "name" else text.split(";"):
                if key(one):
                    called.setdefault(key(one), (product, by))
    return Tree(products, called)


def decide(
    segments: pd.Series[int], tree: Tree, path: Path, key: Key
) -> tuple[dict[str, str | None], pd.DataFrame]:
    """The product of each reported name, and the file of decisions as it is to be now.

    Args:
        segments: in how many reports each name is, by name
        tree: the products
        path: the file of decisions, if it is there yet
        key: names in one spelling

    Returns:
        product id by name, "" where it is to be left out, None where nothing is decided; the rows of `COLUMNS`

    Raises:
        DatasetError: the file cannot be read, decides a name twice, or for a product that the tree lacks
    """
    told = _told(path, tree, key)
    spelled: dict[str, str] = {}
    reports: dict[str, int] = {}
    for name, count in sorted(segments.items()):
        spelled.setdefault(key(str(name)), str(name))
        reports[key(str(name))] = reports.get(key(str(name)), 0) + int(count)
    words = _Words(tree)
    rows, found = [], {}
    for one in sorted({*spelled, *told}):
        name, product, by = told.get(one, (spelled.get(one, one), *tree.called.get(one, ("", ""))))
        found[one] = None if not product else "" if product == LEAVE_OUT else product
        rows.append((name, product, by, "" if product else words.nearest(one), reports.get(one, 0)))
    return {str(name): found[key(str(name))] for name in segments.index}, pd.DataFrame(
        rows, columns=list(COLUMNS)
    )


def _told(path: Path, tree: Tree, key: Key) -> dict[str, tuple[str, str, str]]:
    """What the file decides: name, product and who says so, by the name's spelling."""
    if not path.exists():
        return {}
    source = read(path.name, [path])
    source.require("segment", "decision")
    by = source.text("by") if source.has("by") else pd.Series("", index=source.frame.index, dtype="str")
    known = {LEAVE_OUT, *tree.products["product_id"]}
    told: dict[str, tuple[str, str, str]] = {}
    for row, (name, product, who) in enumerate(
        zip(source.text("segment"), source.text("decision"), by, strict=True)
    ):
        if not product:
            continue
        if product not in known:
            raise DatasetError(
                f"{source.where(row)}: the tree has no product {product[:60]!r}; correct the decision"
            )
        if told.setdefault(key(name), (name, product, who or "you"))[1] != product:
            raise DatasetError(f"{source.where(row)}: {name[:60]!r} is decided twice; keep one of them")
    return told


class _Words:
    """Products by the words of their names, to suggest one."""

    def __init__(self, tree: Tree) -> None:
        self._names = [(frozenset(name.split()), product) for name, (product, _) in tree.called.items()]
        self._with: dict[str, list[int]] = {}
        for number, (words, _) in enumerate(self._names):
            for word in words:
                self._with.setdefault(word, []).append(number)

    def nearest(self, name: str) -> str:
        """The product with most words in common, "" where none has enough."""
        mine = frozenset(name.split())
        near = {number for word in mine for number in self._with.get(word, [])}
        ranked = []
        for words, product in map(self._names.__getitem__, near):
            ranked.append((-len(mine & words) / len(mine | words), product))
        best = min(ranked, default=(0.0, ""))
        return best[1] if -best[0] >= ALIKE else ""
