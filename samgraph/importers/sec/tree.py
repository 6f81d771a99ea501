"""Products out of members: one id for what filers call alike, below a family of similar names, below an industry.

Division -> major group -> family -> product. A member that says nothing by itself ("Product", "Services") is a product
of its filer's major group alone. A family lies in the major group of its first filer, and a product is called as its
first filer called it: both are known when they first appear, and nothing filed later moves them.
"""

from __future__ import annotations

import pandas as pd

from samgraph.importers.sec import sic
from samgraph.importers.sec.members import member
from samgraph.importers.taxonomy import Mapping

_FAMILY = "family: "


def product_id(text: str, industry: str) -> str:
    """The product of a member of a company in this industry."""
    one = member(text)
    return one.key if one.family else f"{one.key} [{sic.major_group(industry) or 'no industry'}]"


def products_of(rows: pd.DataFrame, mapping: Mapping | None) -> pd.Series[str]:
    """The product of each row (company_id, member, industry), "" where the mapping leaves it out."""
    key = ["company_id", "member", "industry"]
    made = []
    for company, text, industry in rows[key].drop_duplicates().itertuples(index=False):
        mapped = None if mapping is None else _mapped(mapping, company, text)
        made.append(product_id(text, industry) if mapped is None else mapped)
    # Groups are numbered in the order of their first rows, in which drop_duplicates leaves them.
    number = rows.groupby(key, sort=False).ngroup()
    return pd.Series(made, dtype="str").take(number.to_numpy()).set_axis(rows.index)


def _mapped(mapping: Mapping, company: str, text: str) -> str | None:
    one = member(text)
    answers = (mapping.product(company, name) for name in (one.name, text, one.key))
    return next((answer for answer in answers if answer is not None), None)


def products_table(rows: pd.DataFrame, mapping: Mapping | None) -> pd.DataFrame:
    """The table `products` of the rows that are used, each valid from the day on which it was first reported.

    Args:
        rows: product_id, member, industry, known, in the order in which they became known
        mapping: the user's products, which lie where the user says
    """
    above = dict(mapping.parents) if mapping is not None else {}
    mapped = set() if mapping is None else set(mapping.products.values())
    names: dict[str, str] = {}
    since: dict[str, str] = {}
    first = rows.drop_duplicates("product_id")
    columns = (
        first["product_id"],
        first["member"],
        first["industry"],
        first["known"].dt.strftime("%Y-%m-%d"),
    )
    for product, text, industry, day in zip(*columns, strict=True):
        one = member(text)
        names[product] = product if product in mapped else one.name
        if product not in above:
            called, group = member(product) if product in mapped else one, sic.major_group(industry)
            family = f"{_FAMILY}{called.family}"
            above[product] = family if called.family else group
            if called.family:
                names.setdefault(family, called.telling)
                above.setdefault(family, group)
        node = product
        while node:
            since.setdefault(node, day)
            above.setdefault(node, sic.above(node) if node.startswith("SIC ") else "")
            node = above[node]
    table = pd.DataFrame({"product_id": sorted(since)}, dtype="str")
    table["name"] = [
        names.get(one) or (sic.name(one) if one.startswith("SIC ") else one) for one in table["product_id"]
    ]
    table["parent_id"] = [above[one] for one in table["product_id"]]
    table["valid_from"] = [since[one] for one in table["product_id"]]
    return table
