"""`samgraph import concepts`: a stock-to-concept table as themes, from CSV, JSON lines, Parquet or HIST's own matrix.

- Long: a row per membership, with a company and a concept, and perhaps days and a flag of 0 or 1.
- Wide: a row per company; every other column is a concept, with cells of 0 or 1.
- `.npy`: HIST's `stock2concept.npy`, [n_stocks, n_concepts] of 0 and 1, with the file of which row is which stock.

A membership without a day is one that somebody looked up at some time. Before that time nobody can have known it, so
the day must be told (`known_from`); there is no default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.graph.dataset.tables import THEME
from samgraph.importers.aliases import a_share_conventions, successors
from samgraph.importers.coverage import Account, coverage
from samgraph.importers.matrix import read_matrix
from samgraph.importers.names import a_share_ids, clean_names
from samgraph.importers.reading import LONGEST_NAME, Conventions, Days, Source, iso, read
from samgraph.importers.writing import Imported

PREFIX = "theme:"
"""Begins the id of a theme, so that one of a product's name is no product."""
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "company": (
        "company_id",
        "code",
        "con_code",
        "symbol",
        "ticker",
        "stock",
        "instrument",
        "成分券代码",
        "代码",
        "ts_code",
    ),
    "concept": (
        "concept",
        "theme",
        "concept_name",
        "board",
        "板块",
        "板块名称",
        "概念",
        "概念名称",
        "ts_code",
    ),
    "valid_from": ("valid_from", "in_date", "included_on", "纳入日期"),
    "valid_to": ("valid_to", "out_date", "剔除日期"),
    "member": ("member", "value", "weight"),
}
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class ConceptOptions:
    """How to read the table.

    known_from: the first day on which memberships without a day of their own were known
    index: of a .npy matrix, the file that says which row is which stock
    columns: company, concept, valid_from, valid_to -> the column's name, where it is not a usual one
    plain: company ids are taken as they are; else A-share codes in any form
    aliases: old company code -> new one
    """

    known_from: np.datetime64 | None = None
    index: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    plain: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)


def import_concepts(file: Path, options: ConceptOptions) -> Imported:
    """Turn a stock-to-concept table into themes.

    Raises:
        DatasetError: a file or column is missing, a cell cannot be read, or memberships without days come without
            the day on which they were known
    """
    if not file.is_file():
        raise DatasetError(f"{file} is not a file; name a table of stocks and concepts, or a .npy matrix")
    conventions = (
        Conventions(None, successors(options.aliases))
        if options.plain
        else a_share_conventions(options.aliases)
    )
    if file.suffix == ".npy":
        if options.index is None:
            raise DatasetError(
                f"{file} does not say which row is which stock; name the file that does with --index"
            )
        source = Source(file.name, [(file, read_matrix(file, options.index))], conventions)
    elif options.index is not None:
        raise DatasetError(f"--index goes with a .npy matrix; {file} names its companies itself")
    else:
        source = _long(read(file.name, [file], conventions), options)
    rows, open_days = _memberships(source, options)
    spans = _joined(source.account, rows)
    themes = sorted(spans["concept"].unique())
    companies = sorted(spans["company"].unique())
    undated = (
        f"{open_days:,} memberships have no first day of their own: used from {options.known_from} on, which was said "
        "to be the first day on which they were known"
    )
    return Imported(
        "concepts",
        {
            "products": pd.DataFrame(
                {"product_id": [PREFIX + one for one in themes], "name": themes, "parent_id": ""}
            ),
            "companies": pd.DataFrame({"company_id": companies, "name": companies}),
            "segments": pd.DataFrame(
                {
                    "company_id": spans["company"],
                    "product_id": PREFIX + spans["concept"],
                    "valid_from": iso(spans["begin"].to_numpy().astype("datetime64[D]")),
                    "valid_to": iso(spans["end"].to_numpy().astype("datetime64[D]")),
                    "kind": THEME,
                }
            ),
        },
        coverage([source.account]),
        notes=(
            *([undated] if open_days else []),
            "memberships of themes: 1 each, no share of revenue; companies are called by their ids",
        ),
        options={
            "known_from": None if options.known_from is None else str(options.known_from),
            "columns": dict(options.columns),
            "plain": options.plain,
            "aliases": dict(options.aliases),
        },
        files=(file, *([options.index] if options.index is not None else [])),
    )


def _column(source: Source, what: str, options: ConceptOptions) -> str | None:
    if what in options.columns:
        source.require(options.columns[what])
        return options.columns[what]
    return next((name for name in _COLUMNS[what] if source.has(name)), None)


