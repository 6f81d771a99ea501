"""A small dataset that is right in everything, to be changed and written by tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

Rows = list[dict[str, Any]]


def tables() -> dict[str, Rows]:
    """Six products in three levels (one moved in 2022), three companies, two years of reports, all tables."""
    return {
        "products": [
            product("root", None),
            product("energy", "root"),
            product("battery", "energy"),
            product("cell", "energy", valid_to="2022-01-01"),
            product("cell", "battery", valid_from="2022-01-01"),
            product("solar", "energy"),
            product("food", None),
        ],
        "product_links": [
            {
                "supplier_id": "cell",
                "customer_id": "battery",
                "weight": "0.4",
                "valid_from": "",
                "valid_to": "",
            },
            {"supplier_id": "solar", "customer_id": "food", "weight": "", "valid_from": "", "valid_to": ""},
        ],
        "companies": [
            {
                "company_id": "A",
                "name": "Alpha",
                "exchange": "SH",
                "listed_on": "2010-01-04",
                "delisted_on": "",
            },
            {
                "company_id": "B",
                "name": "Beta",
                "exchange": "SZ",
                "listed_on": "2011-01-04",
                "delisted_on": "2023-05-05",
            },
            {"company_id": "C", "name": "Gamma", "exchange": "", "listed_on": "", "delisted_on": ""},
        ],
        "segments": [
            report("A", "battery", "2020-12-31", "2021-03-30", 0.6),
            report("A", "solar", "2020-12-31", "2021-03-30", 0.4),
            report("A", "battery", "2021-06-30", "2021-08-20", 0.9),
            report("A", "battery", "2021-06-30", "2021-10-08", 0.7),
            report("A", "cell", "2021-06-30", "2021-10-08", 0.2),
            report("B", "food", "2020-12-31", "2021-04-28", 1.0),
            report("B", "food", "2021-12-31", "2022-04-28", 0.5),
            report("B", "solar", "2021-12-31", "2022-04-28", 0.5),
            span("C", "cell", "2021-01-01", "2021-09-01", 0.8),
            span("C", "cell", "2021-09-01", "", 0.3),
            span("C", "food", "2021-09-01", "", 0.7),
        ],
        "industries": [
            {"industry_id": "I1", "name": "one", "parent_id": ""},
            {"industry_id": "I11", "name": "one one", "parent_id": "I1"},
            {"industry_id": "I2", "name": "two", "parent_id": ""},
        ],
        "company_industries": [
            {"company_id": "A", "industry_id": "I11", "valid_from": "2020-01-01", "valid_to": "2021-07-01"},
            {"company_id": "A", "industry_id": "I2", "valid_from": "2021-07-01", "valid_to": ""},
            {"company_id": "B", "industry_id": "I2", "valid_from": "2020-01-01", "valid_to": ""},
        ],
        "universes": [
            member("U", "A", "2020-01-02", "2021-06-01", "0.5"),
            member("U", "A", "2021-12-01", "", "0.25"),
            member("U", "B", "2020-01-02", "", ""),
            member("V", "B", "2020-01-02", "", ""),
        ],
        "bars": [
            bar(day, company)
            for day in ("2021-03-29", "2021-03-30", "2021-03-31", "2021-04-06")
            for company in "ABC"
        ],
        "benchmarks": [
            {"benchmark": "U", "date": day, "close": "100.5"}
            for day in ("2021-03-29", "2021-03-30", "2021-03-31")
        ],
    }


def product(
    product_id: str, parent_id: str | None, valid_from: str = "", valid_to: str = ""
) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "name": f"name of {product_id}",
        "parent_id": parent_id or "",
        "valid_from": valid_from,
        "valid_to": valid_to,
    }


def report(
    company: str, product_id: str, period_end: str, announced_on: str, weight: float
) -> dict[str, Any]:
    return _segment(company, product_id, weight, period_end=period_end, announced_on=announced_on)


def span(company: str, product_id: str, valid_from: str, valid_to: str, weight: float) -> dict[str, Any]:
    return _segment(company, product_id, weight, valid_from=valid_from, valid_to=valid_to)


def _segment(company: str, product_id: str, weight: float, **dates: str) -> dict[str, Any]:
    names = ("period_end", "announced_on", "valid_from", "valid_to")
    row = {"company_id": company, "product_id": product_id, **{name: dates.get(name, "") for name in names}}
    return row | {"weight": repr(weight), "revenue": ""}


def theme(company: str, product_id: str, valid_from: str, valid_to: str = "") -> dict[str, Any]:
    dates = {"period_end": "", "announced_on": "", "valid_from": valid_from, "valid_to": valid_to}
    row = {"company_id": company, "product_id": product_id, **dates}
    return row | {"weight": "", "revenue": "", "kind": "theme"}


def member(universe: str, company: str, valid_from: str, valid_to: str, weight: str) -> dict[str, Any]:
    return {
        "universe": universe,
        "company_id": company,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "weight": weight,
    }


def bar(day: str, company: str, **changes: str) -> dict[str, Any]:
    row = {"date": day, "company_id": company, "open": "10", "high": "11", "low": "9", "close": "10.5"}
    return row | {"volume": "1000", "market_cap": "5000000", "adj_factor": "1.5"} | changes


def write(folder: Path, content: dict[str, Rows]) -> Path:
    """Write tables as CSV; one without rows or given as None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in content.items():
        if rows:
            pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return folder


def rewrite(folder: Path, content: dict[str, Rows]) -> Path:
    """Write tables as CSV in place of those that the folder holds."""
    for file in folder.glob("*.csv"):
        file.unlink()
    return write(folder, content)
