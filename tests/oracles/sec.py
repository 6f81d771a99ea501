"""Invented quarters of the SEC's Financial Statement Data Sets, written as the SEC writes them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from samgraph.importers.sec.importing import SecOptions, import_sec
from samgraph.importers.writing import Imported

SUB = "adsh cik name sic fye form period filed accepted prevrpt instance".split()  # noqa: SIM905
NUM = "adsh tag version ddate qtrs uom segments coreg value footnote".split()  # noqa: SIM905
TAG = "tag version custom abstract datatype iord crdr tlabel doc".split()  # noqa: SIM905
GAAP = "us-gaap/2020"
REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"

Tables = dict[str, pd.DataFrame]


def filing(adsh: str, cik: int, filed: str, **more: str) -> dict[str, str]:
    """A row of sub.txt: a 10-K accepted in the morning of the day on which it was filed."""
    day = f"{filed[:4]}-{filed[4:6]}-{filed[6:]}"
    more = {
        "name": f"FIRM {cik} INC", "sic": "3571", "fye": "1231", "form": "10-K", "accepted": f"{day} 10:00:00.0",
        **more,
    }  # fmt: skip
    return {
        "adsh": adsh,
        "cik": str(cik),
        "filed": filed,
        "period": "",
        "prevrpt": "0",
        "instance": "x.xml",
        **more,
    }


def fact(adsh: str, product: str, year: int, value: float | str, **more: str) -> dict[str, str]:
    """A row of num.txt: a fiscal year's revenue of a product, or the consolidated one ("")."""
    segments = f"ProductOrService={product};" if product else ""
    row = {
        "tag": REVENUE,
        "version": GAAP,
        "ddate": f"{year}1231",
        "qtrs": "4",
        "uom": "USD",
        "segments": segments,
    }
    return {
        "adsh": adsh,
        "coreg": "",
        "value": f"{value:.4f}" if value != "" else "",
        "footnote": 'a "note',
        **row,
        **more,
    }


def facts(
    adsh: str, year: int, total: float | None, products: dict[str, float], **more: str
) -> list[dict[str, str]]:
    """A year's consolidated revenue (unless None) and that of products."""
    whole = [] if total is None else [fact(adsh, "", year, total, **more)]
    return whole + [fact(adsh, product, year, value, **more) for product, value in products.items()]


def tag(name: str, version: str = GAAP, crdr: str = "C") -> dict[str, str]:
    """A row of tag.txt."""
    return {"tag": name, "version": version, "custom": "0", "abstract": "0", "datatype": "monetary", "iord": "D",
            "crdr": crdr, "tlabel": name, "doc": 'Says "so'}  # fmt: skip


def tables(
    sub: Sequence[dict[str, str]], num: Sequence[dict[str, str]], tags: Sequence[dict[str, str]] = ()
) -> Tables:
    """A quarter's tables."""
    return {
        "sub": pd.DataFrame(sub, columns=SUB, dtype="str"),
        "num": pd.DataFrame(num, columns=NUM, dtype="str"),
        "tag": pd.DataFrame([tag(REVENUE), *tags], columns=TAG, dtype="str"),
    }


def put(folder: Path, name: str, quarter: Tables, **more: Any) -> Path:
    """Write a quarter as folder/name.zip."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w", **{"compression": zipfile.ZIP_DEFLATED, **more}) as archive:
        for one, frame in quarter.items():
            rows = [frame.columns, *frame.astype("str").itertuples(index=False)]
            text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
            archive.writestr(zipfile.ZipInfo(f"{one}.txt"), text, compress_type=archive.compression)
        archive.writestr("readme.htm", "<html>")
    return path


def brought(folder: Path, **options: Any) -> Imported:
    """The import of a folder, with a cache beside it."""
    return import_sec(folder, folder.parent / f"{folder.name}-cache", SecOptions(**options))


def shares(made: Imported) -> dict[tuple[str, str, str], dict[str, float]]:
    """Weights by product, of each company, fiscal year and day of publication."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in made.tables["segments"].itertuples(index=False):
        key = (row.company_id.lstrip("0"), row.period_end[:4], row.announced_on)
        found.setdefault(key, {})[row.product_id] = row.weight
    return found


