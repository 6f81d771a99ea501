"""`samgraph import sec` on made quarters: `python benchmarks/sec.py WORK [--quarters 42] [--rows 4500000]`.

Quarters are made once in WORK/zips (4.5 million figures of 6,000 filers make a zip of about 80 MB),
then imported by the command line in a process of its own: all but the newest, then with the newest, then again with
nothing new. What was measured is printed as JSON and written to WORK/results.json: seconds, the process's greatest
resident size, its processor time, the size of the zips, the rows of the dataset.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

TEXT = csv.WriteOptions(delimiter="\t", quoting_style="none", quoting_header="none")
REVENUE = "RevenueFromContractWithCustomerExcludingAssessedTax"
MEMBERS, PRODUCTS, YEARS = 4000, 5, 3
OTHERS = ("EquityComponents=Capital;", "LegalEntity=Parent;", "ClassOfStock=A;", "Scenario=Plan;")


def filings(number: int, filers: int) -> tuple[np.ndarray, pa.Table, str]:
    """The accession numbers of a quarter, its sub.txt, and the day before which its years ended."""
    year, month = 2010 + number // 4, 2 + 3 * (number % 4)
    adsh = np.array([f"{cik:010d}-{year % 100:02d}-{number:06d}" for cik in range(1, filers + 1)])
    day = f"{year}{month:02d}15"
    table = pa.table({
        "adsh": adsh, "cik": np.arange(1, filers + 1).astype(str), "name": [f"FIRM {cik} INC" for cik in range(filers)],
        "sic": [f"{2000 + cik * 7 % 6000}" for cik in range(filers)], "fye": ["1231"] * filers,
        "form": ["10-K"] * filers, "period": [f"{year - 1}1231"] * filers, "filed": [day] * filers,
        "accepted": [f"{year}-{month:02d}-15 10:00:00.0"] * filers, "prevrpt": ["0"] * filers,
    })  # fmt: skip
    return adsh, table, str(year - 1)


def numbers(rng: np.random.Generator, adsh: np.ndarray, year: str, rows: int) -> pa.Table:
    """num.txt: revenue by product of half of the filers for three years, costs as well, and other figures."""
    sellers = np.repeat(np.arange(0, len(adsh), 2), YEARS)
    ends = np.tile([f"{int(year) - back}1231" for back in range(YEARS)], len(adsh[::2]))
    # The same filer reports the same years with the same figures in every quarter of a year.
    value = rng.integers(100, 9_000, (len(sellers), PRODUCTS)) * 1000
    member = (sellers[:, None] * 31 + np.arange(PRODUCTS) * 977) % MEMBERS
    by_product = [f"ProductOrService=Line{one}Goods;" for one in member.ravel()]
    left = rows - len(sellers) * (1 + 2 * PRODUCTS)
    tags = np.array([f"Figure{one}OfTheBalanceSheetAndNotes" for one in range(3000)])
    segments = np.array(["", *OTHERS])[np.where(rng.random(left) < 0.6, 0, rng.integers(1, 5, left))]
    wide = np.repeat(adsh[sellers], PRODUCTS), np.repeat(ends, PRODUCTS)
    sizes = len(sellers), value.size, value.size, left

    def told(*parts: object) -> pa.Array:
        whole = [np.broadcast_to(np.asarray(one, dtype=str), n) for one, n in zip(parts, sizes, strict=True)]
        return pa.array(np.concatenate(whole))

    made = {
        "adsh": told(adsh[sellers], wide[0], wide[0], adsh[rng.integers(0, len(adsh), left)]),
        "tag": told(REVENUE, REVENUE, "CostOfRevenue", tags[rng.integers(0, 3000, left)]),
        "ddate": told(
            ends, wide[1], wide[1], np.array([f"{year}1231", f"{year}0930"])[rng.integers(0, 2, left)]
        ),
        "qtrs": told("4", "4", "4", np.array(["0", "1", "4"])[rng.integers(0, 3, left)]),
        "segments": told("", by_product, by_product, segments),
        "value": told(value.sum(axis=1), value.ravel(), value.ravel() // 2, rng.integers(0, 10**9, left)),
    }
    same = {"version": "us-gaap/2020", "uom": "USD", "coreg": "", "footnote": ""}
    order = ("adsh", "tag", "version", "ddate", "qtrs", "uom", "segments", "coreg", "value", "footnote")
    return pa.table({name: made.get(name, pa.array([same.get(name, "")] * rows)) for name in order})


def make(path: Path, number: int, rows: int, filers: int, *, a_year: int = 1) -> None:
    """Write the quarter of this number; with `a_year` 4 each filer files in one quarter of a year alone."""
    adsh, sub, year = filings(number, filers)
    mine = np.arange(filers) // 2 % a_year == number % a_year
    adsh, sub = adsh[mine], sub.filter(pa.array(mine))
    rng = np.random.default_rng([int(year), number % a_year])
    tags = [
        [name, "us-gaap/2020", "monetary", "D", kind]
        for name, kind in ((REVENUE, "C"), ("CostOfRevenue", "D"))
    ]
    tag = pa.table(
        dict(zip(("tag", "version", "datatype", "iord", "crdr"), zip(*tags, strict=True), strict=True))
    )
    scratch = path.with_suffix(".part")
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, table in (("sub", sub), ("num", numbers(rng, adsh, year, rows)), ("tag", tag)):
            with archive.open(f"{name}.txt", "w", force_zip64=True) as packed:
                csv.write_csv(table, packed, TEXT)
    scratch.rename(path)


def measured(folder: Path, out: Path, cache: Path) -> dict[str, float]:
    """Seconds by the clock and of the processor, and the greatest resident size in GiB, of one import."""
    began = time.perf_counter()
    command = [str(Path(sys.executable).with_name("samgraph")), "import", "sec", str(folder), str(out)]
    command += ["--cache", str(cache), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the import ended with {process.returncode}")
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "gib": round(used.ru_maxrss / 2**20, 2),
    }


def main() -> None:
    """Make, import, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--quarters", type=int, default=42)
    parser.add_argument("--rows", type=int, default=4_500_000, help="figures in num.txt of a quarter")
    parser.add_argument("--filers", type=int, default=6_000)
    asked = parser.parse_args()
    folder, out, cache = (asked.work / name for name in ("zips", "dataset", "cache"))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{2010 + one // 4}q{one % 4 + 1}.zip" for one in range(asked.quarters)]
    for number, path in enumerate(paths):
        if not path.exists():
            # In a process of its own: a child's greatest resident size is never below its parent's at the start.
            maker = multiprocessing.get_context("spawn").Process(
                target=make, args=(path, number, asked.rows, asked.filers)
            )
            maker.start()
            maker.join()
    shutil.rmtree(cache, ignore_errors=True)
    aside = paths[-1].rename(asked.work / paths[-1].name)
    results: dict[str, object] = {
        "quarters": asked.quarters, "rows_a_quarter": asked.rows, "filers": asked.filers, "cores": os.cpu_count(),
        "mb_a_quarter": round(aside.stat().st_size / 1e6, 1),
    }  # fmt: skip
    try:
        results["all_but_the_newest"] = measured(folder, out, cache)
    finally:
        aside.rename(paths[-1])
    results["with_the_newest"] = measured(folder, out, cache)
    results["nothing_new"] = measured(folder, out, cache)
    for name in ("segments", "products", "companies"):
        results[name] = sum(1 for _ in (out / f"{name}.csv").open()) - 1
    (asked.work / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
