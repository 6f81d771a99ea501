"""The made dataset of the graph's benchmark: `python benchmarks/graph_data.py DIR [--seed N] [--share 1]`.

5,000 companies that report 40 half-years, five products each, are 1,000,000 segment versions of which about 25,000
hold on one date; 10,000 products stand in 12 levels. A report comes out 30 to 90 days after its period. `--share 0.25`
makes that part of the companies (the products stay); `--bars` adds so many rows of prices. `market` makes a part of a
full market instead: 5,500 companies that report 78 quarters, seven products each of 30,000 (3,003,000 versions), in
one universe.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

COMPANIES, PRODUCTS, LEVELS, HALF_YEARS, SOLD = 5_000, 10_000, 12, 40, 5
MARKET_COMPANIES, MARKET_PRODUCTS, QUARTERS, MARKET_SOLD = 5_500, 30_000, 78, 7
FIRST_YEAR = 2004
UNIVERSE = "market"
KEPT = 0.9
"""Chance that a company still sells a product in its next report."""


def write(folder: Path, *, seed: int = 0, share: float = 1.0, bars: int = 0) -> Path:
    """Write the tables as Parquet."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    n_companies = round(COMPANIES * share)
    companies = np.array([f"C{number:06d}" for number in range(n_companies)], dtype=object)
    frame = pd.DataFrame({"company_id": companies, "name": [f"Company {name[1:]}" for name in companies]})
    frame.to_parquet(folder / "companies.parquet", index=False)
    products(rng).to_parquet(folder / "products.parquet", index=False)
    segments(rng, companies).to_parquet(folder / "segments.parquet", index=False)
    if bars:
        prices(rng, companies, bars).to_parquet(folder / "bars.parquet", index=False)
    return folder


def market(folder: Path, *, share: float = 1.0, days: int = 0, seed: int = 0) -> Path:
    """Write a part of a full market: that share of its companies and products; bars of so many days."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    companies = np.array(
        [f"C{number:06d}" for number in range(round(MARKET_COMPANIES * share))], dtype=object
    )
    n_products = round(MARKET_PRODUCTS * share)
    named = pd.DataFrame({"company_id": companies, "name": [f"Company {name[1:]}" for name in companies]})
    named.to_parquet(folder / "companies.parquet", index=False)
    products(rng, n_products).to_parquet(folder / "products.parquet", index=False)
    begin = np.datetime64(f"{FIRST_YEAR}-01-01", "s")
    member = pd.DataFrame(
        {"universe": UNIVERSE, "company_id": companies, "valid_from": begin, "valid_to": pd.NaT}
    )
    member.astype({"valid_to": "datetime64[s]"}).to_parquet(folder / "universes.parquet", index=False)
    frame = segments(rng, companies, n_products, QUARTERS, MARKET_SOLD, months=3)
    frame.to_parquet(folder / "segments.parquet", index=False)
    if days:
        prices(rng, companies, days * len(companies)).to_parquet(folder / "bars.parquet", index=False)
    return folder


def products(rng: np.random.Generator, count: int = PRODUCTS) -> pd.DataFrame:
    """Products, eight roots or fewer, in twelve levels that grow by three quarters each."""
    sizes = 8 * 1.75 ** np.arange(LEVELS)
    bounds = np.round(np.cumsum(sizes) / sizes.sum() * count).astype(int)
    ids = np.array([f"P{number:06d}" for number in range(count)], dtype=object)
    parent = np.full(count, None, dtype=object)
    for level in range(1, LEVELS):
        above = bounds[level - 2] if level > 1 else 0
        here = np.arange(bounds[level - 1], bounds[level])
        parent[here] = ids[rng.integers(above, bounds[level - 1], len(here))]
    return pd.DataFrame(
        {"product_id": ids, "name": [f"Product {one[1:]}" for one in ids], "parent_id": parent}
    )


def segments(
    rng: np.random.Generator,
    companies: np.ndarray,
    n_products: int = PRODUCTS,
    periods: int = HALF_YEARS,
    n_sold: int = SOLD,
    *,
    months: int = 6,
) -> pd.DataFrame:
    """Reports in the order of companies and periods; one product in ten changes from report to report."""
    n = len(companies)
    sold = np.empty((n, periods, n_sold), dtype=np.int64)
    sold[:, 0] = np.argsort(rng.random((n, 60)), axis=1)[:, :n_sold] * (n_products // 60) + rng.integers(
        0, n_products // 60, (n, n_sold)
    )
    for period in range(1, periods):
        fresh = rng.integers(0, n_products, (n, n_sold))
        now = np.where(rng.random((n, n_sold)) < KEPT, sold[:, period - 1], fresh)
        ordered = np.sort(now, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        now[twice] = sold[twice, period - 1]
        sold[:, period] = now
    weight = np.floor(rng.dirichlet(np.full(n_sold, 2.0), (n, periods)) * 1e4) / 1e4
    first = np.datetime64(f"{FIRST_YEAR}-01", "M")
    ends = (first + months * np.arange(1, periods + 1)).astype("datetime64[D]") - 1
    announced = ends[None, :] + rng.integers(30, 91, (n, periods)).astype("timedelta64[D]")
    ids = np.array([f"P{number:06d}" for number in range(n_products)], dtype=object)
    return pd.DataFrame(
        {
            "company_id": np.repeat(companies, periods * n_sold),
            "product_id": ids[sold.ravel()],
            "period_end": np.tile(np.repeat(ends, n_sold), n).astype("datetime64[s]"),
            "announced_on": np.repeat(announced.ravel(), n_sold).astype("datetime64[s]"),
            "weight": weight.ravel(),
        }
    )


def prices(rng: np.random.Generator, companies: np.ndarray, rows: int) -> pd.DataFrame:
    """`rows` daily bars of these companies, by day."""
    days = pd.bdate_range("2015-01-01", periods=-(-rows // len(companies))).to_numpy().astype("datetime64[s]")
    close = np.round(np.exp(rng.normal(2.5, 0.5, rows)), 2) + 1
    return pd.DataFrame(
        {
            "date": np.repeat(days, len(companies))[:rows],
            "company_id": np.tile(companies, len(days))[:rows],
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": rng.integers(1_000, 1_000_000, rows).astype(float),
            "market_cap": close * 1e8,
            "adj_factor": 1.0,
        }
    )


def main() -> None:
    """Write it where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--bars", type=int, default=0)
    given = parser.parse_args()
    print(write(given.folder, seed=given.seed, share=given.share, bars=given.bars))


if __name__ == "__main__":
    main()
