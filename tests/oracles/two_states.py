"""Two datasets of the same keys and other figures, and what a graph answers that holds one of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
from oracles import dump
from oracles import sells as oracle

PRODUCTS, YEARS = 60, range(2015, 2021)
DAYS = [oracle.day(f"{year}-06-15") for year in range(2016, 2023)]


def write(folder: Path, seed: int, companies: int = 90) -> Path:
    """Reports of the same keys whose weights, and for some years whose products, depend on the seed."""
    rng = random.Random(seed)
    folder.mkdir()
    products = [f"p{n}" for n in range(PRODUCTS)]
    rows = []
    for company in range(companies):
        for year in YEARS:
            for product in rng.sample(products, 6):
                rows.append(
                    (f"c{company}", product, f"{year}-12-31", f"{year + 1}-04-01", rng.randint(1, 16) / 100)
                )
    columns = ["company_id", "product_id", "period_end", "announced_on", "weight"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "segments.csv", index=False)
    tree = [(one, f"{one} of {seed}", "" if one == "p0" else "p0") for one in products]
    pd.DataFrame(tree, columns=["product_id", "name", "parent_id"]).to_csv(
        folder / "products.csv", index=False
    )
    names = [(f"c{company}", f"c{company} of {seed}") for company in range(companies)]
    pd.DataFrame(names, columns=["company_id", "name"]).to_csv(folder / "companies.csv", index=False)
    return folder


def answers(address: Any) -> list[Any]:
    """What every company sells on some days, and what every company is called."""
    with dump.session(address) as s:
        names = s.run("MATCH (c:Company) RETURN DISTINCT last(split(c.name, ' ')) AS n ORDER BY n").value()
    return [names, *(dump.sold(address, day) for day in DAYS)]


def left_over(address: Any) -> int:
    """How many relationships a load that did not end has left."""
    with dump.session(address) as s:
        return (
            s.run(
                "MATCH (l:Ledger) MATCH ()-[r]->() WHERE r.recorded_from > l.committed "
                "OR (r.recorded_to > l.committed AND r.recorded_to.year < 9999) RETURN count(r)"
            )
            .single(strict=True)
            .value()
        )
