"""The made dataset of the graph's benchmark: `python benchmarks/graph_data.py DIR [--seed N] [--share 1]`.

5,000 companies that report 40 half-years, five products each, are 1,000,000 segment versions of which about 25,000
hold on one date; 10,000 products stand in 12 levels. A report comes out 30 to 90 days after its period. `--share 0.25`
makes that part of the companies (the products stay); `--bars` adds so many rows of prices.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

COMPANIES, PRODUCTS, LEVELS, HALF_YEARS, SOLD = 5_000, 10_000, 12, 40, 5
FIRST_YEAR = 2004
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


def products(rng: np.random.Generator) -> pd.DataFrame:
    """10,000 products, eight roots, twelve levels that grow by half each."""
    sizes = 8 * 1.75 ** np.arange(LEVELS)
    bounds = np.round(np.cumsum(sizes) / sizes.sum() * PRODUCTS).astype(int)
    ids = np.array([f"P{number:06d}" for number in range(PRODUCTS)], dtype=object)
    parent = np.full(PRODUCTS, None, dtype=object)
    for level in range(1, LEVELS):
        above = bounds[level - 2] if level > 1 else 0
        here = np.arange(bounds[level - 1], bounds[level])
        parent[here] = ids[rng.integers(above, bounds[level - 1], len(here))]
    return pd.DataFrame(
        {"product_id": ids, "name": [f"Product {one[1:]}" for one in ids], "parent_id": parent}
    )


def segments(rng: np.random.Generator, companies: np.ndarray) -> pd.DataFrame:
    """Reports in the order of companies and periods; one product in ten changes from report to report."""
    n = len(companies)
    sold = np.empty((n, HALF_YEARS, SOLD), dtype=np.int64)
    sold[:, 0] = np.argsort(rng.random((n, 60)), axis=1)[:, :SOLD] * (PRODUCTS // 60) + rng.integers(
        0, PRODUCTS // 60, (n, SOLD)
    )
    for period in range(1, HALF_YEARS):
        fresh = rng.integers(0, PRODUCTS, (n, SOLD))
        now = np.where(rng.random((n, SOLD)) < KEPT, sold[:, period - 1], fresh)
        ordered = np.sort(now, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        now[twice] = sold[twice, period - 1]
        sold[:, period] = now
    weight = np.floor(rng.dirichlet(np.full(SOLD, 2.0), (n, HALF_YEARS)) * 1e4) / 1e4
    ends = (
        pd.to_datetime(
            [
                f"{FIRST_YEAR + period // 2}-{'06-30' if period % 2 == 0 else '12-31'}"
                for period in range(HALF_YEARS)
            ]
        )
        .to_numpy()
        .astype("datetime64[D]")
    )
    announced = ends[None, :] + rng.integers(30, 91, (n, HALF_YEARS)).astype("timedelta64[D]")
    return pd.DataFrame(
        {
            "company_id": np.repeat(companies, HALF_YEARS * SOLD),
            "product_id": np.array([f"P{number:06d}" for number in range(PRODUCTS)], dtype=object)[
                sold.ravel()
            ],
            "period_end": np.tile(np.repeat(ends, SOLD), n).astype("datetime64[s]"),
            "announced_on": np.repeat(announced.ravel(), SOLD).astype("datetime64[s]"),
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
