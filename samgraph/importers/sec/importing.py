"""`samgraph import sec`: quarters of the SEC's Financial Statement Data Sets as one dataset.

Every figure is known from the day its filing became public (`filings.known_days`). A later filing that repeats a period
says nothing new; one that gives other shares is a restatement, a report of its own from its own day on.
"""

from __future__ import annotations

from collections.abc import Mapping as Named
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.files import whole
from samgraph.importers import shares
from samgraph.importers.coverage import Account, Tally, coverage
from samgraph.importers.decisions import Tree, decide
from samgraph.importers.reading import iso, read
from samgraph.importers.sec import filings as of_filings
from samgraph.importers.sec import sic, tree
from samgraph.importers.sec.members import member
from samgraph.importers.sec.quarter import Wanted, quarter, zips
from samgraph.importers.sec.reports import PART_TAGS, WHOLE_TAGS, Choice, Floats, read_facts, settle_reports
from samgraph.importers.taxonomy import Mapping
from samgraph.importers.writing import Imported
from samgraph.progress import stage
from samgraph.words import many

PRODUCT_AXES = ("ProductOrService", "ProductsAndServices")
"""Axes of products, as num.txt writes them: us-gaap and srt, ifrs-full."""
SAME = 0.001
"""Shares that differ by less are the same figures, rounded otherwise."""

Ints = npt.NDArray[np.int64]

UNDECIDED = "its member is not a product of the tree yet: counts in the total, goes to no product"
_UNKNOWN = (
    "no revenue of any filing is on the axis {!r}; name it as num.txt does (BusinessSegments, not "
    "StatementBusinessSegmentsAxis)"
)
_KEPT = ["adsh", "ddate", "company_id", "industry", "known", "member"]
"""Of a used fact."""


@dataclass(frozen=True)
class SecOptions:
    """How to read the data sets.

    fallback: axes to use where a report has none of products, such as BusinessSegments, the first that it has
    tags: further tags that are revenue
    quarters: use single quarters between fiscal years
    policy: what becomes of products that add up to more than the revenue
    mapping: the user's products of members
    tickers: company id by CIK, without leading zeros
    tree: the user's own tree of products, instead of families below industries
    decisions: the file that says which member is which product of the tree; it is written anew
    """

    fallback: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    quarters: bool = False
    policy: shares.Policy = "reject"
    mapping: Mapping | None = None
    tickers: Named[str, str] = field(default_factory=dict)
    tree: Tree | None = None
    decisions: Path | None = None


def import_sec(folder: Path, cache: Path, options: SecOptions) -> Imported:
    """Turn a folder of zips into a dataset.

    Args:
        folder: the zips, one a quarter
        cache: where what was read of a quarter is kept
        options: how to read them

    Raises:
        DatasetError: a zip cannot be read, or nothing in it can be used
    """
    axes = tuple(dict.fromkeys((*PRODUCT_AXES, *options.fallback)))
    tags = tuple(dict.fromkeys((*WHOLE_TAGS, *PART_TAGS, *options.tags)))
    files = zips(folder)
    numbers = Tally("num.txt")
    facts, filed = _quarters(files, cache, Wanted(axes, tags), numbers)
    found = {axis for one in facts for axis in one["axis"].cat.categories}
    unknown = [_UNKNOWN.format(axis) for axis in options.fallback if axis not in found]
    filings, of_sub = of_filings.read_filings(filed, options.tickers)
    choice = Choice(axes, tags, options.quarters, options.policy)
    rows, account = _used(facts, filings, choice, numbers)
    del facts, filed
    rows = _reported(rows, options, account)
    rows = _vintages(rows, filings, account)
    numbers.include(account)
    tables = {
        "products": tree.products_table(rows, options.mapping)
        if options.tree is None
        else options.tree.products,
        "companies": of_filings.companies_table(filings),
        "segments": _segments(rows),
        "industries": sic.industries_table(set(filings["industry"]) - {""}),
        "company_industries": of_filings.company_industries(filings),
    }
    return Imported(
        "sec",
        tables,
        coverage([numbers, of_sub]),
        notes=(*_notes(rows, options), *unknown),
        options={
            "fallback": list(options.fallback),
            "tags": list(options.tags),
            "quarters": options.quarters,
            "shares": options.policy,
            "tickers": len(options.tickers),
        },
        files=tuple(files),
        advice=_advice(options, unknown, account),
    )


