"""`samgraph import akshare`: recorded answers of AKShare's functions about A-shares (East Money's pages).

The folder holds answers as the functions return them, one table or a folder of parts for each function:

- `stock_zygc_em` (股票代码, 报告日期, 分类类型, 主营构成, 主营收入 in yuan): revenue by product
- `stock_zh_a_hist` (日期, 股票代码, 开盘, 收盘, 最高, 最低, 成交量 in lots, 成交额 in yuan), asked for with adjust="";
  `stock_zh_a_hist_hfq` is the same function with adjust="hfq", whose ex-days give the adjusting factor (`adjusting`)
- `stock_value_em` (数据日期, 总市值 in yuan), a part a company, called by its code
- `stock_yysj_em` (股票代码, 实际披露时间), a part a period, called by its end: when reports came out
- names and listings: `stock_info_sh_name_code`, `stock_info_sz_name_code`, `stock_info_sh_delist`,
  `stock_info_sz_delist`, `stock_info_a_code_name`

Where an answer does not name its company (as older versions of `stock_zh_a_hist`), the file's name must.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.importers import shares
from samgraph.importers.adjusting import factors
from samgraph.importers.aliases import a_share_conventions
from samgraph.importers.companies import companies_table, listing_days, no_companies
from samgraph.importers.coverage import coverage
from samgraph.importers.names import a_share_ids, clean_names
from samgraph.importers.prices import finish_bars, join, same_bars, settle_prices, traded_shares
from samgraph.importers.reading import Source, needed, optional, parse_day
from samgraph.importers.reports import (
    Announced,
    choose_category,
    no_known_days,
    revenue_segments,
    settle_published,
)
from samgraph.importers.taxonomy import products_table
from samgraph.importers.writing import Imported

LOT = 100  # shares
BY_PRODUCT, BY_INDUSTRY, BY_REGION = "按产品分类", "按行业分类", "按地区分类"
_PRICES = {"open": "开盘", "high": "最高", "low": "最低", "close": "收盘"}
# table -> columns of code, name, listing, delisting
_LISTINGS: dict[str, tuple[str, str, str, str]] = {
    "stock_info_sh_name_code": ("证券代码", "证券简称", "上市日期", ""),
    "stock_info_sz_name_code": ("A股代码", "A股简称", "A股上市日期", ""),
    "stock_info_sh_delist": ("公司代码", "公司简称", "上市日期", "暂停上市日期"),
    "stock_info_sz_delist": ("证券代码", "证券简称", "上市日期", "终止上市日期"),
    "stock_info_a_code_name": ("code", "name", "", ""),
}


@dataclass(frozen=True)
class AkshareOptions:
    """How to read the answers; all as for Tushare."""

    policy: shares.Policy = "residual"
    lag_days: int | None = None
    fallback: Sequence[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


def import_akshare(folder: Path, options: AkshareOptions) -> Imported:
    """Turn recorded answers into a dataset.

    Raises:
        DatasetError: an answer or a column is missing, or a cell cannot be read
    """
    conventions = a_share_conventions(options.aliases)
    business = needed(folder, "stock_zygc_em", conventions)
    sources = [business]
    notes: list[str] = []

    def take(name: str) -> Source | None:
        source = optional(folder, name, conventions)
        if source is not None:
            sources.append(source)
        return source

    firms = _firms({name: source for name in _LISTINGS if (source := take(name)) is not None})
    if firms["delisted_on"].isna().all():
        notes.append(
            "no delisted company is known (stock_info_sh_delist, stock_info_sz_delist): survivors only"
        )
    listed = listing_days(firms)
    published = take("stock_yysj_em")
    announced = Announced(_published(published), listed, options.lag_days)
    notes.append(announced.sentence)
    if not listed:
        notes.append("no listing dates: periods before a listing (from the prospectus) are used too early")
    segments = _segments(business, announced, options, notes)
    tables = {"products": products_table(segments["product_id"], {}), "segments": segments}
    prices = take("stock_zh_a_hist")
    if prices is not None:
        tables["bars"] = _bars(prices, take("stock_zh_a_hist_hfq"), take("stock_value_em"), notes)
    tables["companies"] = companies_table(firms, tables)
    return Imported(
        "akshare",
        tables,
        coverage([source.account for source in sources]),
        notes=tuple(notes),
        options={
            "shares": options.policy,
            "lag_days": options.lag_days,
            "fallback": list(options.fallback),
            "aliases": dict(options.aliases),
        },
        files=tuple(path for source in sources for path in source.files),
    )


def _codes(source: Source, column: str = "股票代码") -> pd.Series[str]:
    """Company ids of the column, or of the files' names where there is none."""
    if source.has(column):
        return source.shares(column)
    return source.succeeded(a_share_ids(source.stem().str.split("_").str[0]))


def _firms(listings: dict[str, Source]) -> pd.DataFrame:
    """company_id, name, listed_on, delisted_on (days); the tables with dates come first."""
    pieces: list[pd.DataFrame] = []
    for table, source in listings.items():
        code, name, begin, end = _LISTINGS[table]
        source.require(code, name)
        ids = _codes(source, code)
        source.account.reject((ids == "").to_numpy(), "company code of no known exchange")
        nowhere = np.full(len(source), np.datetime64("NaT", "D"))
        piece = pd.DataFrame(
            {
                "company_id": ids,
                "name": clean_names(source.text(name)),
                "listed_on": source.days(begin) if begin and source.has(begin) else nowhere,
                "delisted_on": source.days(end) if end and source.has(end) else nowhere,
            }
        )
        source.account.reject(
            (piece["delisted_on"] <= piece["listed_on"]).to_numpy(), "delisted before it was listed"
        )
        seen = pd.concat([one["company_id"] for one in pieces]) if pieces else pd.Series([], dtype="str")
        source.account.merge(
            piece["company_id"].isin(seen).to_numpy(), "the company again: the first table stands"
        )
        places = np.flatnonzero(source.account.left)
        again = piece.iloc[places].duplicated("company_id").to_numpy()
        source.account.merge(places[again], "the company again: the first row stands")
        pieces.append(piece[source.account.left])
    if pieces:
        return pd.concat(pieces, ignore_index=True)
    return no_companies()


