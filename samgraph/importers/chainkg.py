"""`samgraph import chainkg`: the raw tables of ChainKnowledgeGraph, with all their dirt.

The folder holds `company_product` (company_code, product_name, rel_weight, [weight_is_filler]), `product_product`
(from_product, relation, to_product), `product` (product_name), `company` (code, name, location, time) and, where there
are industries, `industry`, `industry_industry`, `company_industry`. docs/importing.md states the policy for each kind
of dirt; here each is one line.

The tables have no dates: they are one snapshot, so nothing of them may be used before the day on which it was
published. That day, `valid_from`, has no default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.importers import shares
from samgraph.importers.aliases import a_share_conventions
from samgraph.importers.coverage import Account, coverage
from samgraph.importers.names import clean_names
from samgraph.importers.reading import LONGEST_NAME, Days, Source, iso, needed, optional
from samgraph.importers.taxonomy import one_parent, products_table
from samgraph.importers.writing import Imported

FILLER = 0.001
_KIND_OF, _INPUT, _CUSTOMER = "产品小类", "上游材料", "下游产品"


def import_chainkg(
    folder: Path,
    *,
    valid_from: np.datetime64,
    valid_to: np.datetime64 | None = None,
    policy: shares.Policy = "residual",
    aliases: Mapping[str, str] | None = None,
) -> Imported:
    """Turn the raw tables in `folder` into a dataset.

    Args:
        folder: the raw tables, each CSV, JSON lines (gzipped or not) or Parquet
        valid_from: the first day on which the snapshot was public and may be used
        valid_to: the first day on which it may no longer be used; None: it is used for ever
        policy: how shares that do not add up to 1 are settled (`samgraph.importers.shares`)
        aliases: old company code -> new one, beside the known changes

    Raises:
        DatasetError: a table or a column is missing, or a cell cannot be read
    """
    begin = str(valid_from.astype("datetime64[D]"))
    end = "" if valid_to is None else str(valid_to.astype("datetime64[D]"))
    conventions = a_share_conventions(aliases or {})
    sold = needed(folder, "company_product", conventions)
    relations = needed(folder, "product_product", conventions)
    listed = optional(folder, "product", conventions)
    firms = needed(folder, "company", conventions)
    segments = _segments(sold, policy).assign(valid_from=begin, valid_to=end)
    parents, links = _relations(relations)
    names = [segments["product_id"], links["supplier_id"], links["customer_id"]]
    if listed is not None:
        names.append(_named(listed))
    tables = {
        "products": products_table(pd.concat(names), parents, begin),
        "product_links": links.assign(valid_from=begin, valid_to=end),
        "segments": segments,
    }
    sources = [sold, relations, firms, *([listed] if listed is not None else [])]
    named = [_short_names(sold)]
    industries = optional(folder, "industry", conventions)
    if industries is not None:
        above, of_company = (
            needed(folder, "industry_industry", conventions),
            needed(folder, "company_industry", conventions),
        )
        tables["industries"] = _industries(industries, above)
        tables["company_industries"] = _company_industries(
            of_company, set(tables["industries"]["industry_id"])
        ).assign(valid_from=begin, valid_to=end)
        sources += [industries, above, of_company]
        named.append(_short_names(of_company))
    members = {one for table in tables.values() if "company_id" in table for one in table["company_id"]}
    tables["companies"] = _companies(firms, members, pd.concat(named))
    ups = optional(folder, "industry_up", conventions)
    if ups is not None:
        ups.account.ignore(np.ones(len(ups), dtype=bool), "links between industries: a dataset has none")
        sources.append(ups)
    kept = segments["weight"].sum() / max(1, segments["company_id"].nunique())
    return Imported(
        "chainkg",
        tables,
        coverage([source.account for source in sources]),
        notes=(
            f"one snapshot without dates, valid from {begin}{f' until {end}' if end else ' on'}: "
            "an earlier day would be look-ahead",
            f"shares: {policy}; a company's products explain {kept:.1%} of its revenue on average",
        ),
        options={"valid_from": begin, "valid_to": end, "shares": policy, "aliases": dict(aliases or {})},
        files=tuple(path for source in sources for path in source.files),
    )


def _segments(source: Source, policy: shares.Policy) -> pd.DataFrame:
    source.require("company_code", "product_name", "rel_weight")
    account = source.account
    company = source.shares("company_code")
    raw = source.text("product_name")
    product = clean_names(raw)
    share = source.numbers("rel_weight")
    account.reject((company == "").to_numpy(), "company code of no known exchange")
    filler = share == FILLER
    if source.has("weight_is_filler"):
        filler |= source.text("weight_is_filler").isin(["1", "1.0", "True", "true"]).to_numpy()
    account.reject(filler, "filler 0.001: from the registered scope of business, no share of revenue")
    account.change((product != raw).to_numpy(), "name cleaned")
    repeats = pd.DataFrame({"company": company, "product": product, "share": share})
    places = np.flatnonzero(account.left)
    account.merge(places[repeats.iloc[places].duplicated().to_numpy()], "the same row again")
    shares.reject_by_name(account, product, regions=True)
    shares.reject_by_amount(account, share, "share")
    account.reject(share > 1, "share above 1: no share of a whole")
    report = np.asarray(pd.factorize(company)[0], dtype=np.int64)
    ids = np.where(shares.unnamed(product), "", product.to_numpy(dtype=object))
    weight = shares.settle(account, report, ids, share, policy, split_equal=True)
    used = account.left
    table = pd.DataFrame({"company_id": company[used], "product_id": product[used], "weight": weight[used]})
    return table.sort_values(["company_id", "product_id"], ignore_index=True)


def _relations(source: Source) -> tuple[dict[str, str], pd.DataFrame]:
    """Parents of products, and the links supplier_id, customer_id."""
    source.require("from_product", "relation", "to_product")
    account = source.account
    raw = {side: source.text(f"{side}_product") for side in ("from", "to")}
    clean = {side: clean_names(raw[side]) for side in raw}
    _reject_names(account, *clean.values())
    account.change(((clean["from"] != raw["from"]) | (clean["to"] != raw["to"])).to_numpy(), "name cleaned")
    relation = source.text("relation")
    account.ignore(
        ~relation.isin([_KIND_OF, _INPUT, _CUSTOMER]).to_numpy(), "a relation that a dataset has no table for"
    )
    kinds = np.flatnonzero(account.left & (relation == _KIND_OF).to_numpy())
    parents = one_parent(account, kinds, clean["to"].iloc[kinds], clean["from"].iloc[kinds])
    flows = np.flatnonzero(account.left & (relation != _KIND_OF).to_numpy())
    # 上游材料: `to` is an input of `from`; 下游产品: `from` is an input of `to`.
    forward = (relation.iloc[flows] == _CUSTOMER).to_numpy()
    start, end = clean["from"].iloc[flows].to_numpy(), clean["to"].iloc[flows].to_numpy()
    links = pd.DataFrame(
        {"supplier_id": np.where(forward, start, end), "customer_id": np.where(forward, end, start)}
    )
    own = (links["supplier_id"] == links["customer_id"]).to_numpy()
    account.reject(flows[own], "self loop: a product is not an input of itself")
    again = links.duplicated().to_numpy() & ~own
    account.merge(flows[again], "the same relation again")
    links = links[~own & ~again].astype("str")
    return parents, links.sort_values(["supplier_id", "customer_id"], ignore_index=True)


def _reject_names(account: Account, *names: pd.Series[str]) -> None:
    for one in names:
        account.reject((one == "").to_numpy(), "no product name")
        account.reject(
            (one.str.len() > LONGEST_NAME).to_numpy(), f"product name longer than {LONGEST_NAME} characters"
        )


def _named(source: Source) -> pd.Series[str]:
    raw = source.text("product_name")
    names = clean_names(raw)
    _reject_names(source.account, names)
    source.account.change((names != raw).to_numpy(), "name cleaned")
    places = np.flatnonzero(source.account.left)
    source.account.merge(places[names.iloc[places].duplicated().to_numpy()], "the same name again")
    return names[source.account.left]


def _short_names(source: Source) -> pd.DataFrame:
    """company_id and name, as a table about something else has them."""
    names = source.text("company_name") if source.has("company_name") else source.text("company_code")
    return pd.DataFrame({"company_id": source.shares("company_code"), "name": clean_names(names)})


def _companies(source: Source, members: set[str], named: pd.DataFrame) -> pd.DataFrame:
    """The companies of the table, and those that only others name."""
    source.require("code", "name")
    account = source.account
    code = source.text("code")
    ids = source.shares("code")
    account.reject((ids == "").to_numpy(), "company code of no known exchange")
    account.change((ids != code).to_numpy(), "exchange added to the code by the exchange's rule")
    listed: Days = np.full(len(source), np.datetime64("NaT", "D"))
    if source.has("time"):
        listed = source.days("time", lenient=True)
        account.change(np.isnat(listed), "listing date left empty: the cell holds none")
    places = np.flatnonzero(account.left)
    account.merge(places[ids.iloc[places].duplicated().to_numpy()], "the company again: the first row stands")
    used = account.left
    table = pd.DataFrame(
        {
            "company_id": ids[used],
            "name": clean_names(source.text("name"))[used],
            "listed_on": iso(listed)[used],
        }
    )
    others = named[named["company_id"].isin(members - set(table["company_id"]))].drop_duplicates("company_id")
    table = pd.concat([table, others.assign(listed_on="")])
    table.insert(2, "exchange", table["company_id"].str[-2:])
    return table.sort_values("company_id", ignore_index=True)


def _industries(source: Source, above: Source) -> pd.DataFrame:
    source.require("code", "name")
    code = source.text("code")
    source.account.reject((code == "").to_numpy(), "no industry code")
    places = np.flatnonzero(source.account.left)
    source.account.merge(places[code.iloc[places].duplicated().to_numpy()], "the same industry again")
    used = source.account.left
    above.require("from_code", "to_code")
    child, parent = above.text("from_code"), above.text("to_code")
    known = set(code[used])
    above.account.reject(
        (~child.isin(known) | ~parent.isin(known)).to_numpy(), "an industry that table industry lacks"
    )
    rows = np.flatnonzero(above.account.left)
    parents = one_parent(above.account, rows, child.iloc[rows], parent.iloc[rows])
    table = pd.DataFrame({"industry_id": code[used], "name": clean_names(source.text("name"))[used]})
    table["parent_id"] = [parents.get(one, "") for one in table["industry_id"]]
    return table.sort_values("industry_id", ignore_index=True)


def _company_industries(source: Source, known: set[str]) -> pd.DataFrame:
    source.require("company_code", "industry_code")
    account = source.account
    company, industry = source.shares("company_code"), source.text("industry_code")
    account.reject((company == "").to_numpy(), "company code of no known exchange")
    account.reject((~industry.isin(known)).to_numpy(), "an industry that table industry lacks")
    account.change((company != source.text("company_code")).to_numpy(), "company code brought to one form")
    rows = pd.DataFrame({"company_id": company, "industry_id": industry})
    places = np.flatnonzero(account.left)
    account.merge(places[rows.iloc[places].duplicated().to_numpy()], "the same row again")
    places = np.flatnonzero(account.left)
    several = rows.iloc[places].duplicated("company_id").to_numpy()
    account.reject(places[several], "a further industry of the company: it has one at a time, the first")
    return rows[account.left].sort_values("company_id", ignore_index=True)