def years() -> dict[str, Tables]:
    """Three quarters with what filings do: hidden totals, eliminations, an amendment, restatements, double counting."""
    acme = "0000000001-21-000001"
    first = [
        *facts(acme, 2020, 1000, {"Cameras": 600, "Lenses": 300, "Imaging": 900, "Other": 100}),
        *facts(acme, 2019, 800, {"Cameras": 400, "Lenses": 300, "Imaging": 700, "Other": 100}),
        fact(acme, "Cameras", 2020, 600),  # the same row again
        fact(acme, "", 2020, 333, segments="ProductOrService=Cameras;Geographical=US;"),
        fact(acme, "", 2020, 667, segments="Geographical=US;ProductOrService=Cameras;"),
        fact(acme, "", 2020, 500, segments="Geographical=US;"),
        fact(acme, "Cameras", 2020, 0.6, uom="pure"),
        fact(acme, "Cameras", 2020, 77, qtrs="0"),
        fact(acme, "Cameras", 2020, 60, coreg="AcmeSub"),
        fact(acme, "Cameras", 2020, 350, tag="CostOfRevenue"),
        fact(acme, "", 2020, 999, tag="Assets", qtrs="0"),
        fact(acme, "Cameras", 2020, 150, qtrs="1"),
        *facts(acme, 2020, 1000, {"Cameras": 600}, tag="SalesRevenueNet"),  # explains less
        *facts(
            "0000000002-21-000002",
            2020,
            100,
            {"ProductMember": 70, "Service": 30},
            tag="OwnSales",
            version="x",
        ),
        fact("0000000002-21-000002", "", 2020, 100, tag="Revenues"),
        *facts("0000000003-21-000003", 2020, 100, {"Cloud": 81, "Chips": 73}),
        *facts("0000000004-21-000004", 2020, 200, {"CloudService": 40, "CloudServices": 20, "Cameras": 120}),
    ]
    amended = [
        *facts("0000000001-21-000009", 2020, 1000, {"Cameras": 500, "Lenses": 400, "Other": 100}),
        *facts("0000000001-21-000009", 2019, 800, {"Cameras": 400, "Lenses": 300, "Other": 100}),
    ]
    third = [
        *facts(
            "0000000001-22-000001",
            2021,
            1000,
            {"Cameras": 700, "Lenses": 300, "Robots": 200, "Eliminations": -200},
        ),
        *facts("0000000001-22-000001", 2020, 1000, {"Cameras": 500, "Lenses": 400, "Other": 100}),
        *facts("0000000001-22-000001", 2019, 800, {"Cameras": 350, "Lenses": 350, "Other": 100}),
        *facts("0000000004-22-000004", 2021, 200, {"CloudServices": 150, "Product": 50}),
    ]
    cost, own = tag("CostOfRevenue", crdr="D"), tag("OwnSales", "x")
    return {
        "2021q1": tables(
            [
                filing(acme, 1, "20210215"),
                filing("0000000002-21-000002", 2, "20210301", sic="7372"),
                filing("0000000003-21-000003", 3, "20210302", sic=""),
                filing("0000000004-21-000004", 4, "20210303", sic="7372", accepted="2021-03-03 16:00:00.0"),
            ],
            first,
            [cost, own],
        ),
        "2021q2": tables([filing("0000000001-21-000009", 1, "20210503", form="10-K/A")], amended),
        "2022q1": tables(
            [
                filing("0000000001-22-000001", 1, "20220215", name="ACME NEW", sic="3861"),
                filing("0000000004-22-000004", 4, "20220301", sic="7372"),
            ],
            third,
        ),
    }  # fmt: skip


WORDS = ("Cameras", "Lenses", "CloudService", "Chips", "Robots", "Drones", "Product", "Service")


def decade(filers: int = 12, changed_after: str | None = None) -> dict[str, Tables]:
    """Ten years of quarters: a 10-K a filer and year with two years' figures, some of them amended a quarter later.

    Filings after the day `changed_after` (YYYYMMDD) say other things, and some of them are missing.
    """
    sub: dict[str, list[dict[str, str]]] = {}
    num: dict[str, list[dict[str, str]]] = {}
    for year in range(2011, 2021):
        for number in range(4):
            sub[f"{year}q{number + 1}"], num[f"{year}q{number + 1}"] = [], []
        for cik in range(1, filers + 1):
            for amended in (False, True):
                number = cik % 3 + amended
                day = f"{year}{3 * number + 2:02d}{10 + cik:02d}"
                other = changed_after is not None and day > changed_after
                rng = np.random.default_rng((cik, year, amended, other))
                if (amended and cik % 4 != year % 4) or (other and rng.random() < 0.2):
                    continue
                name, adsh = f"{year}q{number + 1}", f"{cik:010d}-{year % 100:02d}-{1 + amended:06d}"
                sic = ("3571", "7372", "2834")[(cik + year // 4) % 3 if not other else int(rng.integers(3))]
                form = "10-K/A" if amended else "10-K"
                sub[name].append(filing(adsh, cik, day, sic=sic, form=form, period=f"{year - 1}1231"))
                for before in (1, 2):
                    words = rng.choice(WORDS, 3, replace=False)
                    values = rng.integers(50, 500, 3).astype(float)
                    products = dict(zip(map(str, words), map(float, values), strict=True))
                    num[name] += facts(adsh, year - before, float(values.sum()), products)
    return {name: tables(sub[name], num[name]) for name in sub}
