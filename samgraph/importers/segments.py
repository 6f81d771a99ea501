"""`samgraph import segments`: dated revenue by segment, as data vendors and filings give it, one row per segment.

A row has a company, a segment's name, revenue and the end of the period; when the report came out is a column, or an
assumed number of days after the period's end. Segments that appear, vanish or are renamed need nothing special: each
report stands for itself, and a newer one replaces it whole.

Without a mapping file nobody knows whether two companies' segments of one name are the same product, so each company
has a branch of its own: product `AAPL` with `AAPL > iPhone` below. A mapping file names the products that they share.
"""

from __future__ import annotations

from collections.abc import Mapping as Named
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.importers import shares
from samgraph.importers.aliases import successors
from samgraph.importers.coverage import coverage
from samgraph.importers.names import clean_names
from samgraph.importers.reading import LONGEST_NAME, Conventions, Days, Source, iso, read
from samgraph.importers.reports import currencies, settle_published
from samgraph.importers.taxonomy import Mapping, products_table
from samgraph.importers.writing import Imported

DEFAULTS: dict[str, tuple[str, ...]] = {
    "company": ("company_id", "symbol", "ticker", "company", "code"),
    "name": ("company_name", "name"),
    "segment": ("segment_name", "segment", "product", "product_name", "product_id", "item"),
    "revenue": ("revenue", "sales", "amount", "value"),
    "period_end": ("period_end", "end_date", "fiscal_period_end", "period"),
    "announced": ("announced_on", "announced", "ann_date", "filing_date", "filed", "report_date"),
    "fiscal_year": ("fiscal_year", "year"),
    "currency": ("currency", "curr_type"),
}
"""Names that a column may have, by what it holds; the first that a file has is taken."""

BRANCH = " > "


@dataclass(frozen=True)
class SegmentOptions:
    """How to read files of segments.

    columns: what a column holds -> its name, where the default would not find it
    reporting_lag: days from a period's end to the report, where no column says when it came out
    where: column -> the value that a row must have to be used; segment_type = product by default, if there is one
    mapping: products of segments, from a user's file
    shared_names: take segments of one name of all companies for one product
    zone: the time zone of the market, for days that a file holds as instants
    aliases: old company id -> new one
    """

    columns: Named[str, str]
    reporting_lag: int | None = None
    where: Named[str, str] | None = None
    mapping: Mapping | None = None
    shared_names: bool = False
    zone: str | None = None
    aliases: Named[str, str] = field(default_factory=dict)
    policy: shares.Policy = "residual"


def import_segments(files: Sequence[Path], options: SegmentOptions) -> Imported:
    """Turn files of dated revenue by segment into a dataset.

    Where several files have a company's period, the file named first counts.

    Raises:
        DatasetError: a file or column is missing, or a cell cannot be read
    """
    tables, names, sources = [], [], []
    taken: set[tuple[str, str]] = set()
    for path in files:
        if not path.is_file():
            raise DatasetError(
                f"{path} is not a file; name CSV, JSON-lines or Parquet files of revenue by segment"
            )
        source = read(path.name, [path], Conventions(options.zone, successors(options.aliases)))
        table, companies = _one_file(source, options, taken)
        taken |= set(zip(table["company_id"], table["period_end"], strict=True))
        tables.append(table)
        names.append(companies)
        sources.append(source)
    segments = pd.concat(tables, ignore_index=True)
    parents = {} if options.mapping is None else dict(options.mapping.parents)
    if not options.shared_names:
        for product in segments["product_id"].unique():
            head, mark, _ = product.partition(BRANCH)
            if mark and product not in parents:
                parents[product] = head
    firms = pd.concat(names).drop_duplicates("company_id").sort_values("company_id", ignore_index=True)
    firms = firms[firms["company_id"].isin(segments["company_id"])]
    products = products_table(segments["product_id"], parents)
    products["name"] = [one.rpartition(BRANCH)[2] for one in products["product_id"]]
    return Imported(
        "segments",
        {
            "products": products,
            "companies": firms,
            "segments": segments.sort_values(["company_id", "period_end", "product_id"], ignore_index=True),
        },
        coverage([source.account for source in sources]),
        notes=_notes(options),
        options={
            "columns": dict(options.columns),
            "reporting_lag": options.reporting_lag,
            "where": dict(options.where or {}),
            "shared_names": options.shared_names,
            "zone": options.zone,
            "aliases": dict(options.aliases),
            "shares": options.policy,
        },
        files=tuple(files),
    )


