"""Daily prices of U.S. tickers beside an import that has none: CSV, JSON lines, Parquet, or a Qlib folder.

A table has the columns date, open, high, low, close, volume and ticker (or symbol); without a ticker each file is
called by it (`AAPL.csv`). Prices are as traded; `adj_close`, or `adj_factor`, says what dividends and splits make of
them. Every company is kept: one without a product report is part of its market all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from samgraph.errors import DatasetError
from samgraph.importers.coverage import coverage
from samgraph.importers.prices import PRICES, finish_bars, settle_prices
from samgraph.importers.qlib import QlibOptions, import_qlib
from samgraph.importers.reading import ENDINGS, Source, read
from samgraph.importers.writing import Imported
from samgraph.words import many

_TICKER = ("ticker", "symbol", "company_id")
_OPTIONAL = ("vwap", "amount", "market_cap", "float_cap", "book_to_price")


@dataclass(frozen=True)
class Prices:
    """Tables bars and perhaps universes and benchmarks, with their coverage, notes and files."""

    tables: dict[str, pd.DataFrame]
    coverage: pd.DataFrame
    notes: tuple[str, ...]
    files: tuple[Path, ...]


def read_prices(path: Path) -> Prices:
    """Read a file, a folder of files, or a Qlib folder.

    Raises:
        DatasetError: there is none, a column is missing, a cell cannot be read, or no row can be used
    """
    if (path / "calendars").is_dir():
        made = import_qlib(path, QlibOptions())
        wanted: tuple[str, ...] = ("bars", "universes", "benchmarks")
        tables = {name: made.tables[name] for name in wanted if name in made.tables}
        return Prices(tables, made.coverage, made.notes, made.files)
    files = _files(path)
    source = read("prices", files)
    bars = _bars(source)
    settle_prices(source, bars)
    used = finish_bars(bars[source.account.left].reset_index(drop=True))
    return Prices({"bars": used}, coverage([source.account]), _notes(used), tuple(files))


def with_prices(made: Imported, prices: Prices) -> Imported:
    """The import with prices beside it; companies that only prices name are called by their ids.

    Raises:
        DatasetError: no company has both prices and a row of the import
    """
    tables = {**made.tables, **prices.tables}
    companies, priced = made.tables["companies"], set(tables["bars"]["company_id"])
    both = priced & set(companies["company_id"])
    if not both:
        raise DatasetError(
            f"none of the {many(len(priced), 'company')} with prices ({', '.join(sorted(priced)[:3])}, ...) is one of "
            f"the {len(companies):,} of the import ({', '.join(companies['company_id'][:3])}, ...); name their tickers "
            "with --tickers"
        )
    named = [set(one["company_id"]) for name, one in prices.tables.items() if "company_id" in one]
    others = sorted(set().union(*named) - set(companies["company_id"]))
    more = pd.DataFrame({"company_id": others, "name": others})
    tables["companies"] = pd.concat([companies, more], ignore_index=True).fillna("")
    return replace(
        made,
        tables=tables,
        coverage=pd.concat([made.coverage, prices.coverage], ignore_index=True),
        notes=(
            *made.notes,
            f"with prices: {many(len(both), 'company')} of the filings, by today's tickers; what traded under a ticker "
            "before its company had it is taken for that company's",
            *prices.notes,
        ),
        files=(*made.files, *prices.files),
    )


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(one for one in path.iterdir() if one.name.endswith(ENDINGS)) if path.is_dir() else []
    if not found:
        raise DatasetError(
            f"{path} holds no prices; name a CSV or Parquet file, a folder of them, or a Qlib folder (calendars/, "
            "instruments/, features/)"
        )
    return found


def _bars(source: Source) -> pd.DataFrame:
    """The rows as bars, settled or not."""
    source.require("date", *PRICES, "volume")
    ticker = next((name for name in _TICKER if source.has(name)), None)
    company = (source.stem() if ticker is None else source.text(ticker)).str.upper()
    source.account.reject((company == "").to_numpy(), "no ticker")
    table = {name: source.numbers(name) for name in (*PRICES, "volume")}
    table |= {name: source.numbers(name) for name in _OPTIONAL if source.has(name)}
    if "market_cap" not in table:
        table["market_cap"] = np.full(len(source), np.nan)
    if source.has("adj_factor"):
        table["adj_factor"] = source.numbers("adj_factor")
    elif source.has("adj_close"):
        with np.errstate(divide="ignore", invalid="ignore"):
            table["adj_factor"] = source.numbers("adj_close") / table["close"]
    if "adj_factor" in table:
        wrong = ~(np.isfinite(table["adj_factor"]) & (table["adj_factor"] > 0))
        source.account.reject(wrong, "adjustment is empty or not above 0")
    bars = pd.DataFrame({"date": source.days("date").astype("datetime64[s]"), "company_id": company, **table})
    return bars.assign(tradable=(table["volume"] > 0))


def _notes(bars: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    if "adj_factor" not in bars:
        notes.append(
            "prices have no adjustment (adj_close or adj_factor): a split or dividend is a fall of the price"
        )
    if bars["market_cap"].isna().all():
        notes.append("market_cap is empty: nothing can be weighed by size or made neutral to it")
    return tuple(notes)