def _long(source: Source, options: ConceptOptions) -> Source:
    """The table with a row per membership and the columns company, concept, [valid_from, valid_to, member]."""
    found = {what: _column(source, what, options) for what in _COLUMNS}
    frame, company = source.frame, found["company"]
    if company is None:
        shown = ", ".join(map(str, frame.columns))[:200]
        raise DatasetError(
            f"{source.files[0]} has no column of companies (found {shown}); name it with --company"
        )
    if found["concept"] is None or found["concept"] == company:
        return Source(source.table, [(source.files[0], _melted(source, company))], source.conventions)
    named = {name: what for what, name in found.items() if name is not None}
    return Source(
        source.table, [(source.files[0], frame[list(named)].rename(columns=named))], source.conventions
    )


def _melted(source: Source, company: str) -> pd.DataFrame:
    """A wide matrix as rows of members; its cells must be 0, 1 or empty."""
    concepts = [name for name in source.frame.columns if name != company]
    ids = source.text(company).to_numpy(dtype=object)
    pieces = []
    for name in concepts:
        cells = source.numbers(name)
        wrong = np.flatnonzero(~np.isnan(cells) & (cells != 0) & (cells != 1))
        if len(wrong):
            raise DatasetError(
                f"{source.where(int(wrong[0]))}, column {name}: {cells[wrong[0]]:g} is neither 0 nor 1; a table with a "
                "row a membership needs a column concept (--concept)"
            )
        pieces.append(pd.DataFrame({"company": ids[cells == 1], "concept": str(name)}))
    every = pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame(columns=["company", "concept"])
    return every.astype("str")


def _memberships(source: Source, options: ConceptOptions) -> tuple[pd.DataFrame, int]:
    """company, concept, begin, end (days) of every row, and how many rows are used from `known_from`."""
    account = source.account
    raw = source.text("company")
    company = source.succeeded(raw if options.plain else a_share_ids(raw))
    name = source.text("concept")
    concept = clean_names(name)
    nowhere = np.full(len(source), np.datetime64("NaT", "D"))
    begin: Days = source.days("valid_from") if source.has("valid_from") else nowhere
    end: Days = source.days("valid_to") if source.has("valid_to") else nowhere
    what = "no company" if options.plain else "company code of no known exchange"
    account.reject((company == "").to_numpy(), what)
    account.reject((concept == "").to_numpy(), "no concept")
    account.reject(
        (concept.str.len() > LONGEST_NAME - len(PREFIX)).to_numpy(), "name of the concept too long"
    )
    if source.has("member"):
        flag = source.numbers("member")
        account.ignore(flag == 0, "no member: 0")
        wrong = ~np.isnan(flag) & (flag != 0) & (flag != 1)
        account.reject(wrong, "neither 0 nor 1: no membership")
    account.change((concept != name).to_numpy(), "name cleaned")
    undated = np.isnat(begin) & account.left
    if undated.any() and options.known_from is None:
        raise DatasetError(
            f"{source.where(int(np.flatnonzero(undated)[0]))} and {int(undated.sum()) - 1:,} other memberships have no "
            "first day: the list is what somebody knew on some day, and earlier use would be look-ahead; say which "
            "with --known-from"
        )
    if options.known_from is not None:
        begin = np.where(np.isnat(begin), options.known_from.astype("datetime64[D]"), begin)
    account.reject(end <= begin, "its last day is not after its first")
    account.change(undated, "no first day: used from the day on which it was known (--known-from)")
    rows = pd.DataFrame({"company": company, "concept": concept, "begin": begin, "end": end})
    return rows, int((undated & account.left).sum())


def _joined(account: Account, rows: pd.DataFrame) -> pd.DataFrame:
    """Spans of one company and concept that touch or overlap as one, sorted; the rows that say nothing new merged."""
    used = rows[account.left].copy()
    last = used["end"].to_numpy().astype("datetime64[D]")
    used["first"] = used["begin"].to_numpy().astype("datetime64[D]").astype(np.int64)
    used["last"] = np.where(np.isnat(last), _NEVER, last.astype(np.int64))
    used = used.sort_values(["company", "concept", "first"], kind="stable")
    key = ["company", "concept"]
    reach = used.groupby(key, sort=False)["last"].cummax()
    fresh = used["first"] > reach.groupby([used[name] for name in key], sort=False).shift(fill_value=-_NEVER)
    account.merge(used.index[~fresh].to_numpy(), "follows or overlaps another span of the same membership")
    number = fresh.cumsum()
    spans = used[fresh][[*key, "begin"]].reset_index(drop=True)
    end = used.groupby(number)["last"].max().to_numpy()
    spans["end"] = np.where(end == _NEVER, np.datetime64("NaT", "D"), end.astype("datetime64[D]"))
    return spans