def _published(source: Source | None) -> pd.Series[pd.Timestamp]:
    if source is None:
        return no_known_days()
    source.require("股票代码", "实际披露时间")
    account = source.account
    ends = []
    for path in source.files:
        named = parse_day(path.name.split(".")[0].split("_")[-1])
        if named is None or np.isnat(named):
            raise DatasetError(
                f"{path}: the file's name must be the end of the period it is about, such as 20231231.csv"
            )
        ends.append(named)
    end = np.array(ends, dtype="datetime64[D]")[source.part]
    company, day = _codes(source), source.days("实际披露时间")
    account.reject((company == "").to_numpy(), "company code of no known exchange")
    account.ignore(np.isnat(day), "not published yet: no day")
    settle_published(source, "实际披露时间", day, end)
    rows = pd.DataFrame(
        {"company": company, "end": end.astype("datetime64[s]"), "day": day.astype("datetime64[s]")}
    )
    used = rows[account.left].sort_values("day", kind="stable")
    again = used.duplicated(["company", "end"])
    account.merge(used.index[again].to_numpy(), "the report again: the first day stands")
    return used[~again].set_index(["company", "end"])["day"]


def _segments(
    source: Source, announced: Announced, options: AkshareOptions, notes: list[str]
) -> pd.DataFrame:
    source.require("股票代码", "报告日期", "分类类型", "主营构成", "主营收入")
    company, end = _codes(source), source.days("报告日期")
    notes += choose_category(
        source,
        pd.DataFrame({"company": company, "end": end}),
        source.text("分类类型"),
        product=BY_PRODUCT,
        industry=BY_INDUSTRY,
        beside=BY_INDUSTRY,
        others={BY_REGION: BY_REGION},
        fallback=options.fallback,
    )
    return revenue_segments(
        source,
        company=company,
        item=source.text("主营构成"),
        period_end=end,
        revenue=source.numbers("主营收入"),
        announced=announced,
        policy=options.policy,
    )


def _bars(prices: Source, adjusted: Source | None, values: Source | None, notes: list[str]) -> pd.DataFrame:
    prices.require("日期", *_PRICES.values(), "成交量")
    bars = pd.DataFrame({"date": prices.days("日期").astype("datetime64[s]"), "company_id": _codes(prices)})
    for name, column in _PRICES.items():
        bars[name] = prices.numbers(column)
    amount = prices.numbers("成交额") if prices.has("成交额") else None
    if amount is None:
        notes.append(
            f"stock_zh_a_hist has no 成交额: nothing confirms that 成交量 is in lots of {LOT} shares"
        )
    bars["volume"], bars["vwap"] = traded_shares(prices, bars, prices.numbers("成交量"), amount, LOT)
    settle_prices(prices, bars)
    bars = bars[prices.account.left].reset_index(drop=True)
    notes += same_bars(bars)
    if adjusted is None:
        notes.append(
            "no stock_zh_a_hist_hfq: no adj_factor, and returns over a dividend or a split will be wrong"
        )
    else:
        bars = _adjusted(bars, adjusted, notes)
    if values is None:
        notes.append("no stock_value_em: market_cap is empty")
        bars["market_cap"] = np.nan
    else:
        values.require("数据日期", "总市值")
        columns = {"market_cap": values.numbers("总市值")}
        bars = join(bars, values, _codes(values), values.days("数据日期"), columns)
    bars["tradable"] = (bars["volume"] > 0).to_numpy()
    return finish_bars(bars)


def _adjusted(bars: pd.DataFrame, source: Source, notes: list[str]) -> pd.DataFrame:
    """`bars` with adj_factor, out of back-adjusted prices."""
    source.require("日期", "收盘")
    names = [name for name, column in _PRICES.items() if source.has(column)]  # the close is the last of them
    columns = {f"{name}_hfq": source.numbers(_PRICES[name]) for name in names}
    bars = join(bars, source, _codes(source), source.days("日期"), columns)
    bars = bars.sort_values(["company_id", "date"], ignore_index=True)
    factor = np.full(len(bars), np.nan)
    known = bars["close_hfq"].notna().to_numpy()
    for company, places in bars[known].groupby("company_id", sort=False).indices.items():
        rows = np.flatnonzero(known)[places]
        made = factors(bars[names].to_numpy()[rows], bars[list(columns)].to_numpy()[rows])
        if made is None:
            raise DatasetError(
                f"stock_zh_a_hist_hfq of {company}: its ratio to the raw prices drifts from day to day, so no "
                "adjusting factor can be made of it; ask for both answers again, or leave this one out"
            )
        factor[rows] = made
    bars = bars.drop(columns=list(columns)).assign(adj_factor=factor)
    if not known.all():
        notes.append(f"{int((~known).sum()):,} of {len(bars):,} bars have no adj_factor: it is empty there")
    return bars