def read_tickers(path: Path) -> dict[str, str]:
    """A user's table of tickers, columns cik and ticker: company id by CIK without leading zeros.

    Of several tickers of a company the first counts.

    Raises:
        DatasetError: the file cannot be read, lacks a column, has an empty cell, or gives two companies one ticker
    """
    if not path.is_file():
        raise DatasetError(f"{path} is no file; name a table with the columns cik and ticker")
    source = read(path.name, [path])
    source.require("cik", "ticker")
    found: dict[str, str] = {}
    for row, (cik, ticker) in enumerate(zip(source.text("cik"), source.text("ticker"), strict=True)):
        number = cik.lstrip("0")
        if not (number.isascii() and number.isdigit()) or not ticker:
            raise DatasetError(
                f"{source.where(row)}: give a CIK (digits) and a ticker, not {cik[:40]!r}, {ticker[:40]!r}"
            )
        found.setdefault(number, ticker)
    owners: dict[str, str] = {}
    for number, ticker in found.items():
        if owners.setdefault(ticker, number) != number:
            raise DatasetError(
                f"{path}: CIK {owners[ticker]} and CIK {number} have one ticker {ticker[:40]!r}; keep one"
            )
    return found


def _quarters(
    files: Sequence[Path], cache: Path, wanted: Wanted, numbers: Tally
) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """The facts of each quarter, as codes of its distinct texts, and its filings; the rows not kept are counted."""
    facts, filed = [], []
    with stage("read quarters", len(files)) as bar:
        for path in files:
            one = quarter(path, cache, wanted)
            facts.append(one.facts.astype("category"))
            filed.append(one.filings)
            for (outcome, cause), rows in one.counts.items():
                numbers.add(outcome, cause, rows)
            bar.advance()
    return facts, filed


def _used(
    facts: Sequence[pd.DataFrame], filings: pd.DataFrame, choice: Choice, numbers: Tally
) -> tuple[pd.DataFrame, Account]:
    """The facts of reports that can be used, with `_KEPT` and their account; the others are counted.

    A report is decided within its filing, so a quarter's facts pass by themselves; those of a filing that is in several
    zips pass together.
    """
    found = pd.Series(np.concatenate([one["adsh"].cat.categories.to_numpy() for one in facts]))
    again = set(found[found.duplicated()])
    apart = [one["adsh"].isin(again).to_numpy() for one in facts]
    pieces = (one[~there].astype("str") for one, there in zip(facts, apart, strict=True))
    shared = pd.concat(
        [one[there].astype("str") for one, there in zip(facts, apart, strict=True)], ignore_index=True
    )
    kept, accounts = [], []
    with stage("choose reports", len(facts) + 1) as bar:
        for piece in chain(pieces, [shared]):
            account = Account(numbers.table, len(piece))
            table = read_facts(piece.reset_index(drop=True), filings, choice, account)
            weight = settle_reports(table, choice, account)
            used = np.isfinite(weight)
            mine, others = account.split(used)
            numbers.include(others)
            accounts.append(mine)
            kept.append(table.loc[used, _KEPT].assign(weight=weight[used]))
            bar.advance()
    return pd.concat(kept, ignore_index=True), Account.joined(numbers.table, accounts)


def _reported(rows: pd.DataFrame, options: SecOptions, account: Account) -> pd.DataFrame:
    """The used facts with their products, one row per product and report: product_id beside what was kept."""
    if options.tree is not None and options.decisions is not None:
        rows["product_id"] = _decided(rows, options.tree, options.decisions)
        account.reject(rows["product_id"].isna().to_numpy(), UNDECIDED)
        rows["product_id"] = rows["product_id"].fillna("")
    else:
        rows["product_id"] = tree.products_of(rows, options.mapping)
    account.ignore((rows["product_id"] == "").to_numpy(), "left out by the user's file")
    rows = rows[rows["product_id"] != ""]
    key = ["adsh", "ddate", "product_id"]
    again = rows.duplicated(key).to_numpy()
    account.merge(rows.index[again].to_numpy(), "added to the product that another member of its report is")
    rows["weight"] = rows.groupby(key)["weight"].transform("sum")
    return rows[~again]


