"""Small made tables whose every day is different, for tests that load them and ask as of many days."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from oracles.sells import day as as_day

from samgraph.graph.dataset.folder import Dataset

FIRST, LAST = dt.date(2020, 1, 1), dt.date(2023, 12, 31)


def write(root: Path, tables: dict[str, list[dict]]) -> Dataset:
    root.mkdir()
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(root / f"{name}.csv", index=False)
    return Dataset(root)


class Economy:
    """Made tables: reports that are late, restated and stale, explicit intervals, parents and members that change."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.companies = [f"c{i}" for i in range(6)]
        self.products = [f"p{i}" for i in range(9)]
        self.tables: dict[str, list[dict]] = {
            "companies": [{"company_id": name, "name": name} for name in self.companies],
            "products": self.taxonomy("product_id", self.products),
            "industries": [
                {"industry_id": f"i{i}", "name": f"i{i}", "parent_id": "i0" if i else ""} for i in range(4)
            ],
            "company_industries": self.spans("industry_id", [f"i{i}" for i in range(1, 4)]),
            "universes": [{"universe": u, **row} for u in ("U", "V") for row in self.spans(None, [])],
            "segments": [],
        }
        for company in self.companies[:4]:
            self.tables["segments"] += self.reports(company)
        self.tables["segments"] += self.explicit(self.companies[4])  # and the last company never reports

    def a_day(self, low: dt.date = FIRST, high: dt.date = LAST) -> dt.date:
        return low + dt.timedelta(days=int(self.rng.integers(0, (high - low).days + 1)))

    def turns(self, count: int) -> list[dt.date]:
        return sorted({self.a_day() for _ in range(count)})

    def taxonomy(self, key: str, ids: list[str]) -> list[dict]:
        rows = []
        for number, name in enumerate(ids):
            ends = [None, *self.turns(int(self.rng.integers(0, 3))), None]
            for first, end in itertools.pairwise(ends):
                parent = ids[self.rng.integers(0, number)] if number and self.rng.random() < 0.8 else ""
                rows.append(
                    {key: name, "name": name, "parent_id": parent, "valid_from": first, "valid_to": end}
                )
        return rows

    def spans(self, key: str | None, values: list[str]) -> list[dict]:
        rows = []
        for company in self.companies:
            turns = self.turns(int(self.rng.integers(2, 6)))
            for number, first in enumerate(turns[:-1]):
                if self.rng.random() < 0.7:
                    last = number == len(turns) - 2 and self.rng.random() < 0.5
                    row = {
                        "company_id": company,
                        "valid_from": first,
                        "valid_to": None if last else turns[number + 1],
                    }
                    rows.append(row | ({key: values[self.rng.integers(len(values))]} if key else {}))
        return rows

    def report(self, company: str, period_end: dt.date, announced_on: dt.date) -> list[dict]:
        chosen = self.rng.choice(self.products, size=int(self.rng.integers(1, 5)), replace=False)
        weights = self.rng.dirichlet(np.ones(len(chosen))) * self.rng.uniform(0.5, 1)
        return [
            {"company_id": company, "product_id": str(product), "weight": round(float(weight), 6),
             "period_end": period_end, "announced_on": announced_on, "valid_from": None, "valid_to": None}
            for product, weight in zip(chosen, weights, strict=True)
        ]  # fmt: skip

    def reports(self, company: str) -> list[dict]:
        rows = []
        for half_year in pd.date_range("2019-06-30", "2023-06-30", freq="6ME").date:
            if self.rng.random() < 0.6:  # gaps, so that reports become stale
                announced = {half_year + dt.timedelta(days=int(self.rng.integers(5, 120)))}
                if self.rng.random() < 0.4:  # a restatement, perhaps after the next report
                    announced.add(half_year + dt.timedelta(days=int(self.rng.integers(121, 500))))
                for announced_on in announced:
                    rows += self.report(company, half_year, announced_on)
        return rows

    def explicit(self, company: str) -> list[dict]:
        turns = self.turns(4)
        return [
            {"company_id": company, "product_id": self.products[number], "weight": 0.5, "period_end": None,
             "announced_on": None, "valid_from": first, "valid_to": end}
            for number, (first, end) in enumerate(zip(turns, [*turns[1:], None], strict=True))
        ]  # fmt: skip

    def days(self) -> list[dt.date]:
        """The days around every date of the tables, and the days around every date at which a report expires."""
        dates = set()
        for rows in self.tables.values():
            for row in rows:
                dates |= {as_day(row.get(name)) for name in ("valid_from", "valid_to", "announced_on")}
                if (end := as_day(row.get("period_end"))) is not None:
                    dates.add((pd.Timestamp(end) + pd.DateOffset(months=18)).date())
        around = {day + dt.timedelta(days=shift) for day in dates if day for shift in (-1, 0, 1)}
        return sorted(day for day in around if FIRST <= day <= LAST)


def valid(rows: list[dict], day: dt.date) -> list[dict]:
    lower, upper = dt.date.min, dt.date.max
    return [
        row
        for row in rows
        if (as_day(row["valid_from"]) or lower) <= day < (as_day(row["valid_to"]) or upper)
    ]