def _notes(options: SegmentOptions) -> tuple[str, ...]:
    if options.reporting_lag is None:
        return ()
    return (
        f"ASSUMPTION: every report came out {options.reporting_lag} days after its period's end, where no column says "
        "when; one that came out later is used too early",
    )


def _one_file(
    source: Source, options: SegmentOptions, taken: set[tuple[str, str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The segments of a file, and its companies (company_id, name)."""
    account = source.account
    column = {what: _column(source, options, what) for what in DEFAULTS}
    for what in ("company", "segment", "revenue", "period_end"):
        if column[what] is None:
            raise DatasetError(
                f"{source.files[0]} has no column for the {what.replace('_', ' ')} "
                f"(found {', '.join(source.frame.columns)[:300]}); name it with --{what.replace('_', '-')}"
            )
    if column["announced"] is None and options.reporting_lag is None:
        raise DatasetError(
            f"{source.files[0]} has no column that says when a report came out; name it with --announced, or assume a "
            "number of days after the period's end with --reporting-lag"
        )
    _filter(source, options)
    company = source.succeeded(clean_names(source.text(str(column["company"]))))
    raw = source.text(str(column["segment"]))
    segment = clean_names(raw)
    account.change((segment != raw).to_numpy(), "name cleaned")
    account.reject((company == "").to_numpy(), "no company")
    revenue = source.numbers(str(column["revenue"]))
    period_end, announced = _dates(source, column, options)
    shares.reject_by_name(account, segment, regions=False)
    shares.reject_by_amount(account, revenue, "revenue")
    known = np.array([key in taken for key in zip(company, iso(period_end), strict=True)], dtype=bool)
    account.reject(known, "a file named before has this company and period")
    rows = pd.DataFrame({"company": company, "end": period_end, "announced": announced, "revenue": revenue})
    rows["segment"] = segment
    rows["product"] = _products(source, company, segment, options)
    for what, names in (("company", company), ("company and product together", rows["product"])):
        long = (names.str.len() > LONGEST_NAME).to_numpy()
        account.reject(long, f"{what} longer than {LONGEST_NAME} characters")
    places = np.flatnonzero(account.left)
    account.merge(places[rows.iloc[places].duplicated().to_numpy()], "the same row again")
    report = np.asarray(
        rows.groupby(["company", "end", "announced"], dropna=False, sort=False).ngroup(), dtype=np.int64
    )
    _one_currency(source, column["currency"], report)
    ids = rows["product"].to_numpy(dtype=object)
    if options.mapping is None:
        shares.keep_largest(account, report, ids, revenue)
    else:
        revenue = _add_up(source, report, ids, revenue)
    share = shares.shares_of_revenue(account, report, revenue)
    weight = shares.settle(account, report, ids, share, options.policy)
    used = account.left
    table = pd.DataFrame(
        {
            "company_id": company[used],
            "product_id": rows["product"][used],
            "period_end": iso(period_end)[used],
            "announced_on": iso(announced)[used],
            "weight": weight[used],
        }
    )
    name = clean_names(source.text(str(column["name"]))) if column["name"] else company
    return table, pd.DataFrame({"company_id": company, "name": name}).drop_duplicates("company_id")


def _column(source: Source, options: SegmentOptions, what: str) -> str | None:
    given = options.columns.get(what)
    if given is not None:
        source.require(given)
        return given
    return next((name for name in DEFAULTS[what] if source.has(name)), None)


def _filter(source: Source, options: SegmentOptions) -> None:
    wanted = dict(options.where or {})
    if "segment_type" not in wanted and source.has("segment_type"):
        wanted["segment_type"] = "product"
    for name, value in wanted.items():
        if not source.has(name) and name not in (options.where or {}):
            continue
        other = (source.text(name).str.casefold() != value.casefold()).to_numpy()
        source.account.ignore(other, f"{name} is not {value}")


def _dates(source: Source, column: Named[str, str | None], options: SegmentOptions) -> tuple[Days, Days]:
    account = source.account
    period_end = source.days(str(column["period_end"]))
    account.reject(np.isnat(period_end), "no period end")
    if column["fiscal_year"] is not None:
        year = source.numbers(str(column["fiscal_year"]))
        ends = pd.Series(period_end.astype("datetime64[s]"))
        # A fiscal year ends in it, or (52 or 53 weeks, or a year that is called by its beginning) early in the next.
        early = (ends.dt.year == year + 1) & (
            (ends.dt.month == 1) | ((ends.dt.month == 2) & (ends.dt.day <= 3))
        )
        outside = ends.notna() & ~np.isnan(year) & (ends.dt.year != year) & ~early
        if source.has("quarter"):
            outside &= (
                ends.dt.year != year - 1
            )  # the first quarters of a fiscal year may lie in the year before
        account.reject(
            outside.to_numpy(), "period end lies outside its fiscal year: a filing's date, it seems"
        )
    lagged = period_end + np.timedelta64(int(options.reporting_lag or 0), "D")
    if column["announced"] is None:
        return period_end, lagged
    announced = source.days(str(column["announced"]))
    if (
        options.reporting_lag is not None
    ):  # assumed where the column does not say, or repeats the period's end
        silent = np.isnat(announced) | (announced == period_end)
        account.change(silent, "day of publication assumed")
        announced = np.where(silent, lagged, announced)
        account.reject(announced < period_end, "published before its period ended")
        return period_end, announced
    account.reject(np.isnat(announced), "no day of publication")
    settle_published(source, str(column["announced"]), announced, period_end)
    return period_end, announced


def _products(
    source: Source, company: pd.Series[str], segment: pd.Series[str], options: SegmentOptions
) -> pd.Series[str]:
    """Product id of each row, "" where it names no product; what the mapping leaves out is settled."""
    account = source.account
    spelled: dict[tuple[str, str], str] = {}
    result, dropped, renamed = [], [], []
    other = shares.unnamed(segment)
    for row, (who, name) in enumerate(zip(company, segment, strict=True)):
        mapped = None if options.mapping is None else options.mapping.product(who, name)
        dropped.append(mapped == "")
        if mapped is not None:
            result.append(mapped)
            renamed.append(mapped not in ("", name))
            continue
        renamed.append(False)
        first = spelled.setdefault(("" if options.shared_names else who, name.casefold()), name)
        product = first if options.shared_names or options.mapping is not None else f"{who}{BRANCH}{first}"
        result.append("" if other[row] else product)
    account.ignore(np.array(dropped, dtype=bool), "left out by the mapping file")
    account.change(np.array(renamed, dtype=bool), "named by the mapping file")
    return pd.Series(result, index=company.index, dtype="str")


def _add_up(source: Source, report: np.ndarray, product: np.ndarray, revenue: np.ndarray) -> np.ndarray:
    """Segments that the mapping makes one product of: their revenue is added up in the first row."""
    places = np.flatnonzero(source.account.left & (product != ""))
    rows = pd.DataFrame({"report": report[places], "product": product[places], "revenue": revenue[places]})
    again = rows.duplicated(["report", "product"]).to_numpy()
    total = rows.groupby(["report", "product"])["revenue"].transform("sum").to_numpy()
    added = revenue.copy()
    added[places] = total
    source.account.merge(places[again], "added to the product that the mapping file makes of it")
    return added


def _one_currency(source: Source, column: str | None, report: np.ndarray) -> None:
    if column is None:
        return
    left = source.account.left
    frame = pd.DataFrame({"report": report[left], "currency": currencies(source.text(column))[left]})
    several = frame.groupby("report")["currency"].nunique()
    source.account.reject(
        np.isin(report, several.index[several > 1].to_numpy()), "its report is in several currencies"
    )
