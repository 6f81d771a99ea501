"""A tree of products out of what vendors say: one parent each, no loops, no cycles; or a mapping file of the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.graph.check.taxonomy import cycles
from samgraph.graph.dataset.tables import FIRST_DAY
from samgraph.importers.coverage import Account
from samgraph.importers.names import clean_names
from samgraph.importers.reading import read


def one_parent(
    account: Account, rows: npt.NDArray[np.int64], child: pd.Series[str], parent: pd.Series[str]
) -> dict[str, str]:
    """The parent of each child: of several, the longest that is part of the child's name, else the first said.

    A kind of product is mostly called by the product's name with something before it, so the parent whose name the
    child's contains is the nearest one. What closes a cycle is rejected.

    Args:
        account: causes are added for the rows that are not used
        rows: positions in the account of the relations
        child: cleaned names of the kinds, in the order of `rows`
        parent: cleaned names of what they are kinds of
    """
    relations = pd.DataFrame({"row": rows, "child": child.to_numpy(), "parent": parent.to_numpy()})
    loops = relations["child"] == relations["parent"]
    account.reject(relations.loc[loops, "row"], "self loop: a product is not a kind of itself")
    relations = relations[~loops]
    again = relations.duplicated(["child", "parent"])
    account.merge(relations.loc[again, "row"], "the same relation again")
    relations = relations[~again].reset_index(drop=True)
    while True:
        inside = [p in c for c, p in zip(relations["child"], relations["parent"], strict=True)]
        rank = np.where(inside, -relations["parent"].str.len().to_numpy(), 0)
        chosen = relations.assign(rank=rank).sort_values(["child", "rank", "row"], kind="stable")
        chosen = chosen[~chosen["child"].duplicated()].sort_values("row")
        closing = _closing(chosen)
        if not len(closing):
            break
        account.reject(closing["row"], "closes a cycle of the taxonomy")
        relations = relations[~relations["row"].isin(closing["row"])].reset_index(drop=True)
    others = relations[~relations["row"].isin(chosen["row"])]
    account.merge(others["row"], "a further parent: a product has one, the nearest by name, else the first")
    return dict(zip(chosen["child"], chosen["parent"], strict=True))


def _closing(chosen: pd.DataFrame) -> pd.DataFrame:
    """Of each cycle the relation that was said last."""
    tree = chosen.assign(
        valid_from=FIRST_DAY, valid_to=pd.Series(pd.NaT, index=chosen.index, dtype="datetime64[s]")
    )
    last = [positions[np.argmax(chosen["row"].to_numpy()[positions])] for positions, _ in cycles(tree)]
    return chosen.iloc[last]


def products_table(ids: pd.Series[str], parents: dict[str, str], valid_from: str = "") -> pd.DataFrame:
    """The table `products`: every id of `ids` and of `parents`, each named by its id; sorted by id."""
    every = sorted({*ids, *parents, *parents.values()})
    table = pd.DataFrame(
        {"product_id": every, "name": every, "parent_id": [parents.get(one, "") for one in every]}
    )
    if valid_from:
        table["valid_from"] = valid_from
    return table


@dataclass(frozen=True)
class Mapping:
    """A user's mapping of reported names: (company or "", name) -> product, and product -> parent.

    A name that maps to "" is left out.
    """

    products: dict[tuple[str, str], str]
    parents: dict[str, str]

    def product(self, company: str, name: str) -> str | None:
        """The product of a company's reported name, "" to leave it out, None where the file does not say."""
        key = name.casefold()
        found = self.products.get((company, key))
        return self.products.get(("", key)) if found is None else found


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file: columns segment, product (empty: leave the segment out), [parent], [company].

    Rows whose segment is empty only place a product below its parent.

    Raises:
        DatasetError: the file cannot be read, a column is missing, a segment is mapped twice, a product has two
            parents, or the parents make a cycle
    """
    if not path.is_file():
        raise DatasetError(
            f"{path} is not a file; name a mapping file with the columns segment, product and parent"
        )
    source = read(path.name, [path])
    source.require("segment", "product")
    segment, product = clean_names(source.text("segment")), clean_names(source.text("product"))
    blank = pd.Series("", index=segment.index, dtype="str")
    company = source.text("company") if source.has("company") else blank
    parent = clean_names(source.text("parent")) if source.has("parent") else blank
    products: dict[tuple[str, str], str] = {}
    parents: dict[str, str] = {}
    for row, (who, name, to, above) in enumerate(zip(company, segment, product, parent, strict=True)):
        if name and products.setdefault((who, name.casefold()), to) != to:
            raise DatasetError(
                f"{source.where(row)}: segment {name[:60]!r} is mapped twice; keep one of them"
            )
        if to and above and parents.setdefault(to, above) != above:
            raise DatasetError(f"{source.where(row)}: product {to[:60]!r} has two parents; keep one of them")
    tree = pd.DataFrame({"child": list(parents), "parent": list(parents.values())}, dtype="str")
    tree["valid_from"] = FIRST_DAY
    tree["valid_to"] = pd.Series(pd.NaT, index=tree.index, dtype="datetime64[s]")
    for positions, _ in cycles(tree):
        members = " > ".join(tree["child"].iloc[positions])
        raise DatasetError(f"{path}: the parents make a cycle ({members[:200]}); break it")
    return Mapping(products, parents)
