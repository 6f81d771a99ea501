"""`samgraph import tushare`: recorded answers of the Tushare Pro interface.

The folder holds answers as the interface returns them, one table or a folder of parts for each endpoint:

- `stock_basic` (ts_code, name, list_date, delist_date; ask for list_status L, D and P, or only survivors are there)
- `fina_mainbz` (ts_code, end_date, bz_item, [bz_code], bz_sales in yuan, [curr_type], [update_flag]), type P;
  it has no day of publication: `disclosure_date` (actual_date) or `income` (f_ann_date) tell it, else it is assumed
- `daily` (prices in yuan, `vol` in lots of 100 shares, `amount` in thousand yuan), `adj_factor`, `daily_basic`
  (`total_mv`, `circ_mv` in ten thousand yuan, `free_share` in ten thousand shares, `pb`), `trade_cal`, `index_daily`
- `index_weight` (weights in percent, at the close of trade_date), `ths_member` (no dates: needs `ths_from`)

Documented at https://tushare.pro/document/2 (doc_id 25, 26, 27, 28, 32, 33, 81, 95, 96, 162, 261).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.importers import shares
from samgraph.importers.aliases import a_share_conventions
from samgraph.importers.companies import companies_table, listing_days, no_companies
from samgraph.importers.coverage import coverage, merge_repeats
from samgraph.importers.names import clean_names
from samgraph.importers.prices import (
    PRICES,
    finish_bars,
    join,
    same_bars,
    settle_prices,
    spans_of_lists,
    traded_shares,
)
from samgraph.importers.reading import LONGEST_NAME, Source, iso, needed, optional
from samgraph.importers.reports import (
    Announced,
    choose_category,
    currencies,
    no_known_days,
    revenue_segments,
    settle_published,
)
from samgraph.importers.taxonomy import products_table
from samgraph.importers.writing import Imported

LOT = 100  # shares
_WHOLE = 5.0  # percent: a list of an index whose weights miss 100 by more is not whole


@dataclass(frozen=True)
class TushareOptions:
    """How to read the answers.

    lag_days: assume reports came out so many days after their period; None: on the legal deadline
    universes: index or board code -> name of the universe; by default the code itself
    ths_from: the day on which `ths_member` was asked for
    fallback: what stands in for rows by product where a report has none: "unnamed", "industry"
    aliases: old company code -> new one, beside the known changes
    """

    policy: shares.Policy = "residual"
    lag_days: int | None = None
    universes: Mapping[str, str] = field(default_factory=dict)
    ths_from: np.datetime64 | None = None
    fallback: Sequence[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


def import_tushare(folder: Path, options: TushareOptions) -> Imported:
    """Turn recorded answers into a dataset.

    Raises:
        DatasetError: an answer or a column is missing, or a cell cannot be read
    """
    sources: list[Source] = []
    notes: list[str] = []
    conventions = a_share_conventions(options.aliases)

    def take(name: str) -> Source | None:
        source = optional(folder, name, conventions)
        if source is not None:
            sources.append(source)
        return source

    mainbz = needed(folder, "fina_mainbz", conventions)
    sources.append(mainbz)
    firms = _companies(take("stock_basic"), notes)
    listed = listing_days(firms)
    known = _published(take("disclosure_date"), take("income"))
    announced = Announced(known, listed, options.lag_days)
    notes.append(announced.sentence)
    segments = _segments(mainbz, announced, options, notes)
    tables = {"products": products_table(segments["product_id"], {}), "segments": segments}
    memberships = [
        _index_weights(take("index_weight"), options, notes),
        _boards(take("ths_member"), options, notes),
    ]
    if any(len(one) for one in memberships):
        tables["universes"] = pd.concat([one for one in memberships if len(one)], ignore_index=True)
    daily = take("daily")
    if daily is not None:
        tables["bars"] = _bars(daily, take("adj_factor"), take("daily_basic"), take("trade_cal"), notes)
    index = take("index_daily")
    if index is not None:
        tables["benchmarks"] = _benchmarks(index, options)
    tables["companies"] = companies_table(firms, tables)
    return Imported(
        "tushare",
        tables,
        coverage([source.account for source in sources]),
        notes=tuple(notes),
        options={
            "shares": options.policy,
            "lag_days": options.lag_days,
            "universes": dict(options.universes),
            "ths_from": None if options.ths_from is None else str(options.ths_from),
            "fallback": list(options.fallback),
            "aliases": dict(options.aliases),
        },
        files=tuple(path for source in sources for path in source.files),
    )


def _companies(source: Source | None, notes: list[str]) -> pd.DataFrame:
    """company_id, name, listed_on, delisted_on (days)."""
    if source is None:
        notes.append("no stock_basic: companies are known by their codes only, without listing and delisting")
        return no_companies()
    source.require("ts_code", "name")
    account = source.account
    ids = source.shares("ts_code")
    nowhere = np.full(len(source), np.datetime64("NaT", "D"))
    rows = pd.DataFrame(
        {
            "company_id": ids,
            "name": clean_names(source.text("name")),
            "listed_on": source.days("list_date") if source.has("list_date") else nowhere,
            "delisted_on": source.days("delist_date") if source.has("delist_date") else nowhere,
        }
    )
    account.reject((ids == "").to_numpy(), "company code of no known exchange")
    backwards = (rows["delisted_on"] <= rows["listed_on"]).to_numpy()
    account.reject(backwards, "delisted before it was listed")
    places = np.flatnonzero(account.left)
    older = rows.iloc[places].duplicated("company_id", keep="last").to_numpy()
    account.merge(places[older], "the company again: the last row stands")
    if rows["delisted_on"].isna().all():
        notes.append("stock_basic has no delisted company (ask for list_status D and P too): survivors only")
    return rows[account.left].reset_index(drop=True)


def _published(disclosed: Source | None, income: Source | None) -> pd.Series[pd.Timestamp]:
    """The first day of publication by (company_id, period_end); that of `disclosure_date` before that of `income`."""
    found = []
    for source, columns in ((disclosed, ("actual_date",)), (income, ("f_ann_date", "ann_date"))):
        if source is None:
            continue
        source.require("ts_code", "end_date")
        account = source.account
        company, end = source.shares("ts_code"), source.days("end_date")
        day = np.full(len(source), np.datetime64("NaT", "D"))
        if not any(source.has(name) for name in columns):
            source.require(columns[0])
        for name in columns:
            if source.has(name):
                day = np.where(np.isnat(day), source.days(name), day)
        account.reject((company == "").to_numpy(), "company code of no known exchange")
        account.reject(np.isnat(end), "no period end")
        account.ignore(np.isnat(day), "not published yet: no day")
        settle_published(source, "actual_date" if source is disclosed else "f_ann_date", day, end)
        rows = pd.DataFrame(
            {"company": company, "end": end.astype("datetime64[s]"), "day": day.astype("datetime64[s]")}
        )
        used = rows[account.left].sort_values("day", kind="stable")
        again = used.duplicated(["company", "end"])
        account.merge(used.index[again].to_numpy(), "the report again: the first day stands")
        found.append(used[~again])
    if not found:
        return no_known_days()
    every = pd.concat(found).drop_duplicates(["company", "end"])
    return every.set_index(["company", "end"])["day"]


def _segments(
    source: Source, announced: Announced, options: TushareOptions, notes: list[str]
) -> pd.DataFrame:
    source.require("ts_code", "end_date", "bz_item", "bz_sales")
    account = source.account
    company, item = source.shares("ts_code"), source.text("bz_item")
    end, sales = source.days("end_date"), source.numbers("bz_sales")
    report = pd.DataFrame({"company": company, "end": end})
    if source.has("bz_code") and (kind := source.text("bz_code").str.upper()).any():
        notes += choose_category(
            source,
            report,
            kind,
            product="P",
            industry="I",
            beside="by industry (type I)",
            others={"D": "by region (type D)"},
            fallback=options.fallback,
        )
    if source.has("update_flag"):
        _first_said(source, company, end, item, sales)
    if source.has("curr_type"):
        rows = report.assign(currency=currencies(source.text("curr_type")))[account.left]
        several = rows.groupby(["company", "end"])["currency"].transform("nunique") > 1
        account.reject(rows.index[several].to_numpy(), "its report is in several currencies")
    return revenue_segments(
        source,
        company=company,
        item=item,
        period_end=end,
        revenue=sales,
        announced=announced,
        policy=options.policy,
    )


def _first_said(
    source: Source, company: pd.Series[str], end: np.ndarray, item: pd.Series[str], sales: np.ndarray
) -> None:
    """Corrections (a higher update_flag) have no day of their own: using them from the first day would look ahead.

    The flag is of the row, not of the report: a product that only a flagged row names has no earlier figure.
    """
    account = source.account
    rows = pd.DataFrame({"company": company, "end": end, "item": clean_names(item), "sales": sales})
    rows["flag"] = np.nan_to_num(source.numbers("update_flag"))
    rows = rows[account.left]
    key = ["company", "end", "item"]
    later = rows["flag"] > rows.groupby(key)["flag"].transform("min")
    said = rows[~later].drop(columns="flag").drop_duplicates()
    same = rows.merge(said, how="left", indicator=True)["_merge"].to_numpy() == "both"
    account.merge(rows.index[later & same].to_numpy(), "the same row again")
    account.reject(
        rows.index[later].to_numpy(),
        "a later correction (update_flag) without its day: the first figures stand",
    )
    alone = ~later & (rows["flag"] > 0)
    account.change(rows.index[alone].to_numpy(), "a correction (update_flag) whose first figure is not there")


def _index_weights(source: Source | None, options: TushareOptions, notes: list[str]) -> pd.DataFrame:
    if source is None:
        return pd.DataFrame()
    source.require("index_code", "con_code", "trade_date", "weight")
    account = source.account
    index, company = source.text("index_code"), source.shares("con_code")
    day, weight = source.days("trade_date"), source.numbers("weight")
    rows = pd.DataFrame({"index": index, "company": company, "day": day, "weight": weight})
    account.reject((index == "").to_numpy(), "no index code")
    account.reject((company == "").to_numpy(), "company code of no known exchange")
    account.reject(np.isnat(day), "no date")
    account.reject((weight < 0) | (weight > 100), "weight outside 0 to 100 percent")
    merge_repeats(account, rows, ["index", "company", "day"])
    lists = rows[account.left].groupby(["index", "day"])["weight"]
    total = lists.transform("sum")
    torn = (total - 100).abs() > _WHOLE
    torn &= lists.transform(lambda weights: weights.notna().all())
    account.reject(
        total.index[torn].to_numpy(),
        "its list is not whole: the weights of that day miss 100 percent by more than 5",
    )
    used = rows[account.left]
    for code, days in used.groupby("index")["day"]:
        gaps = np.diff(np.unique(days.to_numpy().astype("datetime64[D]"))).astype(int)
        if len(gaps) and gaps.max() > 62:
            notes.append(
                f"index_weight of {code} has a gap of {gaps.max()} days: the list before it is carried on"
            )
    names = used["index"].map(lambda code: options.universes.get(code, code)).astype("str")
    return spans_of_lists(names, used["company"], used["day"].to_numpy(), used["weight"].to_numpy() / 100)


def _boards(source: Source | None, options: TushareOptions, notes: list[str]) -> pd.DataFrame:
    if source is None:
        return pd.DataFrame()
    source.require("ts_code", "con_code")
    account = source.account
    board, company = source.text("ts_code"), source.shares("con_code")
    nowhere = np.full(len(source), np.datetime64("NaT", "D"))
    begin = source.days("in_date") if source.has("in_date") else nowhere.copy()
    end = source.days("out_date") if source.has("out_date") else nowhere
    if options.ths_from is None and len(source) and np.isnat(begin).any():
        raise DatasetError(
            f"{source.files[0]} has members without in_date, so it says who belongs to a board on the day it was asked "
            "for; say which day that was with --ths-from (earlier use would be look-ahead)"
        )
    account.reject((board == "").to_numpy(), "no board code")
    account.reject((company == "").to_numpy(), "no A-share: a board's member on another market")
    if options.ths_from is not None:
        account.change(np.isnat(begin), f"member from {options.ths_from}, the day it was asked for")
        begin = np.where(np.isnat(begin), options.ths_from, begin)
        notes.append(f"boards of ths_member without in_date hold from {options.ths_from} on")
    if source.has("is_new"):
        gone = (source.text("is_new").str.upper() == "N").to_numpy() & np.isnat(end)
        account.reject(gone, "no longer a member (is_new N), and no day since when")
    account.reject(end <= begin, "out_date is not after in_date")
    rows = pd.DataFrame({"board": board, "company": company, "begin": begin, "end": end})
    places = np.flatnonzero(account.left)
    account.merge(places[rows.iloc[places].duplicated().to_numpy()], "the same row again")
    ordered = rows[account.left].sort_values(["board", "company", "begin"])
    before = ordered.groupby(["board", "company"])["end"].shift()
    follows = ordered.duplicated(["board", "company"])
    overlap = follows & (before.isna() | (before > ordered["begin"]))
    account.reject(ordered.index[overlap].to_numpy(), "overlaps an earlier membership of the same board")
    used = rows[account.left]
    return pd.DataFrame(
        {
            "universe": used["board"].map(lambda code: options.universes.get(code, code)).astype("str"),
            "company_id": used["company"],
            "valid_from": iso(used["begin"].to_numpy().astype("datetime64[D]")),
            "valid_to": iso(used["end"].to_numpy().astype("datetime64[D]")),
            "weight": np.nan,
        }
    )


def _bars(
    daily: Source, factors: Source | None, basic: Source | None, calendar: Source | None, notes: list[str]
) -> pd.DataFrame:
    daily.require("ts_code", "trade_date", *PRICES, "vol")
    day = daily.days("trade_date")
    bars = pd.DataFrame({"date": day.astype("datetime64[s]"), "company_id": daily.shares("ts_code")})
    for name in PRICES:
        bars[name] = daily.numbers(name)
    amount = daily.numbers("amount") * 1000 if daily.has("amount") else None
    if amount is None:
        notes.append(f"daily has no amount: nothing confirms that vol is in lots of {LOT} shares")
    bars["volume"], bars["vwap"] = traded_shares(daily, bars, daily.numbers("vol"), amount, LOT)
    if calendar is not None:
        _closed_days(daily, day, calendar)
    settle_prices(daily, bars)
    bars = bars[daily.account.left].reset_index(drop=True)
    notes += same_bars(bars)
    if factors is None:
        notes.append("no adj_factor: returns over a dividend or a split will be wrong")
    else:
        factors.require("ts_code", "trade_date", "adj_factor")
        columns = {"adj_factor": factors.numbers("adj_factor")}
        bars = join(bars, factors, factors.shares("ts_code"), factors.days("trade_date"), columns)
        _tell_gaps(bars, "adj_factor", notes)
    if basic is None:
        notes.append("no daily_basic: market_cap is empty")
        bars["market_cap"] = np.nan
    else:
        basic.require("ts_code", "trade_date", "total_mv")
        columns = {"market_cap": basic.numbers("total_mv") * 10_000}
        ids, days = basic.shares("ts_code"), basic.days("trade_date")
        bars = join(bars, basic, ids, days, columns, _valuation(basic))
        _tell_gaps(bars, "market_cap", notes)
    bars["tradable"] = (bars["volume"] > 0).to_numpy()
    return finish_bars(bars)


def _valuation(basic: Source) -> dict[str, np.ndarray]:
    """float_cap in yuan and book_to_price of each row, as far as the answer has them.

    Free float is `free_share` (ten thousand shares) at the close where it is given, else all listed A shares,
    `circ_mv`. A `pb` below 0 is negative book value and stays so; one that is empty or 0 says nothing.
    """
    found: dict[str, np.ndarray] = {}
    if basic.has("free_share") and basic.has("close"):
        found["float_cap"] = basic.numbers("free_share") * basic.numbers("close") * 10_000
    elif basic.has("circ_mv"):
        found["float_cap"] = basic.numbers("circ_mv") * 10_000
    if "float_cap" in found:
        found["float_cap"] = np.where(found["float_cap"] > 0, found["float_cap"], np.nan)
    if basic.has("pb"):
        pb = basic.numbers("pb")
        found["book_to_price"] = np.divide(
            1.0, pb, out=np.full(len(pb), np.nan), where=(pb != 0) & ~np.isnan(pb)
        )
    return found


def _tell_gaps(bars: pd.DataFrame, column: str, notes: list[str]) -> None:
    empty = int(bars[column].isna().sum())
    if empty:
        notes.append(f"{empty:,} of {len(bars):,} bars have no {column}: it is empty there")


def _closed_days(daily: Source, day: np.ndarray, calendar: Source) -> None:
    calendar.require("cal_date", "is_open")
    days, is_open = calendar.days("cal_date"), calendar.numbers("is_open")
    calendar.account.reject(np.isnat(days), "no date")
    rows = pd.DataFrame({"day": days, "open": is_open})
    if calendar.has("exchange"):
        rows["exchange"] = calendar.text("exchange")
    merge_repeats(calendar.account, rows, ["day", "exchange"] if "exchange" in rows else ["day"])
    used = rows[calendar.account.left]
    opened = used.groupby("day")["open"].max()  # one exchange that is open is enough
    closed = opened.index[opened == 0].to_numpy().astype("datetime64[D]")
    daily.account.reject(np.isin(day, closed), "no trading day by trade_cal")


def _benchmarks(source: Source, options: TushareOptions) -> pd.DataFrame:
    source.require("ts_code", "trade_date", "close")
    account = source.account
    code, day, close = source.text("ts_code"), source.days("trade_date"), source.numbers("close")
    rows = pd.DataFrame({"benchmark": code, "date": iso(day), "close": close})
    account.reject((code == "").to_numpy(), "no index code")
    account.reject(
        (code.str.len() > LONGEST_NAME).to_numpy(), f"index code longer than {LONGEST_NAME} characters"
    )
    account.reject(np.isnat(day), "no date")
    account.reject(np.isnan(close) | (close <= 0), "close is empty or not above 0")
    merge_repeats(account, rows, ["benchmark", "date"])
    rows["benchmark"] = rows["benchmark"].map(lambda name: options.universes.get(name, name)).astype("str")
    return rows[account.left].sort_values(["benchmark", "date"], ignore_index=True)