def _decided(rows: pd.DataFrame, of: Tree, path: Path) -> pd.Series[str]:
    """The product of the tree of each row, missing where nothing is decided; the file of decisions is written anew."""
    reports = rows.drop_duplicates(["adsh", "ddate", "member"])["member"].value_counts()
    products, decisions = decide(reports, of, path, lambda text: member(text).key)
    with whole(path) as scratch:
        decisions.to_csv(scratch, index=False, lineterminator="\n")
    return pd.Series([products[one] for one in rows["member"]], index=rows.index, dtype="str")


def _vintages(rows: pd.DataFrame, filings: pd.DataFrame, account: Account) -> pd.DataFrame:
    """The rows of reports that said something new on their day, in the order in which they became known."""
    place = pd.Series(np.arange(len(filings)), index=filings["adsh"])
    rows = rows.assign(order=place.reindex(rows["adsh"]).to_numpy())
    rows = rows.sort_values(["order", "ddate", "product_id"], kind="stable")
    report = rows.groupby(["order", "ddate"], sort=True)
    number = report.ngroup().to_numpy()
    heads = report[["company_id", "ddate", "known"]].first().reset_index(drop=True)
    last_of_day = ~heads.duplicated(keep="last").to_numpy()
    places = rows.index.to_numpy()
    account.merge(places[~last_of_day[number]], "another filing of the same day gives the period again")
    product, weight = pd.factorize(rows["product_id"])[0], rows["weight"].to_numpy()
    period = heads.groupby(["company_id", "ddate"], sort=False).ngroup().to_numpy()
    known: dict[int, tuple[Ints, Floats]] = {}
    new = np.zeros(len(heads), dtype=bool)
    starts = np.append(np.flatnonzero(np.diff(number, prepend=-1)), len(rows))
    for one in np.flatnonzero(last_of_day):
        span = slice(starts[one], starts[one + 1])
        told = product[span], weight[span]
        before = known.get(period[one])
        new[one] = before is None or _differ(before, told)
        if new[one]:
            known[period[one]] = told
    account.merge(places[~new[number]], "the period again in a later filing, with the same shares")
    heads["restated"] = False
    heads.loc[new, "restated"] = heads[new].duplicated(["company_id", "ddate"])
    account.change(
        places[heads["restated"].to_numpy()[number]], "a restatement, known from its own filing on"
    )
    return rows[new[number]].assign(restated=heads["restated"].to_numpy()[number[new[number]]])


def _differ(before: tuple[Ints, Floats], told: tuple[Ints, Floats]) -> bool:
    """Whether two reports, each its products in one order and their shares, say different things."""
    if not np.array_equal(before[0], told[0]):
        return True
    return bool((np.abs(told[1] - before[1]) > SAME).any())


def _advice(options: SecOptions, unknown: Sequence[str], account: Account) -> str:
    """What to do where no report could be used."""
    if options.decisions is not None and UNDECIDED in set(account.frame()["cause"]):
        return f"fill in the column decision of {options.decisions}, which names the members"
    if unknown:
        return "; ".join(unknown)
    if options.fallback:
        return "correct the source"
    return "take another axis where a report has none of products: --fallback BusinessSegments"


def _segments(rows: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "company_id": rows["company_id"].to_numpy(),
            "product_id": rows["product_id"].to_numpy(),
            "period_end": iso(rows["ddate"].to_numpy().astype("datetime64[D]")),
            "announced_on": iso(rows["known"].to_numpy().astype("datetime64[D]")),
            "weight": np.minimum(rows["weight"].to_numpy(), 1.0),
        }
    )
    key = ["company_id", "period_end", "announced_on", "product_id"]
    return table.sort_values(key, ignore_index=True)


def _notes(rows: pd.DataFrame, options: SecOptions) -> tuple[str, ...]:
    reports = rows.groupby(["adsh", "ddate"]).agg(weight=("weight", "sum"), restated=("restated", "first"))
    notes = [
        "a filing counts as public on the day it was filed, or accepted if that is later; accepted at or after 16:00 "
        "in New York, on the day after",
        f"{many(len(reports), 'report')} of {many(rows['company_id'].nunique(), 'company')}, "
        f"{many(int(reports['restated'].sum()), 'restatement')} among them; a report's products explain "
        f"{reports['weight'].mean() if len(reports) else 0:.1%} of its revenue on average",
        "the data sets hold the primary statements alone: revenue by product that is only in the notes is not there",
    ]
    if options.quarters:
        notes.append("single quarters stand beside fiscal years: seasons move their shares")
    return tuple(notes)
